"""LpPooling against equation (7) of the survey by loops, its limits, Keras, and PyTorch."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import LpPooling1D, LpPooling2D, LpPooling3D
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.layers.pooling.oracles import pooled


def reference(inputs, weights, p=2.0, normalize=False, **windows):
    def norm(window):
        entries = np.abs(window)
        if p in ("inf", np.inf):
            return entries.max()
        total = 0.0
        for entry in entries:
            total += entry**p
        return (total / (len(entries) if normalize else 1)) ** (1 / p)

    return pooled(inputs, norm, **windows)


CASES = [
    dict(
        cls=LpPooling1D,
        init_kwargs={
            "pool_size": 3,
            "strides": 2,
            "padding": "same",
            "data_format": "channels_last",
            "p": 3.0,
            "normalize": True,
        },
        input_shape=(2, 9, 3),
        reference=reference,
    ),
    dict(
        cls=LpPooling2D,
        init_kwargs={
            "pool_size": (3, 2),
            "strides": (3, 2),
            "padding": "same",
            "data_format": "channels_last",
            "p": 2.5,
            "normalize": True,
        },
        input_shape=(2, 8, 7, 3),
        reference=reference,
    ),
    dict(
        cls=LpPooling3D,
        init_kwargs={
            "pool_size": (2, 3, 2),
            "strides": (1, 2, 2),
            "padding": "same",
            "data_format": "channels_last",
            "p": 1.5,
            "normalize": True,
        },
        input_shape=(2, 4, 6, 5, 2),
        reference=reference,
    ),
    dict(cls=LpPooling1D, init_kwargs={"p": 0.5}, input_shape=(2, 7, 3), reference=reference),
    dict(cls=LpPooling2D, init_kwargs={}, input_shape=(2, 6, 7, 3), reference=reference),
    dict(
        cls=LpPooling2D,
        init_kwargs={"pool_size": 3, "strides": 2, "p": "inf", "padding": "same"},
        input_shape=(2, 6, 7, 3),
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=LpPooling2D,
        init_kwargs={"pool_size": 2, "strides": 3, "p": 2.0},
        input_shape=(2, 8, 7, 3),
        reference=reference,
    ),
    dict(
        cls=LpPooling2D,
        init_kwargs={"pool_size": (3, 2), "strides": (1, 2), "p": 1.0, "padding": "same"},
        input_shape=(2, 5, 6, 3),
        reference=reference,
    ),
    dict(cls=LpPooling3D, init_kwargs={"p": 4.0}, input_shape=(1, 5, 4, 6, 2), reference=reference),
    dict(
        cls=LpPooling3D,
        init_kwargs={"p": "inf"},
        input_shape=(1, 4, 4, 6, 2),
        reference=reference,
        selects_value="maximum",
    ),
]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def outputs_and_gradient(layer, inputs):
    """Returns the outputs and the gradient of their sum, in float32."""
    inputs = np.asarray(inputs, layer.compute_dtype)
    outputs = numpy_of(keras.ops.cast(layer(inputs), "float32"))
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x)), [inputs])
    return outputs, numpy_of(keras.ops.cast(gradient, "float32"))


def test_a_3x3_case_by_hand():
    inputs = np.array([[3, -4, 0], [0, 0, 5], [12, 0, 0]], "float32").reshape(1, 3, 3, 1)
    outputs = numpy_of(LpPooling2D(2, strides=1)(inputs))[0, ..., 0]
    np.testing.assert_allclose(outputs, [[5, 41**0.5], [12, 5]], rtol=1e-6)


@pytest.mark.parametrize("strides", [2, 1, (3, 1)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_p_1_normalized_equals_average_pooling(strides, padding):
    inputs = noise(2, 7, 8, 3)
    average = keras.layers.AveragePooling2D(2, strides, padding)(np.abs(inputs))
    outputs = LpPooling2D(2, strides, padding, p=1, normalize=True)(inputs)
    np.testing.assert_allclose(numpy_of(outputs), numpy_of(average), rtol=1e-5)


@pytest.mark.parametrize("p", ["inf", float("inf"), 1e300])
@pytest.mark.parametrize("normalize", [True, False])
def test_p_infinity_equals_max_pooling(p, normalize):
    inputs = noise(2, 7, 8, 3)
    expected = numpy_of(keras.layers.MaxPooling2D(3, 2)(np.abs(inputs)))
    outputs = LpPooling2D(3, 2, p=p, normalize=normalize)(inputs)
    np.testing.assert_array_equal(numpy_of(outputs), expected)


def test_infinity_in_the_config_is_valid_json():
    config = LpPooling2D(p=float("inf")).get_config()
    assert config["p"] == "inf"
    assert LpPooling2D.from_config(config).p == float("inf")


@pytest.mark.parametrize("strides", [2, 1])
def test_the_output_approaches_the_maximum_as_p_grows(strides):
    inputs = noise(1, 6, 6, 2)
    means = [numpy_of(LpPooling2D(2, strides, p=p, normalize=True)(inputs)) for p in (0.5, 1, 3, 50, 2000)]
    for smaller, larger in zip(means[:-1], means[1:], strict=True):
        assert (smaller < larger).all()
    np.testing.assert_allclose(means[-1], numpy_of(LpPooling2D(2, strides, p="inf")(inputs)), rtol=1e-3)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, 2.5])
@pytest.mark.parametrize("size, strides", [(2, 2), (3, 2)])
def test_equals_pytorch_on_positive_inputs(p, size, strides):
    torch = pytest.importorskip("torch")
    inputs = np.abs(noise(2, 9, 8, 3)) + 0.1
    peer = torch.nn.LPPool2d(p, size, strides)(torch.tensor(inputs.transpose(0, 3, 1, 2)))
    outputs = numpy_of(LpPooling2D(size, strides, p=p)(inputs))
    np.testing.assert_allclose(outputs, peer.numpy().transpose(0, 2, 3, 1), rtol=2e-6)


@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize("p", [0.3, 0.5, 1, 2, 3, 7.5, 16, 1000.0, 1e20, "inf"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_zeros_have_a_finite_gradient(p, strides, dtype):
    inputs = np.abs(noise(1, 6, 6, 1))
    inputs[0, :3] = 0
    inputs[0, 4, 4] = 0
    layer = LpPooling2D(2, strides, p=p, normalize=True, dtype=dtype)
    outputs, gradient = outputs_and_gradient(layer, inputs)
    assert (outputs[0, 0] == 0).all() and np.isfinite(outputs).all()
    assert (gradient[0, :2] == 0).all() and np.isfinite(gradient).all()
    assert np.abs(gradient[0, 3:]).max() > 0


@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize("p", [0.5, 2, 3, 7.5, 40.0])
@pytest.mark.parametrize("scale", [1e-35, 1e-25, 1e25, 1e37])
def test_is_proportional_to_its_input_over_the_whole_range(p, strides, scale):
    inputs = np.abs(noise(1, 4, 6, 2)).astype("float64") + 0.1
    expected = reference(inputs, {}, p=p, normalize=True, pool_size=2, strides=strides) * scale
    outputs = numpy_of(LpPooling2D(2, strides, p=p, normalize=True)((inputs * scale).astype("float32")))
    np.testing.assert_allclose(outputs, expected, rtol=3e-5)


@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize("p", [0.5, 2, 3, 7.5, 40.0])
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_gradient_does_not_depend_on_the_scale(p, strides, scale):
    inputs = np.abs(noise(1, 4, 6, 2)) + 0.1
    layer = LpPooling2D(2, strides, p=p, normalize=True)
    gradient = outputs_and_gradient(layer, inputs * scale)[1]
    np.testing.assert_allclose(gradient, outputs_and_gradient(layer, inputs)[1], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("p", [2, 7.5])
@pytest.mark.parametrize("strides", [2, 1])
def test_windows_of_small_values_next_to_large_ones_are_exact(p, strides):
    inputs = noise(1, 2, 8, 1)
    inputs[:, :, 4:] *= 1e-20
    outputs = numpy_of(LpPooling2D(2, strides, p=p)(inputs))
    alone = numpy_of(LpPooling2D(2, strides, p=p)(inputs[:, :, 4:]))
    np.testing.assert_array_equal(outputs[:, :, -alone.shape[2] :], alone)


def test_large_values_in_float16_do_not_overflow():
    layer = LpPooling2D(2, p=4.0, normalize=True, dtype="float16")
    outputs, gradient = outputs_and_gradient(layer, np.full((1, 2, 2, 1), 60000))
    np.testing.assert_allclose(outputs, 60000, rtol=1e-3)
    np.testing.assert_allclose(gradient, 0.25, rtol=1e-3)


def test_an_overflowing_sum_saturates_and_is_not_nan():
    inputs = np.zeros((1, 2, 4, 1), "float32")
    inputs[0, :, 2:] = 1
    outputs = numpy_of(LpPooling2D(2, p=0.01)(inputs)).ravel()
    assert outputs[0] == 0 and outputs[1] > 1e38


def test_padding_is_excluded_from_the_mean():
    outputs = LpPooling2D(3, 2, "same", p=2, normalize=True)(np.full((1, 5, 5, 1), -3.0, "float32"))
    np.testing.assert_allclose(numpy_of(outputs), 3, rtol=1e-6)


def test_an_empty_batch_and_a_window_of_one_are_accepted():
    assert LpPooling2D(2)(np.zeros((0, 4, 4, 1), "float32")).shape == (0, 2, 2, 1)
    inputs = noise(1, 3, 3, 2)
    np.testing.assert_allclose(numpy_of(LpPooling2D(1, p=5.5)(inputs)), np.abs(inputs), rtol=1e-6)
    np.testing.assert_allclose(numpy_of(LpPooling2D(1, 2)(inputs)), np.abs(inputs)[:, ::2, ::2], rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX needs JAX_ENABLE_X64 for float64")
def test_a_window_of_one_is_exact_in_3d_float64():
    inputs = noise(1, 2, 3, 2, 2).astype("float64")
    outputs = numpy_of(LpPooling3D(1, p=2, dtype="float64")(inputs))
    np.testing.assert_allclose(outputs, np.abs(inputs), rtol=1e-6)


def test_same_padding_accepts_a_window_larger_than_the_map():
    inputs = noise(1, 2, 3, 1)
    expected = reference(inputs, {}, pool_size=5, padding="same")
    np.testing.assert_allclose(numpy_of(LpPooling2D(5, padding="same")(inputs)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"pool_size": 0}, "`pool_size` must be a positive integer or 2 of them. Received: pool_size="),
        ({"pool_size": (2, 2, 2)}, "`pool_size` must be"),
        ({"strides": -1}, "`strides` must be a positive integer or 2 of them. Received: strides="),
        ({"padding": "causal"}, "`padding` must be one of 'valid', 'same'. Received: padding='causal'"),
        ({"data_format": "NHWC"}, "`data_format` must be one of"),
        ({"p": 0}, '`p` must be a number above 0, or "inf". Received: p=0'),
        ({"p": -2.0}, '`p` must be a number above 0, or "inf". Received: p=-2.0'),
        ({"p": float("nan")}, '`p` must be a number above 0, or "inf". Received: p=nan'),
        ({"p": float("-inf")}, "`p` must be"),
        ({"normalize": 1}, "`normalize` must be True or False. Received: normalize=1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        LpPooling2D(**arguments)
    assert message in str(caught.value)


def test_refuses_inputs_smaller_than_a_window():
    with pytest.raises(ValueError, match=r"window of `LpPooling2D` is larger .* input_shape=\(1, 2, 4, 3\)"):
        LpPooling2D(3).build((1, 2, 4, 3))
    with pytest.raises(ValueError, match=r"`LpPooling1D` takes inputs of rank 3"):
        LpPooling1D(2).build((1, 4, 4, 3))


@pytest.mark.parametrize("strides", [2, 1])
def test_the_sum_of_a_window_may_be_the_largest_number(strides):
    inputs = np.array([3e38, 1e37, -2e37, 1e36], "float32").reshape(1, 2, 2, 1)
    outputs = LpPooling2D(2, strides, p=2.0)(inputs)
    np.testing.assert_allclose(outputs[0, 0, 0, 0], np.sqrt((inputs.astype("float64") ** 2).sum()), rtol=1e-5)
