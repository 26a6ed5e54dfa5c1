"""The blocks of Inception-ResNet-v2, in network order: stem, A, reduction A, B, reduction B, C."""

import keras

from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock, Pool
from keras_cnn_zoo.layers.convolution.inception_v3_blocks import InceptionV3Stem
from keras_cnn_zoo.layers.convolution.inception_v4_blocks import PADDED, InceptionV4ReductionA

RESIDUAL = {"activate_output": True, "width": 1.0}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetStem(InceptionBlock, own=PADDED):
    """Stem of Inception-ResNet-v2: 299 x 299 x 3 to 35 x 35 x 320.

    "3 x 3 to 32" is a 3 x 3 convolution with 32 output channels. In order: 3 x 3 to 32 of stride 2, 3 x 3 to
    32, 3 x 3 to 64, 3 x 3 maximum pooling of stride 2, 1 x 1 to 80, 3 x 3 to 192, and the same pooling. Then
    four branches are concatenated: 1 x 1 to 96; 1 x 1 to 48, 5 x 5 to 64; 1 x 1 to 64, 3 x 3 to 96, 3 x 3 to
    96; and 3 x 3 average pooling, 1 x 1 to 64.

    Reference: {inception_v4}, section 3.2.

    Differs from the paper: as in the authors' published network, it is the stem of Inception-v3 and a block
    like `InceptionV3A`. The paper has the stem of Inception-v4, `InceptionV4Stem`.

    {stem:320 * width}

    >>> print(InceptionResNetStem(width=0.125)(np.ones((1, 75, 75, 3), "float32")).shape)
    (1, 7, 7, 40)
    """

    table = (
        *InceptionV3Stem.table,
        Concat(
            Conv(96), (Conv(48), Conv(64, 5)), (Conv(64), Conv(96, 3), Conv(96, 3)), Conv(64, pool="average")
        ),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetA(InceptionBlock, own={"scale": 0.17, **RESIDUAL}):
    """Residual block of three branches of 3 x 3 convolutions, for maps of about 35 x 35.

    `y = activation(x + scale * (W * branches(x) + b))`, where the 1 x 1 convolution `W` restores the channels
    of `x`. The branches are convolutions: 1 x 1 to 32 channels; 1 x 1 to 32, 3 x 3 to 32; and 1 x 1 to 32, 3
    x 3 to 48, 3 x 3 to 64. Inception-ResNet-v2 has ten of these blocks.

    Reference: {inception_v4}, figure 16.

    Differs from the paper: it is for 320 channels, as in the authors' published network; the paper has 384.

    {residual}

    >>> print(InceptionResNetA()(np.ones((1, 8, 8, 320), "float32")).shape)
    (1, 8, 8, 320)
    """

    table = Concat(Conv(32), (Conv(32), Conv(32, 3)), (Conv(32), Conv(48, 3), Conv(64, 3)))


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetReductionA(InceptionBlock, own={"filters": (256, 256, 384, 384), **PADDED}):
    """Reduction from 35 x 35 to 17 x 17: strided convolutions and pooling in parallel.

    It is `InceptionV4ReductionA` with other filters. With `filters=(k, l, m, n)`, the columns of the paper's
    table 1, it concatenates a 3 x 3 convolution to `n` channels of stride 2; 1 x 1 to `k`, 3 x 3 to `l`, 3 x
    3 to `m` of stride 2; and 3 x 3 maximum pooling of stride 2. The default is for Inception-ResNet-v2.

    Reference: {inception_v4}, figure 7.

    {reduction:(m + n) * width}

    >>> print(InceptionResNetReductionA(width=0.5)(np.ones((1, 9, 9, 160), "float32")).shape)
    (1, 4, 4, 544)
    """

    num_filters = 4
    table = InceptionV4ReductionA.table


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetB(InceptionBlock, own={"scale": 0.1, **RESIDUAL}):
    """Residual block of two branches, one through 1 x 7 and 7 x 1, for maps of about 17 x 17.

    `y = activation(x + scale * (W * branches(x) + b))`, where the 1 x 1 convolution `W` restores the channels
    of `x`. The branches are convolutions: 1 x 1 to 192 channels; and 1 x 1 to 128, 1 x 7 to 160, 7 x 1 to
    192. Inception-ResNet-v2 has twenty of these blocks.

    Reference: {inception_v4}, figure 17.

    Differs from the paper: it is for 1088 channels, as in the authors' published network; the paper has 1154.

    {residual}

    >>> print(InceptionResNetB()(np.ones((1, 8, 8, 1088), "float32")).shape)
    (1, 8, 8, 1088)
    """

    table = Concat(Conv(192), (Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1))))


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetReductionB(InceptionBlock, own=PADDED):
    """Reduction from 17 x 17 to 8 x 8: strided convolutions and pooling in parallel.

    It concatenates convolutions of 1 x 1 to 256 channels, 3 x 3 to 384 of stride 2; 1 x 1 to 256, 3 x 3 to
    288 of stride 2; 1 x 1 to 256, 3 x 3 to 288, 3 x 3 to 320 of stride 2; and 3 x 3 maximum pooling of stride
    2.

    Reference: {inception_v4}, figure 18.

    {reduction:992 * width}

    >>> print(InceptionResNetReductionB()(np.ones((1, 9, 9, 1088), "float32")).shape)
    (1, 4, 4, 2080)
    """

    table = Concat(
        (Conv(256), Conv(384, 3, 2)),
        (Conv(256), Conv(288, 3, 2)),
        (Conv(256), Conv(288, 3), Conv(320, 3, 2)),
        Pool(),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionResNetC(InceptionBlock, own={"scale": 0.2, **RESIDUAL}):
    """Residual block of two branches, one through 1 x 3 and 3 x 1, for maps of about 8 x 8.

    `y = activation(x + scale * (W * branches(x) + b))`, where the 1 x 1 convolution `W` restores the channels
    of `x`. The branches are convolutions: 1 x 1 to 192 channels; and 1 x 1 to 192, 1 x 3 to 224, 3 x 1 to
    256. Inception-ResNet-v2 has nine of these blocks, and a tenth with `scale=1.0` and
    `activate_output=False`.

    Reference: {inception_v4}, figure 19.

    Differs from the paper: it is for 2080 channels, as in the authors' published network; the paper has 2048.

    {residual}

    >>> print(InceptionResNetC()(np.ones((1, 8, 8, 2080), "float32")).shape)
    (1, 8, 8, 2080)
    """

    table = Concat(Conv(192), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))))
