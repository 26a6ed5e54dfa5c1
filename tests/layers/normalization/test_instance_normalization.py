"""InstanceNormalization against its formula, and Keras' group normalization with one channel per group."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import InstanceNormalization


def reference(inputs, weights, axis=-1, epsilon=1e-5, **_):
    moved = np.moveaxis(inputs, axis, -1)
    outputs = np.empty_like(moved)
    for n, c in np.ndindex(moved.shape[0], moved.shape[-1]):
        values = moved[n, ..., c]
        mean = values.sum() / values.size
        variance = ((values - mean) ** 2).sum() / values.size
        normal = (values - mean) / np.sqrt(variance + epsilon)
        gamma = weights["gamma"][c] if "gamma" in weights else 1.0
        outputs[n, ..., c] = gamma * normal + (weights["beta"][c] if "beta" in weights else 0.0)
    return np.moveaxis(outputs, -1, axis)


CASES = [
    dict(
        cls=InstanceNormalization,
        init_kwargs={
            "axis": 1,
            "epsilon": 1e-2,
            "center": True,
            "scale": True,
            "beta_initializer": "ones",
            "gamma_initializer": "zeros",
            "beta_regularizer": "l1",
            "gamma_regularizer": "l2",
            "beta_constraint": "max_norm",
            "gamma_constraint": "non_neg",
        },
        input_shape=(2, 3, 5, 4),
        reference=reference,
    ),
    dict(
        cls=InstanceNormalization,
        init_kwargs={"center": False, "scale": False},
        input_shape=(2, 6, 3),
        reference=reference,
    ),
    dict(cls=InstanceNormalization, init_kwargs={}, input_shape=(2, 3, 4, 2, 3), reference=reference),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("axis, shape", [(-1, (2, 7, 5, 3)), (1, (2, 3, 7, 5)), (-1, (3, 9, 4))])
def test_it_equals_keras_group_normalization_with_one_channel_per_group(axis, shape):
    inputs = 3 * noise(*shape) + 1
    layer = InstanceNormalization(axis=axis, epsilon=1e-3)
    sibling = keras.layers.GroupNormalization(groups=-1, axis=axis, epsilon=1e-3)
    for each in (layer, sibling):
        each.build(shape)
        each.set_weights([noise(*weight.shape, seed=1) for weight in each.weights])
    np.testing.assert_allclose(numpy_of(layer(inputs)), numpy_of(sibling(inputs)), atol=1e-5)


def test_it_removes_contrast_and_brightness_per_example():
    inputs = noise(3, 8, 8, 4)
    changed = inputs * np.array([2.0, 5.0, 0.5]).reshape(3, 1, 1, 1) + np.array([1.0, -3.0, 9.0]).reshape(
        3, 1, 1, 1
    )
    layer = InstanceNormalization(epsilon=1e-9)
    outputs = numpy_of(layer(inputs))
    np.testing.assert_allclose(outputs.mean(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(outputs.var(axis=(1, 2)), 1, rtol=1e-4)
    np.testing.assert_allclose(numpy_of(layer(changed.astype("float32"))), outputs, atol=1e-4)


def test_an_example_does_not_depend_on_its_batch_or_the_mode():
    inputs, layer = noise(4, 6, 6, 2), InstanceNormalization()
    outputs = numpy_of(layer(inputs))
    np.testing.assert_allclose(numpy_of(layer(inputs[1:2])), outputs[1:2], atol=1e-6)
    np.testing.assert_array_equal(numpy_of(layer(inputs, training=True)), outputs)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e4, 1e-30])
def test_a_flat_map_and_a_map_of_one_position_become_beta(value):
    layer = InstanceNormalization(beta_initializer=keras.initializers.Constant(0.25))
    for shape in [(2, 4, 4, 3), (1, 1, 1, 3)]:
        np.testing.assert_allclose(numpy_of(layer(np.full(shape, value, "float32"))), 0.25, atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision_statistics_use_float32(dtype):
    # The squares overflow float16, and a float16 mean of 4096 values loses all precision.
    inputs = (500 * noise(1, 64, 64, 2) + 1000).astype("float16").astype("float32")
    outputs = numpy_of(InstanceNormalization(dtype=dtype)(inputs))
    rounded = numpy_of(keras.ops.cast(inputs, keras.DTypePolicy(dtype).compute_dtype))
    expected = reference(rounded.astype("float64"), {})
    np.testing.assert_allclose(outputs, expected, atol=2e-2 if "bf" in dtype else 3e-3)


def test_a_large_mean_does_not_cancel_the_variance():
    inputs = 1e4 + noise(1, 16, 16, 1)
    outputs = numpy_of(InstanceNormalization()(inputs))
    np.testing.assert_allclose(outputs, reference(inputs.astype("float64"), {}), atol=1e-2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"axis": 1.0}, "`axis` must be an integer. Received: axis=1.0"),
        ({"epsilon": 0}, "`epsilon` must be a finite number above 0. Received: epsilon=0"),
        ({"center": 1}, "`center` must be True or False. Received: center=1"),
        ({"scale": None}, "`scale` must be True or False. Received: scale=None"),
        ({"gamma_initializer": "nonsense"}, "nonsense"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        InstanceNormalization(**arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "axis, shape, message",
    [
        (-1, (2, 3), r"rank 3 or more.* Received: input_shape=\(2, 3\)"),
        (0, (2, 3, 4), "other than the batch's. Received: axis=0"),
        (4, (2, 3, 4), "other than the batch's. Received: axis=4"),
        (-1, (2, 3, None), "must have a known size"),
    ],
)
def test_refuses_inputs_that_do_not_fit(axis, shape, message):
    with pytest.raises(ValueError, match=message):
        InstanceNormalization(axis=axis).build(shape)
