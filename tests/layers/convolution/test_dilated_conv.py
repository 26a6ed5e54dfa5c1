"""The corrected Keras convolutions: channels_first gives the numbers of channels_last."""

import numpy as np
import pytest

from keras_cnn_zoo.layers.convolution.dilated_conv import Conv1D, Conv2D
from tests.layers.convolution.oracles import noise, numpy_of


@pytest.mark.parametrize(
    "cls, shape, filters, arguments",
    [
        (Conv1D, (2, 9, 4), 9, {"kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
        (Conv1D, (2, 9, 4), 5, {"kernel_size": 2, "padding": "same", "strides": 2, "activation": "relu"}),
        (Conv1D, (2, 9, 4), 7, {"kernel_size": 3, "use_bias": False}),
        (Conv2D, (2, 5, 9, 4), 9, {"kernel_size": 3, "padding": "same", "dilation_rate": 2}),
        (Conv2D, (2, 5, 9, 4), 9, {"kernel_size": 1, "activation": "relu"}),
        (Conv2D, (2, 5, 10, 4), 8, {"kernel_size": 3, "groups": 2}),
        (Conv2D, (2, 5, 9, 4), 7, {"kernel_size": 3, "use_bias": False}),
    ],
)
def test_channels_first_works_if_width_equals_filters(cls, shape, filters, arguments):
    inputs = noise(*shape)
    last = cls(filters, data_format="channels_last", bias_initializer="random_normal", **arguments)
    expected = numpy_of(last(inputs))
    assert expected.shape[-2] == filters
    first = cls(filters, data_format="channels_first", **arguments)
    first.build(np.moveaxis(inputs, -1, 1).shape)
    first.set_weights(last.get_weights())
    outputs = np.moveaxis(numpy_of(first(np.moveaxis(inputs, -1, 1))), 1, -1)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
