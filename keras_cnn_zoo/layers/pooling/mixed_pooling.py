"""Pooling by the maximum or the mean, at random in training, in one, two, and three dimensions."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_pooling import BasePooling
from keras_cnn_zoo.ops import mixed_pooling
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.autodiff import select


class BaseMixedPooling(BasePooling):
    """Abstract pooling by the maximum or the mean; each rank's docstring includes the rest.

    `y = lambda * max(x) + (1 - lambda) * mean(x)`, where `lambda` is 0 or 1 with equal probability in
    training, and the gradient follows the drawn value. At inference, `"expectation"` is the mean over the
    draws, `max(x) / 2 + mean(x) / 2`. `"frequency"` is the kind of pooling that was drawn more often in
    training (the maximum in a tie, as before any training). The noise regularizes without a rate to tune. The
    mean keeps NaN. On TensorFlow the maximum passes over it, as in `keras.layers.MaxPooling2D`.

    As in Keras' average pooling, a mean overflows if the sum does: in float32, from 3e38 divided by the
    number of entries.

    Reference: Yu, Wang, Chen, Wei, 2014, "Mixed Pooling for Convolutional Neural Networks" (RSKT); equation
    (8) of the survey.

    Differs from the paper: the paper uses `"frequency"` at inference, counted per feature map. The counts
    differ only by chance, so the default is `"expectation"`.

    Args:
        {pool_size}
        {pool_strides}
        padding: `"valid"`, or `"same"`, whose padding is excluded from maximum and mean. Defaults to
            `"valid"`.
        {data_format}
        per: Scope of one draw: `"batch"` draws once per training step, `"channel"` once per example and
            channel, `"region"` once per window and channel. Defaults to `"batch"`.
        inference: `"expectation"`, or `"frequency"`, which counts the draws in a non-trainable weight (per
            channel unless `per="batch"`). Defaults to `"expectation"`.
        {seed}
        {kwargs}

    Call arguments:
        {inputs}
        {training}

    Input shape:
        {maps}.

    Output shape:
        {pooled_maps}

    Raises:
        {pool_errors}
    """

    receptive_steps = "window"

    def __init__(
        self,
        pool_size=2,
        strides=None,
        padding="valid",
        data_format=None,
        *,
        per="batch",
        inference="expectation",
        seed=None,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        self.per = validation.one_of("per", per, ("batch", "channel", "region"))
        self.inference = validation.one_of("inference", inference, ("expectation", "frequency"))
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        super().build(input_shape)
        if self.inference == "frequency":
            channels = input_shape[self._channel_axis]
            if channels is None and self.per != "batch":
                raise ValueError(
                    "The number of channels must be known, because draws are counted per channel. "
                    f"Received: input_shape={tuple(input_shape)}"
                )
            # The difference of the two counts stays small; float32 counts would stop at 2^24. The sum is
            # float32 under every dtype policy.
            self.max_lead = self.add_weight(
                name="max_lead",
                shape=() if self.per == "batch" else (channels,),
                initializer="zeros",
                dtype="float32",
                trainable=False,
                autocast=False,
                aggregation="mean",
            )

    @property
    def _axes(self):
        return range(self.rank + 2)

    def call(self, inputs, training=False):
        maximum, average = mixed_pooling.max_and_average(inputs, *self._window)
        if training:
            outputs = select(self._draw(ops.shape(maximum)), maximum, average)
        elif self.inference == "frequency":
            is_max = ops.convert_to_tensor(self.max_lead) >= 0
            if self.per != "batch":
                is_max = ops.reshape(is_max, [-1 if axis == self._channel_axis else 1 for axis in self._axes])
            outputs = select(is_max, maximum, average)
        else:
            outputs = 0.5 * maximum + 0.5 * average
        return ops.cast(outputs, self.compute_dtype)

    def _draw(self, shape):
        """Returns a mask that is True for the maximum; counts the draws if inference needs the counts."""
        kept = {"batch": (), "channel": (0, self._channel_axis), "region": self._axes}[self.per]
        shape = [shape[axis] if axis in kept else 1 for axis in self._axes]
        is_max = mixed_pooling.fair_coins(shape, self.seed_generator)
        if self.inference == "frequency":
            summed = [axis for axis in self._axes if self.per == "batch" or axis != self._channel_axis]
            lead = 2.0 * ops.cast(is_max, "float32") - 1.0
            self.max_lead.assign_add(ops.sum(lead, axis=summed))
        return is_max

    def get_config(self):
        return {
            **super().get_config(),
            "per": self.per,
            "inference": self.inference,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class MixedPooling1D(BaseMixedPooling):
    """1D pooling by the maximum or the mean of each window, chosen at random in training.

    >>> layer = MixedPooling1D(pool_size=2)
    >>> float(layer(np.array([[[1.0], [3.0]]]))[0, 0, 0])
    2.5
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class MixedPooling2D(BaseMixedPooling):
    """2D pooling by the maximum or the mean of each window, chosen at random in training.

    >>> layer = MixedPooling2D(pool_size=2)
    >>> float(layer(np.array([[[[1.0], [3.0]], [[0.0], [4.0]]]]))[0, 0, 0, 0])
    3.0
    """

    rank = 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class MixedPooling3D(BaseMixedPooling):
    """3D pooling by the maximum or the mean of each window, chosen at random in training.

    >>> layer = MixedPooling3D(pool_size=2)
    >>> float(layer(np.array([[[[[1.0], [3.0]]] * 2] * 2]))[0, 0, 0, 0, 0])
    2.5
    """

    rank = 3
