"""SqueezeExcitation against the paper's three steps in NumPy."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import SqueezeExcitation


def reference(inputs, weights, data_format=None, activation="relu", **_):
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    maps = inputs if first else np.moveaxis(inputs, -1, 1)
    outputs = np.empty_like(maps)
    for n, example in enumerate(maps):
        squeezed = np.array([channel.sum() / channel.size for channel in example])
        hidden = squeezed @ weights["reduce/kernel"] + weights["reduce/bias"]
        hidden = np.where(hidden > 0, hidden, np.expm1(hidden) if activation == "elu" else 0.0)
        gate = 1 / (1 + np.exp(-(hidden @ weights["expand/kernel"] + weights["expand/bias"])))
        outputs[n] = example * gate[:, None, None]
    return outputs if first else np.moveaxis(outputs, 1, -1)


CASES = [
    dict(
        cls=SqueezeExcitation,
        init_kwargs={
            "ratio": 2,
            "data_format": "channels_last",
            "activation": "elu",
            "kernel_initializer": "glorot_uniform",
        },
        input_shape=(2, 3, 4, 6),
        reference=reference,
    ),
    dict(cls=SqueezeExcitation, init_kwargs={}, input_shape=(1, 2, 2, 4), reference=reference),
]


def test_a_closed_gate_gives_zeros_and_an_open_gate_the_input():
    layer = SqueezeExcitation(2)
    inputs = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype("float32")
    layer.build(inputs.shape)
    for bias, factor in ((-100.0, 0.0), (100.0, 1.0)):
        layer.expand.bias.assign(np.full(4, bias))
        layer.expand.kernel.assign(np.zeros((2, 4)))
        np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(inputs)), factor * inputs, atol=1e-6)


def test_fewer_channels_than_the_ratio_keep_one_unit():
    layer = SqueezeExcitation(16)
    layer.build((None, None, None, 3))
    assert layer.reduce.units == 1 and layer.expand.units == 3


def test_the_gate_depends_only_on_the_whole_map():
    layer = SqueezeExcitation(1)
    inputs = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype("float32")
    moved = np.roll(inputs, (1, 2), axis=(1, 2))
    np.testing.assert_allclose(
        np.roll(keras.ops.convert_to_numpy(layer(inputs)), (1, 2), axis=(1, 2)),
        keras.ops.convert_to_numpy(layer(moved)),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"ratio": 0}, "`ratio` must be a positive integer. Received: ratio=0"),
        ({"data_format": "last"}, "`data_format` must be one of .* Received: data_format='last'"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        SqueezeExcitation(**arguments)


def test_refuses_inputs_without_a_map_or_channels():
    with pytest.raises(ValueError, match=r"inputs of rank 4. Received: input_shape=\(1, 4, 3\)"):
        SqueezeExcitation().build((1, 4, 3))
    with pytest.raises(ValueError, match="number of channels must be known"):
        SqueezeExcitation().build((1, 4, 4, None))
