"""The blocks of Inception-v4, in the order in which it has them: stem, A, reduction A, B, reduction B, C."""

import keras

from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock, Pool
from keras_cnn_zoo.utils import validation


def reduction_a(before, between, behind, direct):
    """The table of the paper's figure 7, for Inception-v4 and the Inception-ResNets."""
    return Concat(
        Conv(direct, 3, strides=2, reduces=True),
        (Conv(before), Conv(between, 3), Conv(behind, 3, strides=2, reduces=True)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4Stem(InceptionBlock):
    """What Inception-v4 begins with: 299 x 299 x 3 to 35 x 35 x 384, forking three times.

    3 x 3 to 32 of stride 2, 3 x 3 to 32, 3 x 3 to 64; then joined: maximum pooling, and 3 x 3 to 96 of stride
    2; then joined: 1 x 1 to 64, 3 x 3 to 96, and 1 x 1, 1 x 7, 7 x 1 to 64, 3 x 3 to 96; then joined: 3 x 3
    to 192 of stride 2, and maximum pooling. The paper's Inception-ResNet-v2 begins with it too.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 3.

    Differs from the paper: built as the authors published it; the figure has 7 x 1 before 1 x 7.

    Args:
        width: Factor on all numbers of channels. Defaults to 1.
        padding: `"valid"` as published, or `"same"`, which keeps the maps aligned with the input: half, a
            quarter, an eighth of it. Defaults to `"valid"`.
        normalization: `"batch"` (epsilon 0.001), a layer used as prototype, or None for biases instead.
            Defaults to `"batch"`.
        activation: Name of an activation, a layer used as prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, new_height, new_width, 384 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionV4Stem(width=0.125)
    >>> print(layer(np.ones((1, 75, 75, 3), "float32")).shape)
    (1, 7, 7, 48)
    """

    table = (
        Conv(32, 3, strides=2, reduces=True),
        Conv(32, 3, reduces=True),
        Conv(64, 3),
        Concat(Pool(), Conv(96, 3, strides=2, reduces=True)),
        Concat(
            (Conv(64), Conv(96, 3, reduces=True)),
            (Conv(64), Conv(64, (1, 7)), Conv(64, (7, 1)), Conv(96, 3, reduces=True)),
        ),
        Concat(Conv(192, 3, strides=2, reduces=True), Pool()),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4A(InceptionBlock):
    """Four branches of 3 x 3 convolutions and average pooling, for maps of about 35 x 35.

    Joined are: 1 x 1 to 96; 1 x 1 to 64, 3 x 3 to 96; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to 96; 3 x 3 average
    pooling, 1 x 1 to 96. Inception-v4 has four.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 4.

    Args:
        width: Factor on all numbers of channels. Defaults to 1.
        normalization: `"batch"` (epsilon 0.001), a layer used as prototype, or None for biases instead.
            Defaults to `"batch"`.
        activation: Name of an activation, a layer used as prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, height, width, 384 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionV4A(width=0.5)
    >>> print(layer(np.ones((1, 8, 8, 192), "float32")).shape)
    (1, 8, 8, 192)
    """

    arguments = ("width",)
    table = Concat(
        Conv(96),
        (Conv(64), Conv(96, 3)),
        (Conv(64), Conv(96, 3), Conv(96, 3)),
        Conv(96, pool="average"),
    )

    def __init__(
        self,
        *,
        width=1.0,
        normalization="batch",
        activation="relu",
        data_format=None,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(
            width=width,
            normalization=normalization,
            activation=activation,
            data_format=data_format,
            kernel_initializer=kernel_initializer,
            padding="same",
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4ReductionA(InceptionBlock):
    """Reduction from 35 x 35 to 17 x 17: strided convolutions and pooling side by side.

    With `filters=(k, l, m, n)`, the columns of the paper's table 1, these are joined: 3 x 3 to `n` of stride
    2; 1 x 1 to `k`, 3 x 3 to `l`, 3 x 3 to `m` of stride 2; 3 x 3 maximum pooling of stride 2.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 7.

    Args:
        filters: The four numbers of channels in the paper's order. Defaults to (192, 224, 256, 384), of
            Inception-v4.
        width: Factor on the channels of all convolutions. Defaults to 1.
        padding: `"valid"` as published, or `"same"`, which halves the map exactly, rounded up. Defaults to
            `"valid"`.
        normalization: `"batch"` (epsilon 0.001), a layer used as prototype, or None for biases instead.
            Defaults to `"batch"`.
        activation: Name of an activation, a layer used as prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, (height - 1) // 2, (width - 1) // 2, channels + (m + n) * width)`, or with the channels
        first; half the map, rounded up, with `padding="same"`.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionV4ReductionA(width=0.5)
    >>> print(layer(np.ones((1, 9, 9, 192), "float32")).shape)
    (1, 4, 4, 512)
    """

    arguments = ("filters", "width", "padding")

    def __init__(
        self,
        filters=(192, 224, 256, 384),
        *,
        width=1.0,
        padding="valid",
        normalization="batch",
        activation="relu",
        data_format=None,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(
            width=width,
            padding=padding,
            normalization=normalization,
            activation=activation,
            data_format=data_format,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )
        self.filters = validation.positive_integers("filters", filters, 4)

    @property
    def table(self):
        return reduction_a(*self.filters)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4B(InceptionBlock):
    """Four branches with 7 x 7 convolutions factorized into 1 x 7 and 7 x 1, for maps of about 17 x 17.

    Joined are: 1 x 1 to 384; 1 x 1 to 192, 1 x 7 to 224, 7 x 1 to 256; 1 x 1 and 7 x 1 to 192, 1 x 7 and
    7 x 1 to 224, 1 x 7 to 256; 3 x 3 average pooling, 1 x 1 to 128. Inception-v4 has seven.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 5.

    Differs from the paper: built as the authors published it; the figure's third branch has 1 x 7
    before 7 x 1, and its second has 1 x 7 twice.

    Args:
        width: Factor on all numbers of channels. Defaults to 1.
        normalization: `"batch"` (epsilon 0.001), a layer used as prototype, or None for biases instead.
            Defaults to `"batch"`.
        activation: Name of an activation, a layer used as prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, height, width, 1024 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionV4B(width=0.25)
    >>> print(layer(np.ones((1, 8, 8, 256), "float32")).shape)
    (1, 8, 8, 256)
    """

    arguments = ("width",)
    table = Concat(
        Conv(384),
        (Conv(192), Conv(224, (1, 7)), Conv(256, (7, 1))),
        (Conv(192), Conv(192, (7, 1)), Conv(224, (1, 7)), Conv(224, (7, 1)), Conv(256, (1, 7))),
        Conv(128, pool="average"),
    )

    def __init__(
        self,
        *,
        width=1.0,
        normalization="batch",
        activation="relu",
        data_format=None,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(
            width=width,
            normalization=normalization,
            activation=activation,
            data_format=data_format,
            kernel_initializer=kernel_initializer,
            padding="same",
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4ReductionB(InceptionBlock):
    """Reduction from 17 x 17 to 8 x 8: strided convolutions and pooling side by side.

    Joined are: 1 x 1 to 192, 3 x 3 to 192 of stride 2; 1 x 1 and 1 x 7 to 256, 7 x 1 to 320, 3 x 3 to 320 of
    stride 2; 3 x 3 maximum pooling of stride 2.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 8.

    Args:
        width: Factor on the channels of all convolutions. Defaults to 1.
        padding: `"valid"` as published, or `"same"`, which halves the map exactly, rounded up. Defaults to
            `"valid"`.
        normalization: `"batch"` (epsilon 0.001), a layer used as prototype, or None for biases instead.
            Defaults to `"batch"`.
        activation: Name of an activation, a layer used as prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, (height - 1) // 2, (width - 1) // 2, channels + 512 * width)`, or with the channels
        first; half the map, rounded up, with `padding="same"`.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionV4ReductionB()
    >>> print(layer(np.ones((1, 9, 9, 1024), "float32")).shape)
    (1, 4, 4, 1536)
    """

    table = Concat(
        (Conv(192), Conv(192, 3, strides=2, reduces=True)),
        (Conv(256), Conv(256, (1, 7)), Conv(320, (7, 1)), Conv(320, 3, strides=2, reduces=True)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4C(InceptionBlock):
    """Four branches, two of which fork into 1 x 3 and 3 x 1 convolutions, for maps of about 8 x 8.

    Joined are: 1 x 1 to 256; 1 x 1 to 384, then 1 x 3 and 3 x 1 to 256 each; 1 x 1 to 384, 3 x 1 to 448,
    1 x 3 to 512, then 1 x 3 and 3 x 1 to 256 each; 3 x 3 average pooling, 1 x 1 to 256. Inception-v4 ends
    with three.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 6.

    Differs from the paper: built as the authors published it; the figure's third branch has 1 x 3
    before 3 x 1.

    Args:
        width: Factor on all numbers of channels. Defaults to 1.
        normalization: `"batch"` (epsilon 0.001), a layer used as prototype, or None for biases instead.
            Defaults to `"batch"`.
        activation: Name of an activation, a layer used as prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, height, width, 1536 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionV4C(width=0.25)
    >>> print(layer(np.ones((1, 8, 8, 384), "float32")).shape)
    (1, 8, 8, 384)
    """

    arguments = ("width",)
    table = Concat(
        Conv(256),
        (Conv(384), Concat(Conv(256, (1, 3)), Conv(256, (3, 1)))),
        (
            Conv(384),
            Conv(448, (3, 1)),
            Conv(512, (1, 3)),
            Concat(Conv(256, (1, 3)), Conv(256, (3, 1))),
        ),
        Conv(256, pool="average"),
    )

    def __init__(
        self,
        *,
        width=1.0,
        normalization="batch",
        activation="relu",
        data_format=None,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(
            width=width,
            normalization=normalization,
            activation=activation,
            data_format=data_format,
            kernel_initializer=kernel_initializer,
            padding="same",
            **kwargs,
        )
