"""The two layers between a waveform and a 2D network: decibels in mel bands, and masks."""

import math

import keras
from keras import layers, ops

from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.ops.mel import mel_power
from keras_cnn_zoo.utils.dtypes import at_least_float32

FRAME_SECONDS = 0.025
STEP_SECONDS = 0.010
LOWEST_HERTZ = 60.0
# Cells this far below the loudest one of their clip count as silent, in decibels.
DYNAMIC_RANGE = 80.0
_TINY = 1e-10


class MelDecibels(layers.Layer):
    """Mel spectrograms of waveforms, in decibels below each clip's loudest cell, scaled to [-1, 1].

    Equals `keras.layers.MelSpectrogram`, whose Fourier transform does not export to ONNX or work in half
    precision. Here it is a convolution, always in at least float32. The loudest cell is that of the clip, not
    of the batch as in Keras. The result for a clip therefore does not depend on the other clips, nor on its
    level.

    Args:
        sample_rate: samples per second.
        num_mel_bins: number of mel bands between 60 Hz and half the sample rate.
    """

    def __init__(self, sample_rate, num_mel_bins, **kwargs):
        # Without autocast, because half precision would add noise to the waveform.
        super().__init__(autocast=False, **kwargs)
        self.sample_rate = sample_rate
        self.num_mel_bins = num_mel_bins
        self.frame_length = round(FRAME_SECONDS * sample_rate)
        self.frame_step = round(STEP_SECONDS * sample_rate)
        self.fft_length = 2 ** math.ceil(math.log2(self.frame_length))

    def call(self, inputs):
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        # A peak of 1 keeps the squares of very loud and very quiet clips within range.
        x = x / ops.maximum(ops.max(ops.abs(x), axis=1, keepdims=True), 1e-30)
        power = mel_power(
            x,
            frame_length=self.frame_length,
            frame_step=self.frame_step,
            fft_length=self.fft_length,
            sample_rate=self.sample_rate,
            num_mel_bins=self.num_mel_bins,
            low=LOWEST_HERTZ,
            high=self.sample_rate / 2,
        )
        loudest = ops.maximum(ops.max(power, axis=(1, 2), keepdims=True), _TINY)
        relative = ops.maximum(power / loudest, 10 ** (-DYNAMIC_RANGE / 10))
        decibels = ops.log(relative) * (10 / math.log(10))
        return ops.cast(1 + decibels * (2 / DYNAMIC_RANGE), self.compute_dtype)[..., None]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] // self.frame_step + 1, self.num_mel_bins, 1)


class SpectrogramMasks(layers.Layer):
    """Replacement of random time and frequency ranges by the clip's mean in training (SpecAugment).

    Args:
        time: longest time range, as a share of the time axis.
        frequency: widest frequency range, as a share of the frequency axis.
        count: number of ranges on each axis.
        seed: seed of the random draws.
    """

    def __init__(self, time, frequency, count, seed, **kwargs):
        super().__init__(**kwargs)
        self.time = time
        self.frequency = frequency
        self.count = count
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        batch, frames, bands = ops.shape(inputs)[:3]
        hidden = ops.logical_or(
            self._hidden(batch, frames, self.time)[:, :, None],
            self._hidden(batch, bands, self.frequency)[:, None, :],
        )
        mean = ops.cast(statistics.mean(inputs, (1, 2), keepdims=True), inputs.dtype)
        return ops.where(hidden[..., None], mean, inputs)

    def _hidden(self, batch, size, share):
        """Returns a boolean tensor (batch, size), True inside any of `count` ranges."""
        draws = keras.random.uniform((batch, self.count, 2), dtype="float32", seed=self.seed_generator)
        width = draws[..., :1] * (share * size)
        start = draws[..., 1:] * (size - width)
        middle = ops.cast(ops.arange(size), "float32") + 0.5
        return ops.any(ops.logical_and(middle >= start, middle < start + width), axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape
