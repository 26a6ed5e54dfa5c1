"""The blocks of Inception-ResNet-v2 in its order: stem, A, reduction A, B, reduction B, C."""

import keras

from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock, Pool
from keras_cnn_zoo.layers.convolution.inception_v4_blocks import reduction_a
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetStem(InceptionBlock):
    """What Inception-ResNet-v2 begins with: 299 x 299 x 3 to 35 x 35 x 320.

    3 x 3 to 32 of stride 2, 3 x 3 to 32, 3 x 3 to 64, maximum pooling, 1 x 1 to 80, 3 x 3 to 192, maximum
    pooling; then joined: 1 x 1 to 96; 1 x 1 to 48, 5 x 5 to 64; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to 96; 3 x 3
    average pooling, 1 x 1 to 64.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, section 3.2.

    Differs from the paper: built as the authors published it, the stem of Inception-v3 and a block like
    `InceptionV3A`; the paper has that of Inception-v4, `InceptionV4Stem`.

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
        `(batch, new_height, new_width, 320 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionResNetStem(width=0.125)
    >>> print(layer(np.ones((1, 75, 75, 3), "float32")).shape)
    (1, 7, 7, 40)
    """

    table = (
        Conv(32, 3, strides=2, reduces=True),
        Conv(32, 3, reduces=True),
        Conv(64, 3),
        Pool(),
        Conv(80),
        Conv(192, 3, reduces=True),
        Pool(),
        Concat(
            Conv(96),
            (Conv(48), Conv(64, 5)),
            (Conv(64), Conv(96, 3), Conv(96, 3)),
            Conv(64, pool="average"),
        ),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetA(InceptionBlock):
    """Residual block of three branches of 3 x 3 convolutions, for maps of about 35 x 35.

    `y = activation(x + scale * (W * branches(x) + b))`, a 1 x 1 convolution bringing these back to the
    channels of `x`: 1 x 1 to 32; 1 x 1 to 32, 3 x 3 to 32; 1 x 1 to 32, 3 x 3 to 48, 3 x 3 to 64.
    Inception-ResNet-v2 has ten.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 16.

    Differs from the paper: built as the authors published it, for 320 channels; the paper's have 384.

    Args:
        scale: Factor on the branches before the input is added. Defaults to 0.17, as published.
        activate_output: Whether the activation follows the sum. Defaults to True.
        width: Factor on the channels of the branches. Defaults to 1.
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
        That of the input.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionResNetA()
    >>> print(layer(np.ones((1, 8, 8, 320), "float32")).shape)
    (1, 8, 8, 320)
    """

    arguments = ("scale", "activate_output", "width")
    table = Concat(Conv(32), (Conv(32), Conv(32, 3)), (Conv(32), Conv(48, 3), Conv(64, 3)))

    def __init__(
        self,
        scale=0.17,
        *,
        activate_output=True,
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
        self.scale = validation.finite_number("scale", scale, above=0)
        self.activate_output = validation.boolean("activate_output", activate_output)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetReductionA(InceptionBlock):
    """Reduction from 35 x 35 to 17 x 17: strided convolutions and pooling side by side.

    With `filters=(k, l, m, n)`, the columns of the paper's table 1, these are joined: 3 x 3 to `n` of stride
    2; 1 x 1 to `k`, 3 x 3 to `l`, 3 x 3 to `m` of stride 2; 3 x 3 maximum pooling of stride 2.
    `InceptionV4ReductionA` with other numbers.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 7.

    Args:
        filters: The four numbers of channels in the paper's order. Defaults to (256, 256, 384, 384), of
            Inception-ResNet-v2.
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

    >>> layer = InceptionResNetReductionA(width=0.5)
    >>> print(layer(np.ones((1, 9, 9, 160), "float32")).shape)
    (1, 4, 4, 544)
    """

    arguments = ("filters", "width", "padding")

    def __init__(
        self,
        filters=(256, 256, 384, 384),
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
class InceptionResNetB(InceptionBlock):
    """Residual block of two branches, one through 1 x 7 and 7 x 1, for maps of about 17 x 17.

    `y = activation(x + scale * (W * branches(x) + b))`, a 1 x 1 convolution bringing these back to the
    channels of `x`: 1 x 1 to 192; 1 x 1 to 128, 1 x 7 to 160, 7 x 1 to 192. Inception-ResNet-v2 has twenty.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 17.

    Differs from the paper: built as the authors published it, for 1088 channels; the paper's have 1154.

    Args:
        scale: Factor on the branches before the input is added. Defaults to 0.1, as published.
        activate_output: Whether the activation follows the sum. Defaults to True.
        width: Factor on the channels of the branches. Defaults to 1.
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
        That of the input.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionResNetB()
    >>> print(layer(np.ones((1, 8, 8, 1088), "float32")).shape)
    (1, 8, 8, 1088)
    """

    arguments = ("scale", "activate_output", "width")
    table = Concat(Conv(192), (Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1))))

    def __init__(
        self,
        scale=0.1,
        *,
        activate_output=True,
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
        self.scale = validation.finite_number("scale", scale, above=0)
        self.activate_output = validation.boolean("activate_output", activate_output)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetReductionB(InceptionBlock):
    """Reduction from 17 x 17 to 8 x 8: strided convolutions and pooling side by side.

    Joined are: 1 x 1 to 256, 3 x 3 to 384 of stride 2; 1 x 1 to 256, 3 x 3 to 288 of stride 2; 1 x 1 to 256,
    3 x 3 to 288, 3 x 3 to 320 of stride 2; 3 x 3 maximum pooling of stride 2.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 18.

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
        `(batch, (height - 1) // 2, (width - 1) // 2, channels + 992 * width)`, or with the channels
        first; half the map, rounded up, with `padding="same"`.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionResNetReductionB()
    >>> print(layer(np.ones((1, 9, 9, 1088), "float32")).shape)
    (1, 4, 4, 2080)
    """

    table = Concat(
        (Conv(256), Conv(384, 3, strides=2, reduces=True)),
        (Conv(256), Conv(288, 3, strides=2, reduces=True)),
        (Conv(256), Conv(288, 3), Conv(320, 3, strides=2, reduces=True)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetC(InceptionBlock):
    """Residual block of two branches, one through 1 x 3 and 3 x 1, for maps of about 8 x 8.

    `y = activation(x + scale * (W * branches(x) + b))`, a 1 x 1 convolution bringing these back to the
    channels of `x`: 1 x 1 to 192; 1 x 1 to 192, 1 x 3 to 224, 3 x 1 to 256. Inception-ResNet-v2 has nine, and
    a tenth with `scale=1.0` and `activate_output=False`.

    Reference: Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "Inception-v4, Inception-ResNet and the Impact of
    Residual Connections on Learning", arXiv 1602.07261, figure 19.

    Differs from the paper: built as the authors published it, for 2080 channels; the paper's have 2048.

    Args:
        scale: Factor on the branches before the input is added. Defaults to 0.2, as published.
        activate_output: Whether the activation follows the sum. Defaults to True.
        width: Factor on the channels of the branches. Defaults to 1.
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
        That of the input.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionResNetC()
    >>> print(layer(np.ones((1, 8, 8, 2080), "float32")).shape)
    (1, 8, 8, 2080)
    """

    arguments = ("scale", "activate_output", "width")
    table = Concat(Conv(192), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))))

    def __init__(
        self,
        scale=0.2,
        *,
        activate_output=True,
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
        self.scale = validation.finite_number("scale", scale, above=0)
        self.activate_output = validation.boolean("activate_output", activate_output)
