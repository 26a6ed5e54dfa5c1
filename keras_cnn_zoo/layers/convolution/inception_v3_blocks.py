"""The blocks of Inception-v3, in network order: stem, A, B, C, D, E."""

import keras

from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock, Pool

PADDED = {"width": 1.0, "padding": "valid"}
POOLED = {"width": 1.0, "count_include_pad": False}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3Stem(InceptionBlock, own=PADDED):
    """Stem of Inception-v3: five convolutions and two poolings, 299 x 299 x 3 to 35 x 35 x 192.

    In order: 3 x 3 to 32 of stride 2, 3 x 3 to 32, 3 x 3 to 64, 3 x 3 maximum pooling of stride 2, 1 x 1 to
    80, 3 x 3 to 192, and the same pooling. Each convolution is normalized and activated.

    Reference: {inception_v3}, table 1.

    Differs from the paper: built as the authors published it; the table has 3 x 3 in place of the 1 x 1, and
    a stride of 2 and another convolution in place of the second pooling.

    {stem:192 * width}

    >>> print(InceptionV3Stem(width=0.125)(np.ones((1, 75, 75, 3), "float32")).shape)
    (1, 7, 7, 24)
    """

    table = (
        Conv(32, 3, 2),
        Conv(32, 3, unpadded=True),
        Conv(64, 3),
        Pool(),
        Conv(80),
        Conv(192, 3, unpadded=True),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3A(InceptionBlock, own={"pool_filters": 64, **POOLED}):
    """Four branches of 3 x 3 and 5 x 5 convolutions and average pooling, for maps of about 35 x 35.

    It concatenates 1 x 1 to 64; 1 x 1 to 48, 5 x 5 to 64; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to 96; and 3 x 3
    average pooling, 1 x 1 to `pool_filters`. Inception-v3 has three of these blocks, with `pool_filters` 32,
    64, and 64.

    Reference: {inception_v3}, figure 5.

    Differs from the paper: built as the authors published it; the figure has a 3 x 3 in place of the 5 x 5.

    {block:(224 + pool_filters) * width}

    >>> print(InceptionV3A(pool_filters=32)(np.ones((1, 8, 8, 192), "float32")).shape)
    (1, 8, 8, 256)
    """

    @property
    def table(self):
        return Concat(
            Conv(64),
            (Conv(48), Conv(64, 5)),
            (Conv(64), Conv(96, 3), Conv(96, 3)),
            Conv(self.pool_filters, pool="average"),
        )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3B(InceptionBlock, own=PADDED):
    """Reduction from 35 x 35 to 17 x 17: strided convolutions and pooling in parallel.

    It concatenates 3 x 3 to 384 of stride 2; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to 96 of stride 2; and 3 x 3
    maximum pooling of stride 2.

    Reference: {inception_v3}, figure 10.

    Differs from the paper: built as the authors published it; the figure has a 1 x 1 before the first 3 x 3.

    {reduction:480 * width}

    >>> print(InceptionV3B()(np.ones((1, 9, 9, 288), "float32")).shape)
    (1, 4, 4, 768)
    """

    table = Concat(Conv(384, 3, 2), (Conv(64), Conv(96, 3), Conv(96, 3, 2)), Pool())


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3C(InceptionBlock, own={"filters": 192, **POOLED}):
    """Four branches with 7 x 7 convolutions factorized into 1 x 7 and 7 x 1, for maps of about 17 x 17.

    It concatenates 1 x 1 to 192; 1 x 1 and 1 x 7 to `filters`, 7 x 1 to 192; 1 x 1, 7 x 1, 1 x 7, and 7 x 1
    to `filters`, 1 x 7 to 192; and 3 x 3 average pooling, 1 x 1 to 192. Inception-v3 has four of these
    blocks, with `filters` 128, 160, 160, and 192.

    Reference: {inception_v3}, figure 6.

    {block:768 * width}

    >>> print(InceptionV3C(128, width=0.25)(np.ones((1, 9, 9, 192), "float32")).shape)
    (1, 9, 9, 192)
    """

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
class InceptionV3D(InceptionBlock, own=PADDED):
    """Reduction from 17 x 17 to 8 x 8: strided convolutions and pooling in parallel.

    It concatenates 1 x 1 to 192, 3 x 3 to 320 of stride 2; 1 x 1, 1 x 7, and 7 x 1 to 192, 3 x 3 to 192 of
    stride 2; and 3 x 3 maximum pooling of stride 2.

    Reference: {inception_v3}, figure 10.

    Differs from the paper: built as the authors published it; the figure has a 3 x 3 in place of 1 x 7 and 7
    x 1.

    {reduction:512 * width}

    >>> print(InceptionV3D()(np.ones((1, 9, 9, 768), "float32")).shape)
    (1, 4, 4, 1280)
    """

    table = Concat(
        (Conv(192), Conv(320, 3, 2)),
        (Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), Conv(192, 3, 2)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV3E(InceptionBlock, own=POOLED):
    """Four branches, two of which fork into 1 x 3 and 3 x 1 convolutions, for maps of about 8 x 8.

    It concatenates 1 x 1 to 320; 1 x 1 to 384, then 1 x 3 and 3 x 1 to 384 each; 1 x 1 to 448, 3 x 3 to 384,
    then 1 x 3 and 3 x 1 to 384 each; and 3 x 3 average pooling, 1 x 1 to 192. Inception-v3 ends with two of
    these blocks.

    Reference: {inception_v3}, figure 7.

    {block:2048 * width}

    >>> print(InceptionV3E(width=0.25)(np.ones((1, 8, 8, 320), "float32")).shape)
    (1, 8, 8, 512)
    """

    table = Concat(
        Conv(320),
        (Conv(384), Concat(Conv(384, (1, 3)), Conv(384, (3, 1)))),
        (Conv(448), Conv(384, 3), Concat(Conv(384, (1, 3)), Conv(384, (3, 1)))),
        Conv(192, pool="average"),
    )
