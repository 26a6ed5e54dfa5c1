"""The blocks of Inception-v3, in the order in which it has them: stem, A, B, C, D, E."""

import keras

from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock, Pool
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3Stem(InceptionBlock):
    """What Inception-v3 begins with: five convolutions and two poolings, 299 x 299 x 3 to 35 x 35 x 192.

    3 x 3 to 32 of stride 2, 3 x 3 to 32, 3 x 3 to 64, maximum pooling, 1 x 1 to 80, 3 x 3 to 192, maximum
    pooling, each convolution normalized and activated.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2015, "Rethinking the Inception Architecture for
    Computer Vision", arXiv 1512.00567, table 1.

    Differs from the paper: built as the authors published it; the table has 3 x 3 for the 1 x 1, and a stride
    of 2 and a further convolution for the second pooling.

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
        `(batch, new_height, new_width, 192 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionV3Stem(width=0.125)
    >>> print(layer(np.ones((1, 75, 75, 3), "float32")).shape)
    (1, 7, 7, 24)
    """

    table = (
        Conv(32, 3, strides=2, reduces=True),
        Conv(32, 3, reduces=True),
        Conv(64, 3),
        Pool(),
        Conv(80),
        Conv(192, 3, reduces=True),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3A(InceptionBlock):
    """Four branches of 3 x 3 and 5 x 5 convolutions and average pooling, for maps of about 35 x 35.

    Joined are: 1 x 1 to 64; 1 x 1 to 48, 5 x 5 to 64; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to 96; 3 x 3 average
    pooling, 1 x 1 to `pool_filters`. Inception-v3 has three, with `pool_filters` 32, 64 and 64.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2015, "Rethinking the Inception Architecture for
    Computer Vision", arXiv 1512.00567, figure 5.

    Differs from the paper: built as the authors published it; the figure has a 3 x 3 for the 5 x 5.

    Args:
        pool_filters: Channels behind the pooling. Defaults to 64.
        width: Factor on all numbers of channels. Defaults to 1.
        count_include_pad: Whether the pooling counts zeros around the map, as torchvision's and timm's
            Inception-v3 do and Keras' does not. Defaults to False.
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
        `(batch, height, width, (224 + pool_filters) * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionV3A(pool_filters=32)
    >>> print(layer(np.ones((1, 8, 8, 192), "float32")).shape)
    (1, 8, 8, 256)
    """

    arguments = ("pool_filters", "width", "count_include_pad")

    def __init__(
        self,
        pool_filters=64,
        *,
        width=1.0,
        count_include_pad=False,
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
        self.pool_filters = validation.positive_integer("pool_filters", pool_filters)
        self.count_include_pad = validation.boolean("count_include_pad", count_include_pad)

    @property
    def table(self):
        return Concat(
            Conv(64),
            (Conv(48), Conv(64, 5)),
            (Conv(64), Conv(96, 3), Conv(96, 3)),
            Conv(self.pool_filters, pool="average"),
        )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3B(InceptionBlock):
    """Reduction from 35 x 35 to 17 x 17: strided convolutions and pooling side by side.

    Joined are: 3 x 3 to 384 of stride 2; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to 96 of stride 2; 3 x 3 maximum
    pooling of stride 2.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2015, "Rethinking the Inception Architecture for
    Computer Vision", arXiv 1512.00567, figure 10.

    Differs from the paper: built as the authors published it; the figure has a 1 x 1 before the first 3 x 3.

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
        `(batch, (height - 1) // 2, (width - 1) // 2, channels + 480 * width)`, or with the channels first;
        half the map, rounded up, with `padding="same"`.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionV3B()
    >>> print(layer(np.ones((1, 9, 9, 288), "float32")).shape)
    (1, 4, 4, 768)
    """

    table = Concat(
        Conv(384, 3, strides=2, reduces=True),
        (Conv(64), Conv(96, 3), Conv(96, 3, strides=2, reduces=True)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3C(InceptionBlock):
    """Four branches with 7 x 7 convolutions factorized into 1 x 7 and 7 x 1, for maps of about 17 x 17.

    With `n = filters`, these are joined: 1 x 1 to 192; 1 x 1 to `n`, 1 x 7 to `n`, 7 x 1 to 192; 1 x 1 to
    `n`, 7 x 1, 1 x 7 and 7 x 1 to `n`, 1 x 7 to 192; 3 x 3 average pooling, 1 x 1 to 192. Inception-v3 has
    four, with `filters` 128, 160, 160 and 192.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2015, "Rethinking the Inception Architecture for
    Computer Vision", arXiv 1512.00567, figure 6.

    Args:
        filters: Channels between the factorized convolutions. Defaults to 192.
        width: Factor on all numbers of channels. Defaults to 1.
        count_include_pad: Whether the pooling counts zeros around the map, as torchvision's and timm's
            Inception-v3 do and Keras' does not. Defaults to False.
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
        `(batch, height, width, 768 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionV3C(128, width=0.25)
    >>> print(layer(np.ones((1, 9, 9, 192), "float32")).shape)
    (1, 9, 9, 192)
    """

    arguments = ("filters", "width", "count_include_pad")

    def __init__(
        self,
        filters=192,
        *,
        width=1.0,
        count_include_pad=False,
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
        self.filters = validation.positive_integer("filters", filters)
        self.count_include_pad = validation.boolean("count_include_pad", count_include_pad)

    @property
    def table(self):
        across, down = Conv(self.filters, (1, 7)), Conv(self.filters, (7, 1))
        return Concat(
            Conv(192),
            (Conv(self.filters), across, Conv(192, (7, 1))),
            (Conv(self.filters), down, across, down, Conv(192, (1, 7))),
            Conv(192, pool="average"),
        )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3D(InceptionBlock):
    """Reduction from 17 x 17 to 8 x 8: strided convolutions and pooling side by side.

    Joined are: 1 x 1 to 192, 3 x 3 to 320 of stride 2; 1 x 1, 1 x 7 and 7 x 1 to 192, 3 x 3 to 192 of stride
    2; 3 x 3 maximum pooling of stride 2.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2015, "Rethinking the Inception Architecture for
    Computer Vision", arXiv 1512.00567, figure 10.

    Differs from the paper: built as the authors published it; the figure has a 3 x 3 for 1 x 7 and 7 x 1.

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
        `(batch, (height - 1) // 2, (width - 1) // 2, channels + 512 * width)`, or with the channels first;
        half the map, rounded up, with `padding="same"`.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4 or too small a map.

    >>> layer = InceptionV3D()
    >>> print(layer(np.ones((1, 9, 9, 768), "float32")).shape)
    (1, 4, 4, 1280)
    """

    table = Concat(
        (Conv(192), Conv(320, 3, strides=2, reduces=True)),
        (Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), Conv(192, 3, strides=2, reduces=True)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3E(InceptionBlock):
    """Four branches, two of which fork into 1 x 3 and 3 x 1 convolutions, for maps of about 8 x 8.

    Joined are: 1 x 1 to 320; 1 x 1 to 384, then 1 x 3 and 3 x 1 to 384 each; 1 x 1 to 448, 3 x 3 to 384, then
    1 x 3 and 3 x 1 to 384 each; 3 x 3 average pooling, 1 x 1 to 192. Inception-v3 ends with two.

    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2015, "Rethinking the Inception Architecture for
    Computer Vision", arXiv 1512.00567, figure 7.

    Args:
        width: Factor on all numbers of channels. Defaults to 1.
        count_include_pad: Whether the pooling counts zeros around the map, as torchvision's and timm's
            Inception-v3 do and Keras' does not. Defaults to False.
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
        `(batch, height, width, 2048 * width)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4.

    >>> layer = InceptionV3E(width=0.25)
    >>> print(layer(np.ones((1, 8, 8, 320), "float32")).shape)
    (1, 8, 8, 512)
    """

    arguments = ("width", "count_include_pad")
    table = Concat(
        Conv(320),
        (Conv(384), Concat(Conv(384, (1, 3)), Conv(384, (3, 1)))),
        (Conv(448), Conv(384, 3), Concat(Conv(384, (1, 3)), Conv(384, (3, 1)))),
        Conv(192, pool="average"),
    )

    def __init__(
        self,
        *,
        width=1.0,
        count_include_pad=False,
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
        self.count_include_pad = validation.boolean("count_include_pad", count_include_pad)
