"""One forward pass over a batch, padded so that a network is compiled for one batch size."""

import keras
import numpy as np

from keras_cnn_zoo import distribution


def outputs_of(model, inputs, size):
    """Returns the model's outputs for a batch, which is padded to `size`, as NumPy arrays."""
    count = len(keras.tree.flatten(inputs)[0])
    if count < size:
        inputs = keras.tree.map_structure(
            lambda array: np.concatenate([array, np.repeat(array[-1:], size - count, axis=0)]), inputs
        )
    distribution.prepare_to_predict(model)
    outputs = model.predict_on_batch(inputs)
    return keras.tree.map_structure(lambda array: keras.ops.convert_to_numpy(array)[:count], outputs)
