"""KernelSmoothness against a loop over neighboring taps."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_cnn_zoo.layers import (
    DeformableConv2D,
    GatedConv1D,
    HighwayConv2D,
    LocallyConnected1D,
    LocallyConnected2D,
    MLPConv2D,
    TiledConv1D,
    TiledConv2D,
)
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


def kernel_at(layer, size, channels, position):
    """Returns the kernel (*kernel_size, channels, filters) at a position, from responses to impulses."""
    taps = np.zeros((*layer.kernel_size, channels, layer.filters))
    for place in itertools.product(*map(range, layer.kernel_size), range(channels)):
        impulse = np.zeros((1, *size, channels), "float32")
        impulse[(0, *np.add(position, place[:-1]), place[-1])] = 1
        if layer.data_format == "channels_first":
            outputs = np.moveaxis(keras.ops.convert_to_numpy(layer(np.moveaxis(impulse, -1, 1))), 1, -1)
        else:
            outputs = keras.ops.convert_to_numpy(layer(impulse))
        taps[place] = outputs[(0, *position)]
    return taps


UNTIED = [
    # class, arguments, input size, number of kernels per axis
    (keras.layers.Conv1D, {"kernel_size": 4}, (7,), (1,)),
    (keras.layers.Conv2D, {"kernel_size": (3, 4)}, (5, 6), (1, 1)),
    (TiledConv1D, {"kernel_size": 4, "tile_size": 3}, (9,), (3,)),
    (TiledConv2D, {"kernel_size": (3, 4), "tile_size": 2}, (6, 7), (2, 2)),
    (LocallyConnected1D, {"kernel_size": 4}, (8,), (5,)),
    (LocallyConnected2D, {"kernel_size": (3, 4)}, (5, 5), (3, 2)),
    (LocallyConnected2D, {"kernel_size": (3, 4), "data_format": "channels_first"}, (5, 5), (3, 2)),
]


@pytest.mark.parametrize("cls, arguments, size, kernels", UNTIED)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_each_kernel_of_a_layer_is_smoothed_over_its_taps(cls, arguments, size, kernels, order):
    layer = cls(2, use_bias=False, kernel_regularizer=KernelSmoothness(0.3, order=order), **arguments)
    first = layer.data_format == "channels_first"
    layer.build((None, 2, *size) if first else (None, *size, 2))
    positions = itertools.product(*map(range, kernels))
    expected = sum(reference(kernel_at(layer, size, 2, position), 0.3, order) for position in positions)
    (penalty,) = layer.losses
    penalty = float(keras.ops.convert_to_numpy(penalty))
    assert expected > 0 and penalty == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("cls, arguments, size, kernels", UNTIED)
def test_the_penalty_of_a_layer_survives_its_config(cls, arguments, size, kernels):
    layer = cls(2, kernel_regularizer=KernelSmoothness(0.3, order=2), **arguments)
    shape = (None, 2, *size) if layer.data_format == "channels_first" else (None, *size, 2)
    layer.build(shape)
    copy = cls.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    copy.build(shape)
    copy.set_weights(layer.get_weights())
    losses = [float(keras.ops.convert_to_numpy(each.losses[0])) for each in (copy, layer)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (keras.layers.Conv3D(2, (2, 3, 4)), (5, 5, 5, 2)),
        (keras.layers.Conv2DTranspose(3, (3, 4)), (5, 5, 2)),
        (keras.layers.DepthwiseConv2D((3, 4), depth_multiplier=2), (5, 5, 2)),
        (keras.layers.SeparableConv2D(3, (3, 4)), (5, 5, 2)),
        (DeformableConv2D(2, (3, 2)), (5, 5, 2)),
        (GatedConv1D(2, 4), (7, 2)),
        (HighwayConv2D(2, (3, 2)), (5, 5, 2)),
        (MLPConv2D((3, 2), (3, 4)), (5, 5, 2)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else "",
)
def test_the_kernels_of_other_layers_are_their_weights(layer, shape):
    config = layer.get_config()
    names = [name for name in config if name in ("kernel_regularizer", "depthwise_regularizer")]
    for name in names:
        config[name] = keras.saving.serialize_keras_object(KernelSmoothness(0.3))
    layer = type(layer).from_config(config)
    layer.build((None, *shape))
    found = [weight for weight in layer.weights if weight.regularizer is not None]
    assert found
    expected = sum(reference(keras.ops.convert_to_numpy(weight), 0.3) for weight in found)
    found = sum(float(keras.ops.convert_to_numpy(loss)) for loss in layer.losses)
    assert found == pytest.approx(expected, rel=1e-5)


def test_equal_kernels_that_are_rough_cost_the_same_at_each_position():
    # Smoothing over positions would make them cost nothing.
    one = kernel(3, 3, 2, 2)
    regularizer = KernelSmoothness(0.5)
    each = regularizer.of_each_kernel((5, 3, 3, 2, 2))
    assert float(each(np.stack([one] * 5).reshape(5, 18, 2))) == pytest.approx(5 * float(regularizer(one)))


def test_several_kernels_of_other_shapes_raise():
    with pytest.raises(ValueError, match=r"`shape` must be \(kernels, .* Received: shape=\(3, 2, 2\)"):
        KernelSmoothness(0.1).of_each_kernel((3, 2, 2))
    with pytest.raises(ValueError, match=r"`x` must have the 24 numbers .* Received: x.shape=\(5, 5\)"):
        KernelSmoothness(0.1).of_each_kernel((2, 3, 2, 2))(np.zeros((5, 5)))


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
