"""Swapout."""

import keras
from keras import ops

from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.shapes import agree


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class Swapout(keras.layers.Layer):
    """Sum of a shortcut and a branch with independent dropout: `Swapout()([x, branch(x)])`.

    In training `y = r1 * x + r2 * branch(x)`, with `r1` and `r2` drawn from {0, 1} for every element, 0 with
    probability `shortcut_rate` and `branch_rate`. So every unit is randomly dropped, skipped, feed-forward,
    or residual. The rates `(0, 0)` give a residual sum, `(1, 0)` the branch alone, `(1, rate)` dropout of the
    branch, and `(0, rate)` dropout in a residual network. Nothing is scaled up. One random number decides
    both draws.

    Reference: Singh, Hoiem, Forsyth, 2016, "Swapout: Learning an Ensemble of Deep Architectures", arXiv
    1605.06465.

    Differs from the paper: the paper's parameters are probabilities of keeping; here they are probabilities
    of dropping, as in Keras. The paper's best results average the predictions of about 30 sampled passes
    (`inference="sample"`), because batch normalization does not see the means of swapped units in training.

    Args:
        shortcut_rate: Probability of dropping an element of the shortcut, in [0, 1]. Defaults to 0.5; in the
            paper's best schedule, both rates grow linearly with depth, from 0 to 0.5 at the last block.
        branch_rate: Probability of dropping an element of the branch, in [0, 1]. Defaults to 0.5.
        inference: Output outside training: `"expectation"` is the mean over the draws, and `"sample"` a draw
            as in training. Defaults to `"expectation"`.
        {seed}
        {kwargs}

    Call arguments:
        inputs: A list of two floating-point tensors, shortcut and branch.
        {training}

    Input shape:
        A list of two equal shapes `(batch, ...)`.

    Output shape:
        Same as one input.

    Raises:
        ValueError: for an argument outside its range, or inputs that are not two tensors of the same shape.

    >>> layer = Swapout(shortcut_rate=0.25, branch_rate=0.5)
    >>> [float(value) for value in layer([np.array([4.0, 8.0]), np.array([2.0, -2.0])])]
    [4.0, 5.0]
    """

    receptive_steps = "pointwise"

    def __init__(self, shortcut_rate=0.5, branch_rate=0.5, *, inference="expectation", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.shortcut_rate = validation.probability("shortcut_rate", shortcut_rate)
        self.branch_rate = validation.probability("branch_rate", branch_rate)
        self.inference = validation.one_of("inference", inference, ("expectation", "sample"))
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        shortcut, branch = inputs
        keep_shortcut, keep_branch = 1 - self.shortcut_rate, 1 - self.branch_rate
        if not training and self.inference == "expectation":
            return keep_shortcut * shortcut + keep_branch * branch
        draw = keras.random.uniform(ops.shape(shortcut), dtype="float32", seed=self.seed_generator)
        # The interval [0, 1) is split into: both kept, shortcut only, branch only, nothing.
        kept = draw < keep_shortcut
        both, either = keep_shortcut * keep_branch, keep_shortcut + self.shortcut_rate * keep_branch
        branch_kept = ops.where(kept, draw < both, draw < either)
        nothing = ops.zeros_like(shortcut)
        return ops.where(kept, shortcut, nothing) + ops.where(branch_kept, branch, nothing)

    def compute_output_shape(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape] if _are_shapes(input_shape) else []
        if len(shapes) != 2 or not agree(*shapes):
            raise ValueError(
                "`Swapout` takes a list of two tensors of the same shape, shortcut and branch. "
                f"Received: input_shape={input_shape}"
            )
        return tuple(one if other is None else other for one, other in zip(*shapes, strict=True))

    def get_config(self):
        return {
            **super().get_config(),
            "shortcut_rate": self.shortcut_rate,
            "branch_rate": self.branch_rate,
            "inference": self.inference,
            "seed": self.seed,
        }


def _are_shapes(structure):
    return isinstance(structure, (list, tuple)) and all(isinstance(item, (list, tuple)) for item in structure)
