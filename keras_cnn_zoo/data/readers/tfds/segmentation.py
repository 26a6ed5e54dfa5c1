"""Segmentation data of TensorFlow Datasets: an image and a mask."""

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.masks import mask_classes, values_of
from keras_cnn_zoo.data.readers.numbered_names import numbered_names
from keras_cnn_zoo.data.readers.tfds.opened import check_pixels, choose, keys_of, plain_pictures
from keras_cnn_zoo.data.survey import shared_channels
from keras_cnn_zoo.utils.errors import InputError

WANTED = "an image and a mask"
_MASK_WORDS = ("segmentation_mask", "segmentation_label", "mask", "label")


def keys(name, features, held, supervised):
    """Returns the keys of image and mask, or None if one of them is missing."""
    plain = plain_pictures(features, held)
    targets = keys_of(held, features.LabeledImage)
    targets = targets or [key for key in plain if key != "image" and held[key].shape[-1] == 1]
    target = choose(targets, (*_MASK_WORDS, *supervised))
    image = choose([key for key in plain if key != target], ("image", *supervised))
    if image is None or target is None:
        return None
    check_pixels(name, image, held[image])
    check_pixels(name, target, held[target])
    return image, target


def found(opened):
    """Returns the `Found` of what was opened."""
    options = opened.options

    def where(row):
        return f"tfds:{opened.name}: the mask of {row[0]}"

    def look(row):
        info = opened.look_at_picture(row)
        mask = image_files.decode_index(row[2], name=where(row))
        if mask.shape != (info.height, info.width):
            raise InputError(
                f"{where(row)} is {mask.shape[1]} x {mask.shape[0]} pixels and its "
                f"image is {info.width} x {info.height}"
            )
        return info, values_of(mask)

    seen = opened.survey(look)
    channels = shared_channels(info for info, _ in seen.all_looks())
    own = tuple(getattr(opened.features[opened.keys[1]], "names", None) or ()) or None
    class_names = numbered_names(own, options, f"tfds:{opened.name}")
    values = {name: [of_mask for _, of_mask in looks] for name, looks in seen.looks.items()}
    classes = mask_classes(
        values, options, f"tfds:{opened.name}", names=class_names, named_by=options.named_by("its feature")
    )

    def check(row, look):
        classes.check(look[1], options.ignore_label, where(row))

    def example(row):
        mask = image_files.decode_index(row[2], name=where(row))
        return {"image": opened.picture(row, channels), "mask": classes.of_mask(mask)}

    return seen.again(check).found(
        example, classes.names, channels=channels, notes=(*opened.notes, *classes.notes)
    )
