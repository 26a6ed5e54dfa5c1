"""BilinearUpsampling against a bilinear resize and the kernel of the paper's published code."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.initializers import BilinearUpsampling


def reference(shape):
    kernel = np.zeros(shape)
    spatial = shape[:-2]
    for position in np.ndindex(*spatial):
        weight = 1.0
        for place, size in zip(position, spatial, strict=True):
            factor = (size + 1) // 2
            centre = factor - 1 if size % 2 else factor - 0.5
            weight *= 1 - abs(place - centre) / factor
        for channel in range(shape[-1]):
            kernel[(*position, channel, channel)] = weight
    return kernel


CASES = [
    dict(cls=BilinearUpsampling, init_kwargs={}, shape=(4, 5, 3, 3), reference=reference),
    dict(cls=BilinearUpsampling, init_kwargs={}, shape=(6, 2, 2), reference=reference),
    dict(cls=BilinearUpsampling, init_kwargs={}, shape=(4, 4, 3, 2, 2), reference=reference),
]


def test_four_taps_by_hand():
    kernel = keras.ops.convert_to_numpy(BilinearUpsampling()((4, 4, 1, 1)))[..., 0, 0]
    row = np.array([0.25, 0.75, 0.75, 0.25])
    np.testing.assert_array_equal(kernel, row[:, None] * row)


@pytest.mark.parametrize("strides", [2, 3, 4, 8])
def test_transposed_convolution_is_the_bilinear_resize_inside_the_border(strides):
    inputs = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    up = keras.layers.Conv2DTranspose(
        3,
        2 * strides - strides % 2,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=BilinearUpsampling(),
        data_format="channels_last",
    )
    outputs = keras.ops.convert_to_numpy(up(inputs))
    expected = keras.ops.convert_to_numpy(
        keras.ops.image.resize(inputs, (6 * strides, 7 * strides), data_format="channels_last")
    )
    inside = (slice(None), slice(strides, -strides), slice(strides, -strides))
    np.testing.assert_allclose(outputs[inside], expected[inside], atol=1e-5)


@pytest.mark.parametrize("strides", [2, 4])
def test_one_axis_is_linear_interpolation(strides):
    ramp = np.arange(8, dtype="float32").reshape(1, 8, 1)
    up = keras.layers.Conv1DTranspose(
        1,
        2 * strides,
        strides=strides,
        padding="same",
        kernel_initializer=BilinearUpsampling(),
        data_format="channels_last",
    )
    outputs = keras.ops.convert_to_numpy(up(ramp))[0, :, 0]
    places = (np.arange(8 * strides) + 0.5) / strides - 0.5
    np.testing.assert_allclose(outputs[strides:-strides], places[strides:-strides], atol=1e-5)


def test_constants_stay_constant_and_channels_stay_separate():
    inputs = np.zeros((1, 5, 5, 2), "float32")
    inputs[..., 1] = 3.0
    up = keras.layers.Conv2DTranspose(
        2, 4, strides=2, padding="same", kernel_initializer=BilinearUpsampling(), data_format="channels_last"
    )
    outputs = keras.ops.convert_to_numpy(up(inputs))[0, 2:-2, 2:-2]
    np.testing.assert_allclose(outputs, np.broadcast_to([0.0, 3.0], outputs.shape), atol=1e-6)


def test_the_kernel_has_the_given_dtype():
    assert keras.backend.standardize_dtype(BilinearUpsampling()((4, 2, 2)).dtype) == "float32"
    assert keras.backend.standardize_dtype(BilinearUpsampling()((4, 2, 2), "float16").dtype) == "float16"


@pytest.mark.parametrize("shape", [(4, 4, 2, 3), (4, 4), (2, 2, 2, 2, 3, 3)])
def test_invalid_arguments_raise(shape):
    with pytest.raises(ValueError, match="`shape` must be .* as many filters as channels. Received: shape="):
        BilinearUpsampling()(shape)
