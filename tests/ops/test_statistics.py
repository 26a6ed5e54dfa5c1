import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops import statistics


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_mean_equals_numpy_in_at_least_float32(dtype):
    # The sums exceed float16's largest number.
    values = np.full((2, 40, 50, 3), 60.0) + np.arange(3)
    means = statistics.mean(keras.ops.cast(values, dtype), (1, 2))
    assert keras.backend.standardize_dtype(means.dtype) == "float32"
    np.testing.assert_allclose(keras.ops.convert_to_numpy(means), values.mean((1, 2)), rtol=1e-6)


def test_mean_keeps_axes():
    values = np.arange(24, dtype="float32").reshape(2, 3, 4)
    means = keras.ops.convert_to_numpy(
        statistics.mean(keras.ops.convert_to_tensor(values), (1,), keepdims=True)
    )
    np.testing.assert_allclose(means, values.mean(1, keepdims=True))


def test_mean_of_unknown_sizes():
    inputs = keras.Input((None, None, 2))
    outputs = keras.layers.Lambda(lambda x: statistics.mean(x, (1, 2)), output_shape=(2,))(inputs)
    values = np.random.default_rng(0).normal(size=(3, 5, 4, 2)).astype("float32")
    model = keras.Model(inputs, outputs)
    np.testing.assert_allclose(model.predict(values, verbose=0), values.mean((1, 2)), rtol=1e-5, atol=1e-6)
