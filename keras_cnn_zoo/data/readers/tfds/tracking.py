"""Videos of TensorFlow Datasets with a box in each frame."""

import numpy as np

from keras_cnn_zoo.data.augmentation.pairs import has_target
from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.frames import PictureFrames
from keras_cnn_zoo.data.readers.tfds.opened import choose, keys_of
from keras_cnn_zoo.utils.errors import InputError

WANTED = "a video and a sequence of boxes"


def keys(name, features, held, supervised):
    """Returns the keys of video and boxes, or None if one of them is missing."""
    boxes = [
        key
        for key in keys_of(held, features.Sequence)
        if isinstance(getattr(held[key], "feature", None), features.BBoxFeature)
    ]
    video = choose(keys_of(held, features.Video), ("video", *supervised))
    target = choose(boxes, ("bboxes", "boxes", *supervised))
    return None if video is None or target is None else (video, target)


def found(opened):
    """Returns the `Found` of what was opened, whose frames are decoded on access."""

    def look(row):
        where = opened.where(row)
        if len(row[1]) != len(row[2]):
            raise InputError(f"{where} has {len(row[2])} boxes and {len(row[1])} frames")
        if not has_target(_boxes(row, where)).any():
            raise InputError(f"{where} has no frame with a target")
        if opened.options.skip_bad:
            for frame in row[1]:
                image_files.decode(frame, name=where)

    def example(row):
        where = opened.where(row)
        names = [f"{where}, frame {number}" for number in range(1, len(row[1]) + 1)]
        return {"frames": PictureFrames(row[1], names), "boxes": _boxes(row, where), "name": row[0]}

    return opened.survey(look).found(example, (), notes=opened.notes)


def _boxes(row, where):
    """Returns float32 (frames, 4) as left, top, width, height in pixels. TFDS has fractions of the frame."""
    info = image_files.inspect(row[1][0], name=where)
    top, left, bottom, right = np.asarray(row[2], "float64").reshape(-1, 4).T
    boxes = np.stack([left, top, right - left, bottom - top], axis=1)
    return (boxes * [info.width, info.height, info.width, info.height]).astype("float32")
