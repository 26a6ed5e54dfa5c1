"""Segmentation data of TensorFlow Datasets: a picture and a mask."""

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.masks import check_values, count_classes, values_of
from keras_cnn_zoo.data.readers.tfds.opened import check_pixels, choose, plain_pictures
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

WANTED = "a picture and a mask"
_MASK_WORDS = ("segmentation_mask", "segmentation_label", "mask", "label")


def keys(name, features, held, supervised):
    """Keys of picture and mask, or None where there are none."""
    plain = plain_pictures(features, held)
    targets = [key for key, feature in held.items() if isinstance(feature, features.LabeledImage)]
    targets = targets or [key for key in plain if key != "image" and held[key].shape[-1] == 1]
    target = choose(targets, (*_MASK_WORDS, *supervised))
    image = choose([key for key in plain if key != target], ("image", *supervised))
    if image is None or target is None:
        return None
    check_pixels(name, image, held[image])
    check_pixels(name, target, held[target])
    return image, target


def found(opened):
    """The examples of what was opened."""
    name, options, values = opened.name, opened.options, {}

    def look(row):
        info = opened.look_at_picture(row)
        mask = image_files.decode_index(row[2], name=f"tfds:{name}: the mask of {row[0]}")
        if mask.shape != (info.height, info.width):
            raise InputError(
                f"tfds:{name}: the mask of {row[0]} is {mask.shape[1]} x {mask.shape[0]} pixels and its "
                f"picture is {info.width} x {info.height}"
            )
        values[row[0]] = values_of(mask)
        return info

    kept, looks, skipped = opened.survey(look)
    channels = max((info.channels for info in looks), default=3)
    class_names = options.class_names or tuple(getattr(opened.features[opened.keys[1]], "names", None) or ())
    if not class_names:
        of_training = kept.get("train", [row for rows in kept.values() for row in rows])
        present = {value for row in of_training for value in values[row[0]]}
        count = count_classes(present, options.ignore_label, f"tfds:{name}")
        class_names = tuple(str(value) for value in range(count))

    def check(row):
        where = f"tfds:{name}: the mask of {row[0]}"
        check_values(values[row[0]], len(class_names), options.ignore_label, where)

    for split_name, rows in kept.items():
        kept[split_name], _, bad = survey(rows, check, skip_bad=options.skip_bad)
        skipped.extend(bad)

    def split(rows):
        def read_example(position):
            row = rows[position]
            mask = image_files.decode_index(row[2], name=f"tfds:{name}: the mask of {row[0]}")
            return {"image": opened.picture(row, channels), "mask": mask}

        return Split([row[0] for row in rows], read_example)

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, tuple(class_names), channels, opened.notes, tuple(skipped))
