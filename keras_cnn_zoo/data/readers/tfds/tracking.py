"""Videos of TensorFlow Datasets with a box in each frame."""

import numpy as np

from keras_cnn_zoo.data.augmentation.pairs import has_target
from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.frames import PictureFrames
from keras_cnn_zoo.data.readers.tfds.opened import choose
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.utils.errors import InputError

WANTED = "a video and a sequence of boxes"


def keys(name, features, held, supervised):
    """Keys of video and boxes, or None where there are none."""
    videos = [key for key, feature in held.items() if isinstance(feature, features.Video)]
    boxes = [
        key
        for key, feature in held.items()
        if isinstance(feature, features.Sequence)
        and isinstance(getattr(feature, "feature", None), features.BBoxFeature)
    ]
    video = choose(videos, ("video", *supervised))
    target = choose(boxes, ("bboxes", "boxes", *supervised))
    return None if video is None or target is None else (video, target)


def found(opened):
    """The sequences of what was opened; their frames stay encoded until asked for."""

    def look(row):
        where = f"tfds:{opened.name}: {row[0]}"
        if len(row[1]) != len(row[2]):
            raise InputError(f"{where} has {len(row[2])} boxes and {len(row[1])} frames")
        if not has_target(_boxes(row, where)).any():
            raise InputError(f"{where} shows its target in no frame")
        if opened.options.skip_bad:
            for frame in row[1]:
                image_files.decode(frame, name=where)

    kept, _, skipped = opened.survey(look)

    def split(rows):
        def read_example(position):
            row = rows[position]
            where = f"tfds:{opened.name}: {row[0]}"
            names = [f"{where}, frame {number}" for number in range(1, len(row[1]) + 1)]
            return {"frames": PictureFrames(row[1], names), "boxes": _boxes(row, where), "name": row[0]}

        return Split([row[0] for row in rows], read_example)

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, (), None, opened.notes, tuple(skipped))


def _boxes(row, where):
    """float32 (frames, 4) in pixels as left, top, width, height; TFDS has shares of the frame."""
    info = image_files.inspect(row[1][0], name=where)
    top, left, bottom, right = np.asarray(row[2], "float64").reshape(-1, 4).T
    boxes = np.stack([left, top, right - left, bottom - top], axis=1)
    return (boxes * [info.width, info.height, info.width, info.height]).astype("float32")
