"""The blocks of Inception-v4, in network order: stem, A, reduction A, B, reduction B, C."""

import keras

from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock, Pool

PADDED = {"width": 1.0, "padding": "valid"}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4Stem(InceptionBlock, own=PADDED):
    """Stem of Inception-v4: 299 x 299 x 3 to 35 x 35 x 384, with three pairs of parallel branches.

    In order: 3 x 3 to 32 of stride 2, 3 x 3 to 32, 3 x 3 to 64. Then it concatenates three pairs in turn: 3 x
    3 maximum pooling of stride 2, and 3 x 3 to 96 of stride 2; then 1 x 1 to 64, 3 x 3 to 96, and 1 x 1, 1 x
    7, and 7 x 1 to 64, 3 x 3 to 96; then 3 x 3 to 192 of stride 2, and 3 x 3 maximum pooling of stride 2. The
    paper's Inception-ResNet-v2 also starts with it.

    Reference: {inception_v4}, figure 3.

    Differs from the paper: built as the authors published it; the figure has 7 x 1 before 1 x 7.

    {stem:384 * width}

    >>> print(InceptionV4Stem(width=0.125)(np.ones((1, 75, 75, 3), "float32")).shape)
    (1, 7, 7, 48)
    """

    table = (
        Conv(32, 3, 2),
        Conv(32, 3, unpadded=True),
        Conv(64, 3),
        Concat(Pool(), Conv(96, 3, 2)),
        Concat(
            (Conv(64), Conv(96, 3, unpadded=True)),
            (Conv(64), Conv(64, (1, 7)), Conv(64, (7, 1)), Conv(96, 3, unpadded=True)),
        ),
        Concat(Conv(192, 3, 2), Pool()),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4A(InceptionBlock, own={"width": 1.0}):
    """Four branches of 3 x 3 convolutions and average pooling, for maps of about 35 x 35.

    It concatenates 1 x 1 to 96; 1 x 1 to 64, 3 x 3 to 96; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to 96; and 3 x 3
    average pooling, 1 x 1 to 96. Inception-v4 has four of these blocks.

    Reference: {inception_v4}, figure 4.

    {block:384 * width}

    >>> print(InceptionV4A(width=0.5)(np.ones((1, 8, 8, 192), "float32")).shape)
    (1, 8, 8, 192)
    """

    table = Concat(
        Conv(96), (Conv(64), Conv(96, 3)), (Conv(64), Conv(96, 3), Conv(96, 3)), Conv(96, pool="average")
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4ReductionA(InceptionBlock, own={"filters": (192, 224, 256, 384), **PADDED}):
    """Reduction from 35 x 35 to 17 x 17: strided convolutions and pooling in parallel.

    With `filters=(k, l, m, n)`, the columns of the paper's table 1, it concatenates 3 x 3 to `n` of stride 2;
    1 x 1 to `k`, 3 x 3 to `l`, 3 x 3 to `m` of stride 2; and 3 x 3 maximum pooling of stride 2. The default
    is for Inception-v4.

    Reference: {inception_v4}, figure 7.

    {reduction:(m + n) * width}

    >>> print(InceptionV4ReductionA(width=0.5)(np.ones((1, 9, 9, 192), "float32")).shape)
    (1, 4, 4, 512)
    """

    num_filters = 4

    @property
    def table(self):
        before, between, after, direct = self.filters
        return Concat(Conv(direct, 3, 2), (Conv(before), Conv(between, 3), Conv(after, 3, 2)), Pool())


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4B(InceptionBlock, own={"width": 1.0}):
    """Four branches with 7 x 7 convolutions factorized into 1 x 7 and 7 x 1, for maps of about 17 x 17.

    It concatenates 1 x 1 to 384; 1 x 1 to 192, 1 x 7 to 224, 7 x 1 to 256; 1 x 1 and 7 x 1 to 192, 1 x 7 and
    7 x 1 to 224, 1 x 7 to 256; and 3 x 3 average pooling, 1 x 1 to 128. Inception-v4 has seven of these
    blocks.

    Reference: {inception_v4}, figure 5.

    Differs from the paper: built as the authors published it; the figure's third branch has 1 x 7 before
    7 x 1, and its second has 1 x 7 twice.

    {block:1024 * width}

    >>> print(InceptionV4B(width=0.25)(np.ones((1, 8, 8, 256), "float32")).shape)
    (1, 8, 8, 256)
    """

    table = Concat(
        Conv(384),
        (Conv(192), Conv(224, (1, 7)), Conv(256, (7, 1))),
        (Conv(192), Conv(192, (7, 1)), Conv(224, (1, 7)), Conv(224, (7, 1)), Conv(256, (1, 7))),
        Conv(128, pool="average"),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4ReductionB(InceptionBlock, own=PADDED):
    """Reduction from 17 x 17 to 8 x 8: strided convolutions and pooling in parallel.

    It concatenates 1 x 1 to 192, 3 x 3 to 192 of stride 2; 1 x 1 and 1 x 7 to 256, 7 x 1 to 320, 3 x 3 to 320
    of stride 2; and 3 x 3 maximum pooling of stride 2.

    Reference: {inception_v4}, figure 8.

    {reduction:512 * width}

    >>> print(InceptionV4ReductionB()(np.ones((1, 9, 9, 1024), "float32")).shape)
    (1, 4, 4, 1536)
    """

    table = Concat(
        (Conv(192), Conv(192, 3, 2)),
        (Conv(256), Conv(256, (1, 7)), Conv(320, (7, 1)), Conv(320, 3, 2)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV4C(InceptionBlock, own={"width": 1.0}):
    """Four branches, two of which fork into 1 x 3 and 3 x 1 convolutions, for maps of about 8 x 8.

    It concatenates 1 x 1 to 256; 1 x 1 to 384, then 1 x 3 and 3 x 1 to 256 each; 1 x 1 to 384, 3 x 1 to 448,
    1 x 3 to 512, then 1 x 3 and 3 x 1 to 256 each; and 3 x 3 average pooling, 1 x 1 to 256. Inception-v4 ends
    with three of these blocks.

    Reference: {inception_v4}, figure 6.

    Differs from the paper: built as the authors published it; the figure's third branch has 1 x 3 before
    3 x 1.

    {block:1536 * width}

    >>> print(InceptionV4C(width=0.25)(np.ones((1, 8, 8, 384), "float32")).shape)
    (1, 8, 8, 384)
    """

    table = Concat(
        Conv(256),
        (Conv(384), Concat(Conv(256, (1, 3)), Conv(256, (3, 1)))),
        (Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3)), Concat(Conv(256, (1, 3)), Conv(256, (3, 1)))),
        Conv(256, pool="average"),
    )
