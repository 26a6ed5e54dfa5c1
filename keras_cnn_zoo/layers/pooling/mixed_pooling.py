"""Pooling by the maximum or the mean, drawn in training, in one, two and three dimensions."""

import keras
from keras import ops

from keras_cnn_zoo.layers.pooling import sliding
from keras_cnn_zoo.ops import mixed_pooling
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.autodiff import select


class BaseMixedPooling(keras.layers.Layer):
    """What the ranks share; `rank` is set by the subclass."""

    rank = None
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
        super().__init__(**kwargs)
        self.pool_size = validation.positive_integers("pool_size", pool_size, self.rank)
        strides = self.pool_size if strides is None else strides
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)
        self.per = validation.one_of("per", per, ("batch", "channel", "region"))
        self.inference = validation.one_of("inference", inference, ("expectation", "frequency"))
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        if self.inference == "frequency":
            channels = input_shape[self._channel_axis]
            if channels is None and self.per != "batch":
                raise ValueError(
                    "The number of channels must be known where draws are counted by channel. "
                    f"Received: input_shape={tuple(input_shape)}"
                )
            # One number in place of two counts: float32 counts would stop at 2^24, their difference stays
            # small. It is summed in float32 whatever the policy.
            self.max_lead = self.add_weight(
                name="max_lead",
                shape=() if self.per == "batch" else (channels,),
                initializer="zeros",
                dtype="float32",
                trainable=False,
                autocast=False,
                aggregation="mean",
            )
        self.built = True

    @property
    def _channel_axis(self):
        return self.rank + 1 if self.data_format == "channels_last" else 1

    def call(self, inputs, training=False):
        maximum, average = mixed_pooling.max_and_average(inputs, *sliding.arguments(self))
        if training:
            is_max = self._draw(ops.shape(maximum))
            outputs = select(is_max, maximum, average)
        elif self.inference == "frequency":
            is_max = ops.convert_to_tensor(self.max_lead) > 0
            if self.per != "batch":
                is_max = ops.reshape(is_max, [-1 if axis == self._channel_axis else 1 for axis in self._axes])
            outputs = select(is_max, maximum, average)
        else:
            outputs = 0.5 * maximum + 0.5 * average
        return ops.cast(outputs, self.compute_dtype)

    @property
    def _axes(self):
        return range(self.rank + 2)

    def _draw(self, shape):
        """True where the maximum is taken; counted where inference asks for the counts."""
        kept = {"batch": (), "channel": (0, self._channel_axis), "region": self._axes}[self.per]
        shape = [shape[axis] if axis in kept else 1 for axis in self._axes]
        is_max = mixed_pooling.fair_coins(shape, self.seed_generator)
        if self.inference == "frequency":
            summed = [axis for axis in self._axes if self.per == "batch" or axis != self._channel_axis]
            lead = 2.0 * ops.cast(is_max, "float32") - 1.0
            self.max_lead.assign_add(ops.sum(lead, axis=summed))
        return is_max

    def compute_output_shape(self, input_shape):
        return sliding.pooled_shape(self, input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            **sliding.config(self),
            "per": self.per,
            "inference": self.inference,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class MixedPooling1D(BaseMixedPooling):
    """1D pooling that takes the maximum or the mean of a window, by the toss of a coin in training.

    `y = lambda * max(x) + (1 - lambda) * mean(x)`, where in training `lambda` is drawn from {0, 1} with equal
    chances, and the gradient goes the way of the value drawn. At inference `"expectation"` is the mean over
    the draws, `max(x) / 2 + mean(x) / 2`, and `"frequency"` the kind that was drawn more often in training,
    the mean in a tie. The noise regularizes without a rate to tune.

    Reference: Yu, Wang, Chen, Wei, 2014, "Mixed Pooling for Convolutional Neural Networks" (RSKT); equation
    (8) of the survey.

    Differs from the paper: the paper's inference is `"frequency"`, counted for each feature map, where the
    counts differ by chance only; the default is what training sees on average.

    Args:
        pool_size: Length of the windows, an integer. Defaults to 2.
        strides: Step of the windows, an integer, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding is in no maximum and no mean. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        per: What shares one draw: `"batch"` draws once in a training step, `"channel"` once for each example
            and channel, `"region"` once for each window of each channel. Defaults to `"batch"`.
        inference: `"expectation"` or `"frequency"`, which counts the draws in a non-trainable weight, by
            channel unless `per="batch"`. Defaults to `"expectation"`.
        seed: Integer seed of the draws, or None. Defaults to None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.
        training: Whether to draw.

    Input shape:
        `(batch, steps, channels)`, or
        `(batch, channels, steps)` for channels_first.

    Output shape:
        `(batch, new_steps, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling1D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 3 or smaller than a
            window.

    >>> layer = MixedPooling1D(pool_size=2)
    >>> float(layer(np.array([[[1.0], [3.0]]]))[0, 0, 0])
    2.5
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class MixedPooling2D(BaseMixedPooling):
    """2D pooling that takes the maximum or the mean of a window, by the toss of a coin in training.

    `y = lambda * max(x) + (1 - lambda) * mean(x)`, where in training `lambda` is drawn from {0, 1} with equal
    chances, and the gradient goes the way of the value drawn. At inference `"expectation"` is the mean over
    the draws, `max(x) / 2 + mean(x) / 2`, and `"frequency"` the kind that was drawn more often in training,
    the mean in a tie. The noise regularizes without a rate to tune.

    Reference: Yu, Wang, Chen, Wei, 2014, "Mixed Pooling for Convolutional Neural Networks" (RSKT); equation
    (8) of the survey.

    Differs from the paper: the paper's inference is `"frequency"`, counted for each feature map, where the
    counts differ by chance only; the default is what training sees on average.

    Args:
        pool_size: Height and width of the windows, an integer or two. Defaults to 2.
        strides: Step of the windows, an integer or two, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding is in no maximum and no mean. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        per: What shares one draw: `"batch"` draws once in a training step, `"channel"` once for each example
            and channel, `"region"` once for each window of each channel. Defaults to `"batch"`.
        inference: `"expectation"` or `"frequency"`, which counts the draws in a non-trainable weight, by
            channel unless `per="batch"`. Defaults to `"expectation"`.
        seed: Integer seed of the draws, or None. Defaults to None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.
        training: Whether to draw.

    Input shape:
        `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, new_height, new_width, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling2D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4 or smaller than a
            window.

    >>> layer = MixedPooling2D(pool_size=2)
    >>> float(layer(np.array([[[[1.0], [3.0]], [[0.0], [4.0]]]]))[0, 0, 0, 0])
    3.0
    """

    rank = 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class MixedPooling3D(BaseMixedPooling):
    """3D pooling that takes the maximum or the mean of a window, by the toss of a coin in training.

    `y = lambda * max(x) + (1 - lambda) * mean(x)`, where in training `lambda` is drawn from {0, 1} with equal
    chances, and the gradient goes the way of the value drawn. At inference `"expectation"` is the mean over
    the draws, `max(x) / 2 + mean(x) / 2`, and `"frequency"` the kind that was drawn more often in training,
    the mean in a tie. The noise regularizes without a rate to tune.

    Reference: Yu, Wang, Chen, Wei, 2014, "Mixed Pooling for Convolutional Neural Networks" (RSKT); equation
    (8) of the survey.

    Differs from the paper: the paper's inference is `"frequency"`, counted for each feature map, where the
    counts differ by chance only; the default is what training sees on average.

    Args:
        pool_size: Depth, height and width of the windows, an integer or three. Defaults to 2.
        strides: Step of the windows, an integer or three, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding is in no maximum and no mean. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        per: What shares one draw: `"batch"` draws once in a training step, `"channel"` once for each example
            and channel, `"region"` once for each window of each channel. Defaults to `"batch"`.
        inference: `"expectation"` or `"frequency"`, which counts the draws in a non-trainable weight, by
            channel unless `per="batch"`. Defaults to `"expectation"`.
        seed: Integer seed of the draws, or None. Defaults to None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.
        training: Whether to draw.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` for channels_first.

    Output shape:
        `(batch, new_depth, new_height, new_width, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling3D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 5 or smaller than a
            window.

    >>> layer = MixedPooling3D(pool_size=2)
    >>> float(layer(np.array([[[[[1.0], [3.0]]] * 2] * 2]))[0, 0, 0, 0, 0])
    2.5
    """

    rank = 3
