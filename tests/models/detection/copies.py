"""Copies of a layer by every way that Keras has."""

import copy
import pickle

import keras
import numpy as np


def assert_copies_agree(layer, *inputs):
    """Copies of a layer, which this calls first, return the same numbers."""
    expected = layer(*inputs)
    config = layer.get_config()
    revived = type(layer).from_config(config)
    revived(*inputs)
    revived.set_weights(layer.get_weights())
    for made in (revived, pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert made.get_config() == config
        for one, other in zip(keras.tree.flatten(made(*inputs)), keras.tree.flatten(expected), strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))
