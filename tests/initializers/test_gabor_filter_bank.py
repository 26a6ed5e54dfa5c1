"""GaborFilterBank against the formula per pixel, and the responses of its filters."""

import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.initializers import GaborFilterBank


def reference(shape, orientations=8, frequencies=None, bandwidth=1.0, aspect_ratio=0.5, gain=1.0):
    height, width, channels, filters = shape
    kernel = np.zeros(shape)
    for number in range(filters):
        step, rest = divmod(number, 2 * orientations)
        phase, orientation = divmod(rest, orientations)
        frequency = 0.25 * 2 ** (-step / 2) if frequencies is None else frequencies[step]
        slope = 2.0**bandwidth
        sigma = math.sqrt(math.log(2) / 2) / math.pi * (slope + 1) / (slope - 1) / frequency
        values = np.zeros((height, width))
        for row in range(height):
            for column in range(width):
                angle = orientation * math.pi / orientations
                x, y = column - (width - 1) / 2, row - (height - 1) / 2
                u = x * math.cos(angle) + y * math.sin(angle)
                v = -x * math.sin(angle) + y * math.cos(angle)
                bell = math.exp(-(u * u + (aspect_ratio * v) ** 2) / (2 * sigma**2))
                values[row, column] = bell * math.cos(2 * math.pi * frequency * u + phase * math.pi / 2)
        values -= values.sum() / values.size
        values /= math.sqrt((values**2).sum())
        for channel in range(channels):
            kernel[:, :, channel, number] = gain * values / math.sqrt(channels)
    return kernel


CASES = [
    dict(
        cls=GaborFilterBank,
        init_kwargs={
            "orientations": 3,
            "frequencies": (0.3, 0.12),
            "bandwidth": 1.4,
            "aspect_ratio": 0.8,
            "gain": 0.7,
        },
        shape=(7, 8, 3, 11),
        reference=reference,
    ),
    dict(cls=GaborFilterBank, init_kwargs={}, shape=(11, 11, 3, 40), reference=reference),
]


def bank(shape, *arguments, **options):
    return keras.ops.convert_to_numpy(GaborFilterBank(*arguments, **options)(shape)).astype("float64")


@pytest.mark.parametrize("shape", [(3, 3, 1, 64), (7, 7, 3, 64), (11, 11, 3, 96), (5, 9, 4, 1)])
def test_filters_have_mean_zero_and_norm_gain(shape):
    found = bank(shape, gain=1.5)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose((found**2).sum(axis=(0, 1, 2)), 1.5**2, rtol=1e-5)


def test_each_filter_responds_most_to_a_wave_of_its_orientation_and_frequency():
    orientations, frequencies = 4, (0.25, 0.125)
    found = bank((17, 17, 1, 16), orientations, frequencies)[:, :, 0]
    y, x = np.mgrid[:17, :17] - 8.0
    for place, frequency in enumerate(frequencies):
        for orientation in range(orientations):
            angle = orientation * np.pi / orientations
            wave = np.exp(2j * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)))
            answers = np.abs(np.einsum("yx,yxf->f", wave, found)).reshape(2, 2, orientations)
            for phase in range(2):
                best = np.unravel_index(np.argmax(answers[:, phase]), (2, orientations))
                assert best == (place, orientation)


def test_phases_are_even_and_odd():
    found = bank((9, 9, 1, 16))[:, :, 0]
    np.testing.assert_allclose(found[::-1, ::-1, :8], found[..., :8], atol=1e-6)
    np.testing.assert_allclose(found[::-1, ::-1, 8:], -found[..., 8:], atol=1e-6)


def test_a_quarter_turn_turns_the_filter():
    found = bank((9, 9, 1, 8), 2, (0.2, 0.1))[:, :, 0]
    np.testing.assert_allclose(np.rot90(found[..., 0]), found[..., 1], atol=1e-6)


def test_the_frequency_response_has_the_given_bandwidth():
    """The response is half its maximum 0.5 octaves above and below a filter's frequency."""
    sizes = 101
    found = bank((sizes, sizes, 1, 1), 1, (0.2,), bandwidth=1.0)[:, :, 0, 0]
    x = np.arange(sizes) - (sizes - 1) / 2

    def answer(frequency):
        return abs(np.sum(found.sum(axis=0) * np.exp(2j * np.pi * frequency * x)))

    # The half-heights are an octave apart, symmetric about the center frequency.
    low = 0.2 * 2 / 3
    assert answer(low) == pytest.approx(answer(0.2) / 2, rel=0.02)
    assert answer(2 * low) == pytest.approx(answer(0.2) / 2, rel=0.02)


def test_gray_images_and_noise_of_unit_variance():
    layer = keras.layers.Conv2D(32, 9, kernel_initializer=GaborFilterBank(), data_format="channels_last")
    # One position per image, because the fields of neighboring positions overlap.
    pictures = np.random.default_rng(0).normal(size=(4000, 9, 9, 3)).astype("float32")
    outputs = keras.ops.convert_to_numpy(layer(pictures))
    np.testing.assert_allclose(outputs.var(axis=(0, 1, 2)), 1, atol=4 * np.sqrt(2 / 4000))
    flat = keras.ops.convert_to_numpy(layer(np.full((1, 12, 12, 3), 7.0, "float32")))
    np.testing.assert_allclose(flat, 0, atol=1e-4)


def test_the_kernel_has_the_given_dtype():
    for dtype in ("float16", "bfloat16", "float32"):
        found = GaborFilterBank()((5, 5, 1, 4), dtype)
        assert keras.backend.standardize_dtype(found.dtype) == dtype


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"orientations": 0}, "`orientations` must be a positive integer. Received: orientations=0"),
        ({"frequencies": ()}, r"`frequencies` must be a sequence of numbers .* Received: frequencies=\(\)"),
        ({"frequencies": 0.2}, "`frequencies` must be a sequence of numbers .* Received: frequencies=0.2"),
        ({"frequencies": (0.2, 0.6)}, "`frequencies` must be a finite number at most 0.5 and above 0"),
        ({"bandwidth": 0}, "`bandwidth` must be a finite number above 0. Received: bandwidth=0"),
        ({"aspect_ratio": -1}, "`aspect_ratio` must be a finite number above 0. Received: aspect_ratio=-1"),
        ({"gain": 0}, "`gain` must be a finite number above 0. Received: gain=0"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaborFilterBank(**arguments)


@pytest.mark.parametrize("shape", [(3, 3, 4), (2, 7, 1, 4), (3, 3, 3, 1, 4)])
def test_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="kernel of 3 x 3 or larger. Received: shape="):
        GaborFilterBank()(shape)


def test_refuses_more_filters_than_the_grid_has():
    with pytest.raises(ValueError, match="at most 12 filters: 3 orientations, 2 phases, and 2 frequencies"):
        GaborFilterBank(3, (0.2, 0.1))((7, 7, 1, 13))
