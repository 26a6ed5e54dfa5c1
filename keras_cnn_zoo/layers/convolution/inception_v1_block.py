"""The first Inception block, of GoogLeNet."""

import keras

from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV1Block(InceptionBlock):
    """Convolutions of three sizes and a pooling side by side, the larger ones behind 1 x 1 reductions.

    With `filters=(a, b, c, d, e, f)`, the columns of the paper's table 1, these are joined: 1 x 1 to `a`;
    1 x 1 to `b`, 3 x 3 to `c`; 1 x 1 to `d`, 5 x 5 to `e`; 3 x 3 maximum pooling, 1 x 1 to `f`. An activation
    follows every convolution. Nine of them make GoogLeNet.

    Reference: Szegedy et al., 2014, "Going Deeper with Convolutions", arXiv 1409.4842, figure 2(b).

    Args:
        filters: The six numbers of channels in the order above.
        wide_kernel_size: Size of the widest kernel. Defaults to 5; torchvision's GoogLeNet has 3.
        normalization: Between convolutions and activations, in place of biases: `"batch"` (epsilon 0.001), a
            layer used as prototype, or None as in the paper. Defaults to None.
        activation: Name of an activation, a layer used as prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, height, width, a + c + e + f)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionV1Block((64, 96, 128, 16, 32, 32))  # 3a
    >>> print(layer(np.ones((1, 8, 8, 192), "float32")).shape)
    (1, 8, 8, 256)
    """

    arguments = ("filters", "wide_kernel_size")

    def __init__(
        self,
        filters,
        *,
        wide_kernel_size=5,
        normalization=None,
        activation="relu",
        data_format=None,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(
            normalization=normalization,
            activation=activation,
            data_format=data_format,
            kernel_initializer=kernel_initializer,
            width=1.0,
            padding="same",
            **kwargs,
        )
        self.filters = validation.positive_integers("filters", filters, 6)
        self.wide_kernel_size = validation.positive_integer("wide_kernel_size", wide_kernel_size)

    @property
    def table(self):
        pointwise, reduce_3x3, by_3x3, reduce_5x5, by_5x5, pooled = self.filters
        return Concat(
            Conv(pointwise),
            (Conv(reduce_3x3), Conv(by_3x3, 3)),
            (Conv(reduce_5x5), Conv(by_5x5, self.wide_kernel_size)),
            Conv(pooled, pool="max"),
        )
