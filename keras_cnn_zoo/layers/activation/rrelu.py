"""Randomized leaky rectifier."""

import functools

import keras
from keras import ops

from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class RReLU(keras.layers.Layer):
    """Randomized leaky ReLU: the negative slope is random in training and fixed at inference.

    `y = max(x, 0) + slope * min(x, 0)`, where `slope` is uniform on `[lower, upper]` in training. At
    inference it is `inference_slope`, by default the mean `(lower + upper) / 2`. The noise regularizes, which
    helps most on small data sets. `lower` and `upper` are the slopes themselves, as in PyTorch. With `lower
    == upper` this is `keras.layers.LeakyReLU`.

    Reference: Xu, Wang, Chen, Li, 2015, "Empirical Evaluation of Rectified Activations in Convolutional
    Network", arXiv 1505.00853; equation (12) of the survey.

    Differs from the paper: the paper draws the divisor `1 / slope` from U(3, 8). At test time it divides by
    the mean, 5.5, which is a slope of 0.18; the mean slope here is 0.23. `inference_slope=1 / 5.5` gives the
    paper's test network.

    Args:
        lower: Smallest slope of the negative part, in [0, 1]. Defaults to 1/8.
        upper: Largest slope of the negative part, in [`lower`, 1]. Defaults to 1/3.
        per: Scope of one slope: `"element"` draws one per element, as Xu et al. do; `"channel"` draws one per
            example and channel, shared over the spatial axes, as equation (12) does. Defaults to `"element"`.
        axis: Axis of the channels, 1 for channels_first; used by `per="channel"`. Defaults to -1.
        inference_slope: Slope outside training, or None for the mean of the interval. Defaults to None.
        {seed}
        {kwargs}

    Call arguments:
        {inputs}
        training: Whether to draw the slopes.

    Input shape:
        `(batch, ...)`; with `per="channel"` at least `(batch, channels)`.

    Output shape:
        Same as the input.

    Raises:
        ValueError: for a slope outside its interval, an unknown `per`, or an input without a channel axis.

    >>> layer = RReLU(lower=0.125, upper=0.375)
    >>> [float(value) for value in layer(np.array([[-4.0, 2.0]]))[0]]
    [-1.0, 2.0]
    """

    receptive_steps = "pointwise"

    def __init__(
        self, lower=1 / 8, upper=1 / 3, *, per="element", axis=-1, inference_slope=None, seed=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.lower = validation.finite_number("lower", lower, minimum=0, maximum=1)
        self.upper = validation.finite_number("upper", upper, minimum=self.lower, maximum=1)
        self.per = validation.one_of("per", per, ("element", "channel"))
        self.axis = validation.integer("axis", axis)
        self.inference_slope = inference_slope
        if inference_slope is not None:
            self.inference_slope = validation.finite_number("inference_slope", inference_slope, minimum=0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        if self.per == "channel":
            validation.channel_axis(self.axis, input_shape)
        self.built = True

    def call(self, inputs, training=False):
        if training:
            slope = keras.random.uniform(
                self._noise_shape(inputs),
                self.lower,
                self.upper,
                dtype=self.compute_dtype,
                seed=self.seed_generator,
            )
        else:
            slope = self._slope_outside_training()
        return ops.where(inputs < 0, slope * inputs, inputs)

    @property
    def inference_activation(self):
        """The function that this layer is outside training."""
        return functools.partial(keras.activations.leaky_relu, negative_slope=self._slope_outside_training())

    def _slope_outside_training(self):
        return (self.lower + self.upper) / 2 if self.inference_slope is None else self.inference_slope

    def _noise_shape(self, inputs):
        shape = ops.shape(inputs)
        if self.per == "element":
            return shape
        kept = (0, self.axis % len(shape))
        return tuple(size if axis in kept else 1 for axis, size in enumerate(shape))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "lower": self.lower,
            "upper": self.upper,
            "per": self.per,
            "axis": self.axis,
            "inference_slope": self.inference_slope,
            "seed": self.seed,
        }
