"""resize_bilinear against loops and Keras' resize."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.resizing import resize_bilinear
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def by_loops(inputs, size):
    batch, height, width, channels = inputs.shape
    outputs = np.zeros((batch, *size, channels))
    for y, x in np.ndindex(*size):
        row = min(max((y + 0.5) * height / size[0] - 0.5, 0), height - 1)
        column = min(max((x + 0.5) * width / size[1] - 0.5, 0), width - 1)
        top, left = int(row), int(column)
        bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
        down, across = row - top, column - left
        upper = (1 - across) * inputs[:, top, left] + across * inputs[:, top, right]
        lower = (1 - across) * inputs[:, bottom, left] + across * inputs[:, bottom, right]
        outputs[:, y, x] = (1 - down) * upper + down * lower
    return outputs


@pytest.mark.parametrize("size", [(20, 28), (11, 13), (5, 7), (5, 14), (3, 4), (1, 1)])
def test_equals_the_loops_and_keras(size):
    inputs = noise(2, 5, 7, 3)
    outputs = keras.ops.convert_to_numpy(resize_bilinear(inputs, size))
    np.testing.assert_allclose(outputs, by_loops(inputs, size), atol=1e-5)
    peer = keras.ops.image.resize(inputs, size, data_format="channels_last")
    np.testing.assert_allclose(outputs, keras.ops.convert_to_numpy(peer), atol=1e-5)


def test_the_same_size_returns_the_same_map():
    inputs = noise(1, 4, 6, 2)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(resize_bilinear(inputs, (4, 6))), inputs)


def test_the_gradient_is_the_transposed_matrix():
    inputs = noise(1, 3, 4, 1)
    factors = noise(1, 7, 9, 1)
    _, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(resize_bilinear(x, (7, 9)) * factors), [inputs]
    )
    expected = np.zeros_like(inputs)
    for place in np.ndindex(*inputs.shape):
        one = np.zeros_like(inputs)
        one[place] = 1
        expected[place] = (by_loops(one, (7, 9)) * factors).sum()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(gradient), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_keeps_its_dtype(dtype):
    inputs = keras.ops.convert_to_tensor(noise(1, 4, 4, 2), dtype=dtype)
    outputs = resize_bilinear(inputs, (8, 8))
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    wide = by_loops(keras.ops.convert_to_numpy(keras.ops.cast(inputs, "float32")), (8, 8))
    found = keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
    np.testing.assert_allclose(found, wide, atol=0.03)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sizes are unknown on TensorFlow only")
def test_works_with_sizes_known_only_at_run_time():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 2)), tf.TensorSpec((None, None, None, 1))])
    def like(inputs, other):
        return resize_bilinear(inputs, keras.ops.shape(other)[1:3])

    for size in ((9, 8), (4, 3), (2, 5)):
        inputs = noise(2, 4, 3, 2)
        outputs = like(inputs, np.zeros((1, *size, 1), "float32"))
        np.testing.assert_allclose(outputs.numpy(), by_loops(inputs, size), atol=1e-5)
