"""KernelSmoothness against a loop over neighboring taps."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_cnn_zoo.regularizers import KernelSmoothness
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def difference(taps):
    """Returns the difference of order `len(taps) - 1` of the taps."""
    return taps[0] if len(taps) == 1 else difference(taps[1:]) - difference(taps[:-1])


def reference(weight, factor, order=1):
    total = 0.0
    for axis in range(weight.ndim - 2):
        lines = np.moveaxis(weight, axis, -1).reshape(-1, weight.shape[axis])
        for line in lines:
            for start in range(len(line) - order):
                total += difference(line[start : start + order + 1]) ** 2
    return factor * total


def kernel(*shape):
    return np.random.default_rng(0).normal(size=shape)


CASES = [
    dict(
        cls=KernelSmoothness,
        init_kwargs={"factor": 0.3, "order": 2},
        weight=kernel(5, 4, 2, 3),
        reference=reference,
    ),
    dict(cls=KernelSmoothness, init_kwargs={"factor": 0.02}, weight=kernel(7, 2, 3), reference=reference),
    dict(cls=KernelSmoothness, init_kwargs={"factor": 1}, weight=kernel(3, 2, 3, 2, 2), reference=reference),
]


@given(st.lists(st.integers(1, 5), min_size=3, max_size=5), st.integers(1, 4))
def test_equals_the_loop(shape, order):
    weight = kernel(*shape)
    found = float(KernelSmoothness(0.5, order=order)(weight))
    assert found == pytest.approx(reference(weight, 0.5, order), rel=1e-5, abs=1e-6)


def test_three_by_three_by_hand():
    weight = np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]).reshape(3, 3, 1, 1)
    assert float(KernelSmoothness(1.0)(weight)) == 4.0
    assert float(KernelSmoothness(1.0, order=2)(weight)) == 8.0


def test_equal_taps_and_straight_lines_cost_nothing():
    assert float(KernelSmoothness(1.0)(np.full((3, 5, 2, 2), 7.0))) == 0.0
    slope = np.add.outer(np.arange(4.0), 3 * np.arange(5.0))[..., None, None]
    assert float(KernelSmoothness(1.0, order=2)(slope)) == 0.0
    assert float(KernelSmoothness(1.0)(slope)) == 5 * 3 + 4 * 4 * 9


def test_channels_and_filters_are_independent():
    weight = kernel(3, 3, 4, 5)
    shuffled = weight[:, :, ::-1, [3, 1, 4, 0, 2]]
    assert float(KernelSmoothness(1.0)(weight)) == pytest.approx(float(KernelSmoothness(1.0)(shuffled)))


@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (2, 1, 3, 4), (2, 2, 1)])
def test_a_short_axis_costs_nothing(shape):
    value, (gradient,), _ = value_and_gradients(KernelSmoothness(1.0, order=2), [kernel(*shape)])
    assert float(value) == 0.0
    assert not keras.ops.convert_to_numpy(gradient).any()


def test_factor_zero_costs_nothing_and_half_precision_is_computed_in_float32():
    assert float(KernelSmoothness(0)(kernel(3, 3, 2, 2))) == 0.0
    weight = keras.ops.convert_to_tensor(np.array([-300.0, 300.0]).reshape(2, 1, 1), dtype="float16")
    assert float(KernelSmoothness(1.0)(weight)) == pytest.approx(3.6e5)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(4, 5, kernel_regularizer=KernelSmoothness(0.1)),
        keras.layers.Conv2DTranspose(4, 5, kernel_regularizer=KernelSmoothness(0.1)),
        keras.layers.DepthwiseConv2D(5, depthwise_regularizer=KernelSmoothness(0.1)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_learn_smooth_kernels(layer):
    model = keras.Sequential([keras.Input((12, 12, 3)), layer])
    # With zero input, only the penalty changes the kernel.
    model.compile(keras.optimizers.SGD(1.0), "mse")
    inputs = np.zeros((4, 12, 12, 3), "float32")
    outputs = np.zeros((4, *model.output_shape[1:]), "float32")
    first = layer.get_weights()[0]
    model.fit(inputs, outputs, epochs=60, verbose=0)
    last = layer.get_weights()[0]
    assert reference(last, 1.0) < 0.05 * reference(first, 1.0)
    np.testing.assert_allclose(last.mean(axis=(0, 1)), first.mean(axis=(0, 1)), atol=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"factor": -1}, "`factor` must be a finite number at least 0. Received: factor=-1"),
        ({"order": 0}, "`order` must be a positive integer. Received: order=0"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        KernelSmoothness(**{"factor": 0.1, **arguments})


@pytest.mark.parametrize("shape", [(3, 4), (2, 2, 3, 3, 3, 3)])
def test_refuses_shapes_that_are_not_a_kernel(shape):
    with pytest.raises(ValueError, match=r"`x` must be a kernel .* Received: x.shape="):
        KernelSmoothness(0.1)(np.zeros(shape))
