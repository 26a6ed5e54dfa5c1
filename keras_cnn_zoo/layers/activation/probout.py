"""Probabilistic maxout."""

import itertools

import keras
from keras import ops

from keras_cnn_zoo.ops.pieces import largest, reduced_shape, unstack_pieces
from keras_cnn_zoo.ops.windows import as_float32
from keras_cnn_zoo.utils import docstrings, validation

LARGEST_FACTOR = 1e30  # close to float32's maximum; any larger factor gives the same result


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class Probout(keras.layers.Layer):
    """Maxout that draws one of each `pieces` neighboring channels, larger ones more often.

    In training, entry i of a group is drawn with probability `p_i = exp(inverse_temperature * x_i) / sum_j
    exp(inverse_temperature * x_j)`, and the gradient flows only to that entry. With `dropout`, the output is
    0 half the time (`p_0 = 1/2`), and the entries share the other half. The noise makes the filters of a
    group more alike than `Maxout` does, so the output is more invariant. As `inverse_temperature` grows, the
    layer approaches `Maxout` with dropout. One random number is drawn per group.

    Reference: Springenberg, Riedmiller, 2014, "Improving Deep Neural Networks with Probabilistic Maxout
    Units", arXiv 1312.6116; equations (14) and (15), section 3.3.7 of the survey.

    Differs from the paper: at test time the paper averages the predictions of many sampled passes; call the
    layer many times with `inference="sample"` for that. `"expectation"` needs one pass. The paper also raises
    the inverse temperature during training; here it is fixed.

    Args:
        pieces: Channels per group, a positive integer that divides the number of channels.
        inverse_temperature: Factor of the entries in the exponentials, at least 0; at 0, all entries are
            equally likely. Defaults to 1.
        dropout: Whether the output of a group is 0 with probability 1/2. Defaults to True.
        inference: Output outside training: `"expectation"` is the mean over the draws, `"max"` the largest
            entry (halved with `dropout`), and `"sample"` a draw as in training. Defaults to `"expectation"`.
        {axis}
        {seed}
        {kwargs}

    Call arguments:
        {inputs}
        {training}

    Input shape:
        `(batch, ..., channels)`, the channels at `axis`.

    Output shape:
        Same as the input, with `channels / pieces` channels.

    Raises:
        ValueError: for an argument outside its range, or channels that are unknown or not a multiple of
            `pieces`.

    >>> layer = Probout(pieces=2)
    >>> [float(value) for value in layer(np.array([[3.0, 3.0, -50.0, 50.0]]))[0]]
    [1.5, 25.0]
    """

    receptive_steps = "pointwise"
    reduces_channels = True

    def __init__(
        self,
        pieces,
        *,
        inverse_temperature=1.0,
        dropout=True,
        inference="expectation",
        axis=-1,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.pieces = validation.positive_integer("pieces", pieces)
        self.inverse_temperature = validation.finite_number(
            "inverse_temperature", inverse_temperature, minimum=0
        )
        self.dropout = validation.boolean("dropout", dropout)
        self.inference = validation.one_of("inference", inference, ("expectation", "max", "sample"))
        self.axis = validation.integer("axis", axis)
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        entries = unstack_pieces(inputs, self.pieces, self.axis)
        winner = largest(entries)
        if training or self.inference == "sample":
            return self._draw(entries, winner)
        if self.inference == "max":
            return winner / 2 if self.dropout else winner
        # Offsets from the largest entry keep the exponentials and gradients accurate.
        winner = ops.stop_gradient(as_float32(winner))
        offsets = _half_offsets([as_float32(entry) for entry in entries], winner)
        weights = self._weights(offsets)
        mean = winner + 2.0 * (sum(map(ops.multiply, weights, offsets)) / sum(weights))
        return ops.cast(mean / 2 if self.dropout else mean, inputs.dtype)

    def _weights(self, offsets):
        """Returns the unnormalized probabilities: 1 for the largest entry, whose offset is 0."""
        factor = 2.0 * min(self.inverse_temperature, LARGEST_FACTOR)
        return [ops.exp(factor * offset) for offset in offsets]

    def _draw(self, entries, winner):
        draw = keras.random.uniform(ops.shape(winner), dtype="float32", seed=self.seed_generator)
        constant = ops.cast(ops.stop_gradient(winner), "float32")
        offsets = _half_offsets(
            [ops.cast(ops.stop_gradient(entry), "float32") for entry in entries], constant
        )
        limits = list(itertools.accumulate(self._weights(offsets)))
        # Draws below 1/2 give 0; the rest is rescaled to the whole interval.
        point = (2 * draw - 1 if self.dropout else draw) * limits[-1]
        drawn = winner
        for entry, limit in zip(reversed(entries), reversed(limits), strict=True):
            drawn = ops.where(point < limit, entry, drawn)
        return ops.where(point < 0, ops.zeros_like(drawn), drawn) if self.dropout else drawn

    def compute_output_shape(self, input_shape):
        return reduced_shape(input_shape, self.pieces, self.axis)

    def get_config(self):
        return {
            **super().get_config(),
            "pieces": self.pieces,
            "inverse_temperature": self.inverse_temperature,
            "dropout": self.dropout,
            "inference": self.inference,
            "axis": self.axis,
            "seed": self.seed,
        }


def _half_offsets(entries, winner):
    """Returns half of each entry's difference from the largest one; the whole one may overflow."""
    half = winner * 0.5
    return [entry * 0.5 - half for entry in entries]
