"""DeltaOrthogonal: orthonormal in the middle, zero elsewhere, and constant norms over a hundred layers."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.initializers import DeltaOrthogonal

CASES = [
    dict(cls=DeltaOrthogonal, init_kwargs={"gain": 1.7, "seed": 3}, shape=(3, 4, 5, 6)),
    dict(cls=DeltaOrthogonal, init_kwargs={}, shape=(3, 4, 4)),
    dict(cls=DeltaOrthogonal, init_kwargs={"seed": 1}, shape=(1, 2, 3, 2, 7)),
]


def kernel(shape, dtype=None, **arguments):
    return keras.ops.convert_to_numpy(DeltaOrthogonal(**{"seed": 0, **arguments})(shape, dtype))


@pytest.mark.parametrize(
    "shape, middle",
    [((3, 5, 4, 4), (1, 2)), ((4, 2, 3, 6), (1, 0)), ((7, 2, 5), (3,)), ((1, 2, 3, 2, 2), (0, 0, 1))],
)
def test_the_middle_is_orthonormal_and_the_rest_zero(shape, middle):
    found = kernel(shape, gain=2.0).astype("float64")
    matrix = found[middle]
    np.testing.assert_allclose(matrix @ matrix.T, 4 * np.eye(shape[-2]), atol=1e-5)
    found[middle] = 0
    assert not found.any()


@pytest.mark.parametrize("size", [3, 4])
def test_norms_are_kept_through_a_hundred_layers(size):
    maps = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype("float32")
    outputs = maps
    for layer in range(100):
        shape = (size, size, outputs.shape[-1], 12)
        outputs = keras.ops.conv(
            outputs, DeltaOrthogonal(seed=layer)(shape), padding="same", data_format="channels_last"
        )
    outputs = keras.ops.convert_to_numpy(outputs)
    # At each position, not only over the whole map.
    np.testing.assert_allclose(np.linalg.norm(outputs, axis=-1), np.linalg.norm(maps, axis=-1), rtol=1e-4)


def test_three_axes_and_one():
    for layer, maps in (
        (keras.layers.Conv1D, np.ones((1, 9, 2), "float32")),
        (keras.layers.Conv3D, np.ones((1, 4, 5, 3, 2), "float32")),
    ):
        outputs = layer(6, 3, padding="same", kernel_initializer=DeltaOrthogonal(seed=0))(maps)
        np.testing.assert_allclose(
            np.linalg.norm(keras.ops.convert_to_numpy(outputs)), np.linalg.norm(maps), rtol=1e-5
        )


def test_directions_are_spread_evenly():
    """The mean of the matrices is 0, and the mean square of each entry is 1 / filters."""
    draws = np.stack([kernel((1, 1, 4, 4), seed=seed)[0, 0] for seed in range(400)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=4 * 0.5 / 20)
    np.testing.assert_allclose((draws**2).mean(axis=0), 0.25, atol=4 * 0.25 / 20)


def test_seeds():
    np.testing.assert_array_equal(kernel((3, 3, 4, 4), seed=5), kernel((3, 3, 4, 4), seed=5))
    assert not np.array_equal(kernel((3, 3, 4, 4), seed=5), kernel((3, 3, 4, 4), seed=6))
    generator = keras.random.SeedGenerator(1)
    assert not np.array_equal(kernel((1, 4, 4), seed=generator), kernel((1, 4, 4), seed=generator))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_kernel_has_the_given_dtype(dtype):
    found = DeltaOrthogonal(seed=0)((3, 4, 4), dtype)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    matrix = keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))[1]
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(4), atol=0.02 if "16" in dtype else 1e-5)


def test_gain_0_is_zero():
    assert not kernel((3, 3, 2, 2), gain=0).any()


@pytest.mark.parametrize("shape", [(3, 3, 4, 3), (4, 4), (2, 2, 2, 2, 2, 2)])
def test_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="`shape` must be .* as many filters as channels. Received: shape="):
        DeltaOrthogonal()(shape)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"gain": "relu"}, "`gain` must be a finite number. Received: gain='relu'"),
        ({"seed": "a"}, "`seed` argument should be .* Received: seed=a"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeltaOrthogonal(**arguments)
