"""Readers of the weights and networks of other collections.

A spec with a slash names its collection first: "keras/NAME", "kerashub/PRESET", "timm/NAME",
"torchvision/NAME", and "hf://USER/REPO[@REVISION]" for presets of this package on the Hugging Face Hub.
"""

from keras_cnn_zoo.utils.errors import InputError

COLLECTIONS = ("keras", "kerashub", "timm", "torchvision")
HUB = "hf://"


def collection_of(spec):
    """Returns the collection that a spec names, or None for anything else, such as the path of a preset."""
    if not isinstance(spec, str) or "/" not in spec:
        return None
    first = spec.split("/")[0]
    return first if first in COLLECTIONS else None


def is_foreign(spec):
    """Returns whether a spec names something outside of this package and this machine."""
    return collection_of(spec) is not None or is_on_hub(spec)


def check_weights(spec, weights):
    """Raises an InputError for a file of weights next to a spec that is not downloaded.

    Args:
        spec: value of `backbone` or `preset`, or None.
        weights: path of the file, or None.
    """
    if weights is not None and not is_foreign(spec):
        raise InputError(
            "`weights` replaces the download of a `backbone` or `preset` of another collection or on the "
            f"hub, such as keras/ResNet50 or hf://USER/REPO. Received: {spec!r} with weights={weights!r}"
        )


def is_on_hub(spec):
    """Returns whether a spec names a preset on the Hugging Face Hub."""
    return isinstance(spec, str) and spec.startswith(HUB)
