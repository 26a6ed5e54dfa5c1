"""Networks of `keras.applications` as backbones: "keras/NAME", with ImageNet's weights or those of a file.

    Keras' network -> without its own preprocessing -> with maps of ceil(size / stride) cells -> levels

Keras' networks round some maps down, for example where they pool without padding. Levels could then not be
joined. Such layers get the padding "same", which has no weights. For the sizes that a network was made for,
its values stay the same, except for `InceptionV3`, `InceptionResNetV2`, `Xception`, and `NASNet`: they leave
out the border of the image, so their maps are also shifted by a few pixels.
"""

import difflib
import os
import warnings

import keras
import numpy as np

from keras_cnn_zoo.presets.manifest import fail
from keras_cnn_zoo.presets.sources import graphs, keras_files
from keras_cnn_zoo.presets.sources.downloads import OTHERWISE
from keras_cnn_zoo.presets.sources.keras_networks import NETWORKS, TORCH
from keras_cnn_zoo.utils import validation

_PREPROCESSING = ("InputLayer", "Rescaling", "Normalization")


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class KerasNetwork(keras.Model):
    """A network of `keras.applications` with fresh weights, whose output is a dict of levels.

    Its config is the name of the network. Weights come from a file, or by `load` of this module.

    Args:
        network: name of the constructor, such as "EfficientNetV2B0".
        preprocessing: dict of the `mean` and `std` of its pixels in RGB; None for those of its ImageNet
            weights.
        name: name of the model; None for that of the network.
        original: the network as Keras makes it, whose weights are copied; None for fresh weights.
    """

    def __init__(self, network, *, preprocessing=None, name=None, original=None):
        if network not in NETWORKS:
            validation.fail("network", f"one of {', '.join(sorted(NETWORKS))}", network)
        facts = NETWORKS[network]
        fresh = original is None
        body = _adapted(_original(network) if fresh else original, facts.levels, with_weights=not fresh)
        super().__init__(body.input, body.output, name=network.lower() if name is None else name)
        self.network = network
        self.preprocessing = facts.preprocessing if preprocessing is None else preprocessing

    @property
    def strides(self):
        """A dict from the name of a level to its stride."""
        return {name: 2 ** int(name[1:]) for name in self.output}

    def get_config(self):
        """Returns the name of the network, and the scale of its pixels."""
        preprocessing = {
            key: list(value) if isinstance(value, (list, tuple)) else value
            for key, value in self.preprocessing.items()
        }
        return {"network": self.network, "preprocessing": preprocessing, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the network of a config."""
        return cls(**config)


def load(label, name, weights=None):
    """Returns a `KerasNetwork` with pretrained weights.

    Args:
        label: the spec in messages.
        name: name of the constructor in `keras.applications`.
        weights: path of a `.h5`, `.weights.h5`, or `.keras` file of this network, with or without its head;
            None to download Keras' ImageNet weights without the head.

    Raises:
        InputError: for an unknown name, a failed download, or a file that does not fit.
    """
    if name not in NETWORKS:
        close = difflib.get_close_matches(name.lower(), map(str.lower, NETWORKS), n=1)
        meant = [known for known in NETWORKS if [known.lower()] == close]
        hint = f"did you mean keras/{meant[0]}? " if meant else ""
        fail(label, f"no such network in keras.applications; {hint}Known: {', '.join(sorted(NETWORKS))}")
    original = _downloaded(label, name) if weights is None else _of_file(label, name, os.fspath(weights))
    facts = NETWORKS[name]
    model = KerasNetwork(name, preprocessing=_preprocessing_of(original), original=original)
    if facts.blue_first:
        # The first kernel (height, width, BGR, filters) then takes RGB, as all networks here.
        kernel = model.weights[0]
        kernel.assign(np.asarray(keras.ops.convert_to_numpy(kernel))[:, :, ::-1])
    return model


def _downloaded(label, name):
    try:
        return _original(name, weights="imagenet")
    # Keras raises a plain Exception for a failed download, and other errors for a damaged file.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fail(label, f"the download of its weights failed ({reason}){OTHERWISE}", error)


def _of_file(label, name, path):
    def make(include_top):
        return _original(name, include_top=include_top)

    return keras_files.load(label, make, path)


def _original(name, *, weights=None, include_top=False):
    """Returns the network as Keras makes it."""
    facts = NETWORKS[name]
    shape = {} if include_top else {"input_shape": (facts.size, facts.size, 3)}
    with graphs.channels_last(), warnings.catch_warnings():
        # Of the default image size, which weights without a head do not depend on.
        warnings.filterwarnings("ignore", "`input_shape` is undefined")
        return getattr(keras.applications, name)(
            include_top=include_top, weights=weights, **shape, **facts.arguments
        )


def _adapted(original, levels, *, with_weights):
    """Returns a network of the layers of `original` after its own preprocessing, for any image size.

    Its output is a dict of levels, and it has copies of the weights or fresh ones.
    """
    first = next(layer for layer in original.layers if type(layer).__name__ not in _PREPROCESSING)
    core = keras.Model(first.input, original.output)
    copy = graphs.copied(core, (None, None, 3), with_weights=with_weights)
    found = {
        "": copy.model.output,
        **copy.after,
        **{f">{name}": tensor for name, tensor in copy.before.items()},
    }
    return keras.Model(copy.model.input, {level: found[entry] for level, entry in levels.items()})


def _preprocessing_of(original):
    """Returns the `mean` and `std` of a network that learned them from its training images, or None."""
    found = [layer for layer in original.layers if type(layer).__name__ == "Normalization" and layer.weights]
    if not found:
        return None
    # EfficientNet, on the scale 0..1. Keras' weights have the standard deviation as the variance, and another
    # layer divides by its square root once more.
    mean, variance, *_ = (np.asarray(value, dtype="float64").reshape(-1) for value in found[0].get_weights())
    std = np.sqrt(variance) * np.sqrt(np.divide(TORCH["std"], 255))
    if mean.shape != (3,) or std.shape != (3,) or not np.isfinite([mean, std]).all() or not (std > 0).all():
        return None
    if (mean == 0).all() and (variance == 1).all():
        # Never adapted, as in a network that was trained from fresh weights: without that other layer.
        return {"mean": 0.0, "std": 255.0}
    return {"mean": (255 * mean).tolist(), "std": (255 * std).tolist()}
