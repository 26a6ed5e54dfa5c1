"""LocalResponseNormalization against AlexNet's formula and PyTorch's layer."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import LocalResponseNormalization
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75, axis=-1):
    source = np.moveaxis(inputs, axis, -1)
    outputs = np.empty_like(source)
    count = source.shape[-1]
    for place in np.ndindex(source.shape):
        energy = 0.0
        for channel in range(max(0, place[-1] - depth_radius), min(count - 1, place[-1] + depth_radius) + 1):
            energy += source[(*place[:-1], channel)] ** 2
        outputs[place] = source[place] / (bias + alpha * energy) ** beta
    return np.moveaxis(outputs, -1, axis)


CASES = [
    dict(
        cls=LocalResponseNormalization,
        init_kwargs={"depth_radius": 1, "bias": 0.5, "alpha": 0.3, "beta": 0.6, "axis": -1},
        input_shape=(2, 3, 4, 5),
        reference=reference,
    ),
    dict(
        cls=LocalResponseNormalization,
        init_kwargs={"alpha": 0.1, "axis": 1},
        input_shape=(2, 7, 3, 2),
        reference=reference,
    ),
    dict(
        cls=LocalResponseNormalization,
        init_kwargs={"depth_radius": 9},
        input_shape=(2, 4),
        reference=reference,
    ),
]


@pytest.mark.parametrize("depth_radius, channels", [(0, 3), (1, 1), (2, 6), (3, 5), (8, 4)])
def test_equals_pytorch_with_alpha_times_the_window(depth_radius, channels):
    torch = pytest.importorskip("torch")
    inputs = np.random.default_rng(0).normal(size=(2, channels, 4, 3)).astype("float32") * 5
    window = 2 * depth_radius + 1
    peer = torch.nn.LocalResponseNorm(window, alpha=window * 0.02, beta=0.75, k=1.5)
    layer = LocalResponseNormalization(depth_radius, bias=1.5, alpha=0.02, axis=1)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(inputs)), peer(torch.tensor(inputs)).numpy(), rtol=2e-6, atol=1e-7
    )


def test_the_defaults_match_alexnet():
    layer = LocalResponseNormalization()
    assert (layer.depth_radius, layer.bias, layer.alpha, layer.beta) == (2, 2.0, 1e-4, 0.75)


def test_beta_0_and_alpha_0_give_a_constant_factor():
    inputs = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    same = LocalResponseNormalization(beta=0.0)(inputs)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(same), inputs, rtol=1e-6)
    scaled = LocalResponseNormalization(alpha=0.0, bias=4.0, beta=0.5)(inputs)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scaled), inputs / 2, rtol=1e-6)


def test_a_channel_of_zeros_stays_zero_with_a_finite_gradient():
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    inputs[..., 1] = 0
    layer = LocalResponseNormalization(depth_radius=1, alpha=1.0)
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    assert not outputs[..., 1].any() and outputs[..., 0].all()
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x)), [np.zeros_like(inputs)])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(gradient), 2.0**-0.75, rtol=1e-6)


def test_squares_do_not_overflow_in_float16():
    layer = LocalResponseNormalization(alpha=1e-4, dtype="float16")
    outputs = keras.ops.convert_to_numpy(layer(np.full((1, 3), 6e4, "float16")))
    expected = 6e4 / (2 + 1e-4 * 3 * 3.6e9) ** 0.75
    np.testing.assert_allclose(outputs.astype("float64"), expected, rtol=2e-3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"depth_radius": -1}, "`depth_radius` must be a non-negative integer. Received: depth_radius=-1"),
        ({"depth_radius": 1.5}, "`depth_radius` must be a non-negative integer"),
        ({"bias": 0}, "`bias` must be a finite number above 0. Received: bias=0"),
        ({"alpha": -1e-4}, "`alpha` must be a finite number at least 0. Received: alpha=-0.0001"),
        ({"beta": float("inf")}, "`beta` must be a finite number at least 0. Received: beta=inf"),
        ({"axis": "last"}, "`axis` must be an integer. Received: axis='last'"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        LocalResponseNormalization(**arguments)


def test_refuses_inputs_without_known_channels():
    with pytest.raises(ValueError, match="Axis -1 of the input must have a known size"):
        LocalResponseNormalization().build((2, 4, 4, None))
    with pytest.raises(ValueError, match="`axis` must name an axis of the input other than the batch's"):
        LocalResponseNormalization().build((2,))
