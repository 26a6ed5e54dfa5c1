"""WeightNormalization against layers with the normalized kernel, and its initialization from data."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import WeightNormalization
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def normalized(v, g, units):
    """Returns g v / norm(v) per unit; `units` are the kernel axes that index units."""
    kernel = np.zeros_like(v)
    for unit in np.ndindex(*g.shape):
        where = [slice(None)] * v.ndim
        for axis, index in zip(units, unit, strict=True):
            where[axis] = index
        kernel[tuple(where)] = g[unit] * v[tuple(where)] / np.sqrt((v[tuple(where)] ** 2).sum())
    return kernel


def dense_reference(inputs, weights, layer):
    kernel = normalized(weights["inner/kernel"], weights["g"], (1,))
    outputs = np.zeros((len(inputs), kernel.shape[1]))
    for n, o, i in np.ndindex(*outputs.shape, inputs.shape[1]):
        outputs[n, o] += inputs[n, i] * kernel[i, o]
    return 1 / (1 + np.exp(-outputs - weights["inner/bias"]))


def depthwise_reference(inputs, weights, layer):
    """Valid windows of 2 x 3, channels last; two filters per channel."""
    kernel = normalized(weights["inner/kernel"], weights["g"], (2, 3))
    batch, height, width, channels = inputs.shape
    outputs = np.zeros((batch, height - 1, width - 2, channels, 2))
    for n, y, x, c, m, i, j in np.ndindex(*outputs.shape, 2, 3):
        outputs[n, y, x, c, m] += inputs[n, y + i, x + j, c] * kernel[i, j, c, m]
    return outputs.reshape(*outputs.shape[:3], -1) + weights["inner/bias"]


def transposed_reference(inputs, weights, layer):
    """Windows of 2 without overlap: every input position gives two outputs."""
    kernel = normalized(weights["inner/kernel"], weights["g"], (1,))
    batch, steps, channels = inputs.shape
    outputs = np.zeros((batch, 2 * steps, kernel.shape[1]))
    for n, t, o, i, c in np.ndindex(batch, steps, kernel.shape[1], 2, channels):
        outputs[n, 2 * t + i, o] += inputs[n, t, c] * kernel[i, o, c]
    return outputs + weights["inner/bias"]


CASES = [
    dict(
        cls=WeightNormalization,
        init_kwargs={"layer": keras.layers.Dense(3, activation="sigmoid", name="inner")},
        input_shape=(2, 5),
        reference=dense_reference,
    ),
    dict(
        cls=WeightNormalization,
        init_kwargs={
            "layer": keras.layers.DepthwiseConv2D(
                (2, 3), depth_multiplier=2, data_format="channels_last", name="inner"
            )
        },
        input_shape=(2, 4, 5, 2),
        reference=depthwise_reference,
    ),
    dict(
        cls=WeightNormalization,
        init_kwargs={
            "layer": keras.layers.Conv1DTranspose(3, 2, strides=2, data_format="channels_last", name="inner")
        },
        input_shape=(2, 4, 2),
        reference=transposed_reference,
    ),
]

LAYERS = [
    (lambda: keras.layers.Dense(4), (9, 3), (4,)),
    (lambda: keras.layers.Dense(1, use_bias=False), (9, 3, 2), (1,)),
    (lambda: keras.layers.Conv1D(4, 3, padding="causal", dilation_rate=2), (9, 8, 3), (4,)),
    (lambda: keras.layers.Conv2D(4, (3, 2), strides=2, groups=2), (9, 7, 6, 2), (4,)),
    (lambda: keras.layers.Conv2D(4, 3, data_format="channels_first", use_bias=False), (9, 3, 6, 5), (4,)),
    (lambda: keras.layers.Conv3D(2, 2, padding="same"), (9, 3, 4, 3, 2), (2,)),
    (lambda: keras.layers.Conv1DTranspose(4, 3, strides=2), (9, 5, 3), (4,)),
    (lambda: keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same"), (9, 5, 4, 3), (4,)),
    (lambda: keras.layers.Conv3DTranspose(2, 2), (9, 3, 2, 3, 3), (2,)),
    (lambda: keras.layers.DepthwiseConv1D(3, depth_multiplier=2), (9, 7, 3), (3, 2)),
    (lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=2), (9, 5, 6, 3), (3, 2)),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("make, shape, lengths", LAYERS)
def test_wrapping_keeps_the_output_and_lengths_scale_it(make, shape, lengths):
    inner, inputs = make(), noise(*shape)
    layer = WeightNormalization(inner)
    outputs = numpy_of(layer(inputs))
    assert layer.g.shape == lengths
    np.testing.assert_allclose(outputs, numpy_of(inner(inputs)), rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *outputs.shape[1:])
    inner.kernel.assign(7 * numpy_of(inner.kernel))
    np.testing.assert_allclose(numpy_of(layer(inputs)), outputs, rtol=1e-4, atol=1e-5)
    layer.g.assign(3 * numpy_of(layer.g))
    np.testing.assert_allclose(numpy_of(layer(inputs)), 3 * outputs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make, shape, lengths", LAYERS)
def test_initialize_gives_mean_0_and_variance_1_before_the_activation(make, shape, lengths):
    inner, inputs = make(), 5 * noise(*shape) + 2
    inner.activation = keras.activations.relu
    layer = WeightNormalization(inner)
    layer.initialize(inputs)
    assert inner.activation is keras.activations.relu
    inner.activation = None
    outputs = numpy_of(layer(inputs))
    channels = 1 if getattr(inner, "data_format", None) == "channels_first" else -1
    outputs = np.moveaxis(outputs, channels, -1).reshape(-1, outputs.shape[channels])
    if inner.use_bias:
        np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(outputs.var(axis=0), 1, rtol=1e-3)


def test_gradients_are_orthogonal_to_the_direction():
    layer, inputs = WeightNormalization(keras.layers.Dense(3)), noise(6, 4)
    layer(inputs)
    _, _, (of_v,) = value_and_gradients(
        lambda: keras.ops.sum(keras.ops.square(layer(inputs))), variables=[layer.layer.kernel]
    )
    np.testing.assert_allclose((numpy_of(of_v) * numpy_of(layer.layer.kernel)).sum(axis=0), 0, atol=1e-4)
    assert np.abs(numpy_of(of_v)).max() > 0.1


def test_a_kernel_of_zeros_gives_zeros_and_finite_gradients():
    layer = WeightNormalization(keras.layers.Dense(3, kernel_initializer="zeros", use_bias=False))
    assert not numpy_of(layer(noise(2, 4))).any()
    _, _, gradients = value_and_gradients(
        lambda: keras.ops.sum(layer(noise(2, 4))), variables=layer.trainable_variables
    )
    assert all(np.isfinite(numpy_of(gradient)).all() for gradient in gradients)


def test_frozen_wrappers_and_layers_do_not_train():
    layer, inputs = WeightNormalization(keras.layers.Dense(3)), noise(2, 4)
    expected = numpy_of(layer(inputs))
    assert len(layer.trainable_variables) == 3
    layer.trainable = False
    np.testing.assert_array_equal(numpy_of(layer(inputs)), expected)
    assert not layer.trainable_variables


def test_it_trains_in_a_model():
    inputs = noise(64, 6, 6, 2)
    model = keras.Sequential(
        [
            WeightNormalization(keras.layers.Conv2D(4, 3, activation="relu")),
            keras.layers.Flatten(),
            WeightNormalization(keras.layers.Dense(1)),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse")
    targets = inputs.mean(axis=(1, 2, 3))[:, None]
    losses = model.fit(inputs, targets, epochs=10, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_losses_match_the_layer():
    inner = keras.layers.Dense(3, kernel_regularizer="l2", activity_regularizer=keras.regularizers.L1(0.5))
    layer = WeightNormalization(inner)
    outputs = numpy_of(layer(noise(2, 4)))
    expected = [0.01 * np.sum(numpy_of(inner.kernel) ** 2), 0.5 * np.abs(outputs).sum()]
    found = [float(numpy_of(loss)) for loss in layer.losses]
    np.testing.assert_allclose(sorted(found), sorted(expected), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, 1.7, np.nan, np.inf])
def test_initialize_refuses_constant_and_infinite_outputs(value):
    layer = WeightNormalization(keras.layers.Dense(2))
    with pytest.raises(ValueError, match=r"every unit for `inputs` must vary and be finite.* the variance "):
        layer.initialize(np.full((7, 3), value, "float32"))


class Lookalike(keras.layers.Layer):
    """Layer whose kernel has an unknown meaning."""


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.BatchNormalization(),
        keras.layers.SeparableConv2D(2, 3),
        keras.layers.Dense(2, lora_rank=1),
        Lookalike(),
        "dense",
        None,
    ],
)
def test_refuses_other_layers(layer):
    with pytest.raises(ValueError, match=r"`layer` must be a Dense, ConvND, .* Received: layer="):
        WeightNormalization(layer)
