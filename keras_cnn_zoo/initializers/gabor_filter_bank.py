"""Initialization of a first layer's filters as edge and stripe detectors of all orientations."""

import itertools
import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import validation

# Default frequencies: from a wavelength of four pixels down in half octaves.
HIGHEST = 0.25
RATIO = math.sqrt(2)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class GaborFilterBank(keras.initializers.Initializer):
    """Kernel of Gabor filters on a grid of orientations and frequencies, for the first layer on images.

    A filter is a wave under a Gaussian, `exp(-(u ** 2 + (aspect_ratio * v) ** 2) / (2 * sigma ** 2)) *
    cos(2 * pi * frequency * u + phase)`, with coordinates `u` along the wave and `v` across it, in pixels
    from the middle of the kernel. The orientations are `0, 1, .., orientations - 1` times
    `pi / orientations`. The phases are 0 (a stripe) and `pi / 2` (an edge). The width of the Gaussian follows
    from `sigma * frequency = sqrt(log(2) / 2) / pi * (2 ** bandwidth + 1) / (2 ** bandwidth - 1)`. Each
    filter has mean 0, norm `gain`, and the same values for every channel, so input of unit variance gives
    output of variance `gain ** 2`.

    Orientations vary fastest, then phases, then frequencies from high to low. Nothing is random, so there is
    no seed. Use kernels of about 7 x 7 or larger; smaller ones truncate the Gaussians.

    Reference: Daugman, 1985, "Uncertainty Relation for Resolution in Space, Spatial Frequency, and
    Orientation Optimized by Two-dimensional Visual Cortical Filters"; bandwidth and aspect ratio as in
    Petkov, Kruizinga, 1997, "Computational Models of Visual Neurons Specialised in the Detection of Periodic
    and Aperiodic Oriented Visual Stimuli"; as initial kernels Ozbulak, Ekenel, 2018, "Initialization of
    Convolutional Neural Networks by Gabor Filters".

    Args:
        orientations: Number of orientations. Defaults to 8.
        frequencies: Waves per pixel, numbers in (0, 0.5], or None for as many as the filters need: 1/4, and
            down in half octaves. Defaults to None.
        bandwidth: Positive width of the frequency response at half its height, in octaves. Defaults to 1.
        aspect_ratio: Positive ratio of the Gaussian's widths along and across the wave. Defaults to 0.5.
        gain: Norm of each filter. Defaults to 1.

    Raises:
        ValueError: for an argument outside its range, when called with a shape other than
            `(height, width, channels, filters)` of 3 x 3 or larger, or with more filters than the grid of
            `frequencies` has.

    >>> conv = keras.layers.Conv2D(32, 11, kernel_initializer=GaborFilterBank(8))
    >>> print(conv(np.zeros((1, 16, 16, 3), "float32")).shape)
    (1, 6, 6, 32)
    """

    lsuv_keeps = "it starts as a bank of Gabor filters"

    def __init__(self, orientations=8, frequencies=None, *, bandwidth=1.0, aspect_ratio=0.5, gain=1.0):
        self.orientations = validation.positive_integer("orientations", orientations)
        self.frequencies = None if frequencies is None else _checked(frequencies)
        self.bandwidth = validation.finite_number("bandwidth", bandwidth, above=0)
        self.aspect_ratio = validation.finite_number("aspect_ratio", aspect_ratio, above=0)
        self.gain = validation.finite_number("gain", gain, above=0)

    def __call__(self, shape, dtype=None):
        """Returns the kernel.

        Args:
            shape: `(height, width, channels, filters)`.
            dtype: Dtype of the result, or None for Keras' float type.
        """
        shape = tuple(shape)
        if len(shape) != 4 or min(shape[:2]) < 3:
            raise ValueError(
                "`shape` must be (height, width, channels, filters) with a kernel of 3 x 3 or larger. "
                f"Received: shape={shape}"
            )
        height, width, channels, filters = shape
        group = 2 * self.orientations
        frequencies = self.frequencies
        if frequencies is None:
            frequencies = [HIGHEST / RATIO**step for step in range(-(-filters // group))]
        elif group * len(frequencies) < filters:
            raise ValueError(
                f"`shape` must have at most {group * len(frequencies)} filters: {self.orientations} "
                f"orientations, 2 phases, and {len(frequencies)} frequencies. Received: shape={shape}"
            )
        grid = itertools.product(frequencies, (0.0, math.pi / 2), range(self.orientations))
        y, x = (np.arange(size) - (size - 1) / 2 for size in (height, width))
        bank = np.stack(
            [self._filter(y[:, None], x, *place) for place in itertools.islice(grid, filters)], -1
        )
        kernel = np.repeat(bank[:, :, None], channels, axis=2) * (self.gain / math.sqrt(channels))
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())

    def get_config(self):
        return {
            "orientations": self.orientations,
            "frequencies": self.frequencies,
            "bandwidth": self.bandwidth,
            "aspect_ratio": self.aspect_ratio,
            "gain": self.gain,
        }

    def _filter(self, y, x, frequency, phase, orientation):
        """Returns one filter (height, width) with mean 0 and norm 1."""
        angle = math.pi * orientation / self.orientations
        octaves = 2**self.bandwidth
        sigma = math.sqrt(math.log(2) / 2) / math.pi * (octaves + 1) / (octaves - 1) / frequency
        along = x * math.cos(angle) + y * math.sin(angle)
        across = y * math.cos(angle) - x * math.sin(angle)
        envelope = np.exp(-(along**2 + (self.aspect_ratio * across) ** 2) / (2 * sigma**2))
        values = envelope * np.cos(2 * math.pi * frequency * along + phase)
        values = values - values.mean()
        return values / np.linalg.norm(values)


def _checked(frequencies):
    if not isinstance(frequencies, (tuple, list)) or not frequencies:
        validation.fail("frequencies", "a sequence of numbers in (0, 0.5], or None", frequencies)
    return tuple(
        validation.finite_number("frequencies", value, above=0, maximum=0.5) for value in frequencies
    )
