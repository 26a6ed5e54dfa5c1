"""Dense maxout layer."""

import keras

from keras_cnn_zoo.layers.base_dense import BaseDense
from keras_cnn_zoo.ops.pieces import largest, unstack_pieces
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class MaxoutDense(BaseDense):
    """Dense layer whose units are each the maximum of `pieces` linear functions.

    `y[k] = max over p of x . kernel[:, k * pieces + p] + bias[k * pieces + p]`. Every unit learns a convex
    activation. The weights and outputs equal those of `Dense(units * pieces)` followed by `Maxout(pieces)`.
    The layer was designed for use with dropout. For convolutions, put `Maxout` after `Conv2D`.

    Reference: Goodfellow, Warde-Farley, Mirza, Courville, Bengio, 2013, "Maxout Networks", arXiv 1302.4389;
    section 3.3.6 of the survey.

    Args:
        {units}
        pieces: Linear functions per unit, a positive integer; 1 gives a linear dense layer.
        use_bias: Whether the linear functions have biases. Defaults to True.
        kernel_initializer: For the kernel. Defaults to Glorot uniform.
        {bias_initializer}
        kernel_regularizer: For the kernel, or None.
        bias_regularizer: For the bias, or None.
        {activity_regularizer}
        kernel_constraint: For the kernel, or None; the paper limits the norm of its columns, which is
            `keras.constraints.MaxNorm`.
        bias_constraint: For the bias, or None.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {vectors}

    Output shape:
        `(batch, ..., units)`.

    Raises:
        {dense_errors}

    >>> layer = MaxoutDense(4, pieces=3)
    >>> print(layer(np.ones((2, 5))).shape, layer.kernel.shape)
    (2, 4) (5, 12)
    """

    def __init__(
        self,
        units,
        pieces,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation=None,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.pieces = validation.positive_integer("pieces", pieces)

    @property
    def columns(self):
        return self.units * self.pieces

    def call(self, inputs):
        return largest(unstack_pieces(self._preactivation(inputs), self.pieces, axis=-1))

    def get_config(self):
        config = super().get_config()
        del config["activation"]
        return {**config, "pieces": self.pieces}
