"""SpectralPooling2D against a cropped explicit discrete Fourier transform."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import SpectralPooling2D


def centered_transform(length):
    """Returns the discrete Fourier transform, and its frequencies from -length // 2 in ascending order."""
    frequencies = np.arange(length) - length // 2
    return np.exp(-2j * np.pi * np.outer(frequencies, np.arange(length)) / length), frequencies


def cropped(image, height, width):
    """The algorithm of Rippel et al. for one channel: transform, crop, treat corner cases, invert."""
    rows, row_frequencies = centered_transform(image.shape[0])
    columns, column_frequencies = centered_transform(image.shape[1])
    spectrum = rows @ image @ columns.T
    new_rows, kept_rows = centered_transform(height)
    new_columns, kept_columns = centered_transform(width)
    small = np.empty((height, width), complex)
    for i, row in enumerate(kept_rows):
        for j, column in enumerate(kept_columns):
            small[i, j] = spectrum[row_frequencies == row, column_frequencies == column].item()
            if row in (0, -height / 2) and column in (0, -width / 2):
                small[i, j] = small[i, j].real
    return (new_rows.conj().T @ small @ new_columns.conj()).real / image.size


def reference(inputs, weights, output_size=None, pool_size=None, data_format=None):
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    inputs = inputs if first else np.moveaxis(inputs, -1, 1)
    if output_size is None:
        factors = (pool_size,) * 2 if isinstance(pool_size, int) else pool_size
        output_size = [length // factor for length, factor in zip(inputs.shape[2:], factors, strict=True)]
    height, width = (output_size,) * 2 if isinstance(output_size, int) else output_size
    outputs = np.array([[cropped(channel, height, width) for channel in example] for example in inputs])
    return outputs if first else np.moveaxis(outputs, 1, -1)


CASES = [
    dict(
        cls=SpectralPooling2D,
        init_kwargs={"output_size": None, "pool_size": (2, 3), "data_format": "channels_last"},
        input_shape=(2, 9, 13, 3),
        reference=reference,
    ),
    dict(
        cls=SpectralPooling2D,
        init_kwargs={"output_size": (5, 4)},
        input_shape=(2, 8, 7, 3),
        reference=reference,
    ),
    dict(cls=SpectralPooling2D, init_kwargs={"pool_size": 2}, input_shape=(2, 8, 12, 3), reference=reference),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (8, 9), (9, 9)])
@pytest.mark.parametrize(
    "output_size", [(1, 1), (2, 2), (4, 4), (5, 4), (4, 5), (5, 5), (8, 8), (6, 8), (8, 3)]
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_equals_the_cropped_transform_for_odd_and_even_sizes(size, output_size, data_format):
    inputs = noise(2, *size, 2) if data_format == "channels_last" else noise(2, 2, *size)
    expected = reference(inputs.astype("float64"), {}, output_size, data_format=data_format)
    outputs = numpy_of(SpectralPooling2D(output_size, data_format=data_format)(inputs))
    np.testing.assert_allclose(outputs, expected, atol=2e-6)


@pytest.mark.parametrize("output_size", [3, 4, 7, (10, 1)])
def test_keeps_the_mean(output_size):
    inputs = noise(2, 10, 11, 3) + 5
    outputs = numpy_of(SpectralPooling2D(output_size)(inputs))
    np.testing.assert_allclose(outputs.mean((1, 2)), inputs.mean((1, 2)), rtol=1e-5)


def test_a_constant_stays_constant():
    outputs = numpy_of(SpectralPooling2D(5)(np.full((1, 12, 9, 1), 3.0, "float32")))
    np.testing.assert_allclose(outputs, 3.0, rtol=1e-5)


def test_resamples_a_band_limited_image_exactly():
    def image(height, width):
        y, x = np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij")
        waves = np.cos(2 * np.pi * (y + 0.1)) + 0.5 * np.sin(2 * np.pi * (2 * x - y)) + 0.25
        return waves[None, ..., None].astype("float32")

    for size in [(6, 6), (5, 7), (16, 12)]:
        outputs = numpy_of(SpectralPooling2D(size)(image(16, 12)))
        np.testing.assert_allclose(outputs, image(*size), atol=2e-6)


def test_the_full_size_is_the_identity():
    for size in [(6, 7), (8, 8), (5, 5)]:
        inputs = noise(1, *size, 2)
        np.testing.assert_allclose(numpy_of(SpectralPooling2D(size)(inputs)), inputs, atol=2e-6)


def test_pool_size_rounds_down():
    assert SpectralPooling2D(pool_size=(2, 3)).compute_output_shape((None, 9, 11, 2)) == (None, 4, 3, 2)
    assert SpectralPooling2D(pool_size=2).compute_output_shape((None, None, 8, 2)) == (None, None, 4, 2)


def test_long_axes_are_accurate():
    inputs = noise(1, 1024, 2, 1)
    expected = np.fft.ifft(
        np.fft.fft(inputs[0, :, :, 0].astype("float64"), axis=0)[np.r_[0:128, -127:0]], axis=0
    )
    outputs = numpy_of(SpectralPooling2D((255, 2))(inputs))[0, :, :, 0]
    np.testing.assert_allclose(outputs, expected.real * 255 / 1024, atol=5e-6)


@pytest.mark.parametrize(
    "arguments", [{"pool_size": (4, 2)}, {"output_size": (255, 4)}, {"output_size": (256, 4)}]
)
def test_long_axes_of_unknown_size_are_accurate(arguments):
    inputs = noise(1, 1024, 8, 1)
    layer = SpectralPooling2D(**arguments)
    model = keras.Sequential([keras.Input((None, None, 1)), SpectralPooling2D(**arguments)])
    outputs = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(outputs, numpy_of(layer(inputs)), atol=5e-6)


def test_half_precision_computes_in_float32():
    inputs = (noise(1, 32, 32, 1) * 1e4).astype("float16")
    expected = reference(inputs.astype("float64"), {}, 16)
    outputs = numpy_of(SpectralPooling2D(16, dtype="float16")(inputs))
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "Exactly one of `output_size` and `pool_size` must be given. Received: output_size=None"),
        ({"output_size": 3, "pool_size": 2}, "Received: output_size=3, pool_size=2"),
        (
            {"output_size": 0},
            "`output_size` must be a positive integer or 2 of them or None. Received: output_size=",
        ),
        ({"output_size": (3, 3, 3)}, "`output_size` must be"),
        (
            {"pool_size": 1.5},
            "`pool_size` must be a positive integer or 2 of them or None. Received: pool_size=1.5",
        ),
        ({"output_size": 3, "data_format": "last"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        SpectralPooling2D(**arguments)
    assert message in str(caught.value)


def test_refuses_to_enlarge():
    with pytest.raises(
        ValueError, match=r"at most the input's size.* input_shape=\(1, 4, 8, 1\), output_size=\(6, 6\)"
    ):
        SpectralPooling2D(6).build((1, 4, 8, 1))
    with pytest.raises(ValueError, match=r"at most the input's size.*pool_size=\(9, 9\)"):
        SpectralPooling2D(pool_size=9).build((1, 8, 16, 1))
    with pytest.raises(ValueError, match="inputs of rank 4"):
        SpectralPooling2D(2).build((1, 8, 8))
