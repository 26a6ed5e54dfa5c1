"""Inception block of GoogLeNet."""

import keras

from keras_cnn_zoo.layers.convolution.inception_arguments import REQUIRED
from keras_cnn_zoo.layers.convolution.inception_block import Concat, Conv, InceptionBlock


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class InceptionV1Block(
    InceptionBlock, own={"filters": REQUIRED, "wide_kernel_size": 5, "normalization": None}
):
    """Parallel convolutions of three sizes and a pooling; 1 x 1 reductions precede the larger ones.

    With `filters=(a, b, c, d, e, f)`, the columns of the paper's table 1, it concatenates 1 x 1 to `a`; 1 x 1
    to `b`, 3 x 3 to `c`; 1 x 1 to `d`, 5 x 5 to `e`; and 3 x 3 maximum pooling, 1 x 1 to `f`. An activation
    follows every convolution. GoogLeNet has nine of these blocks. The pooling treats NaN as
    `keras.layers.MaxPooling2D` does: TensorFlow passes over it.

    Reference: Szegedy et al., 2014, "Going Deeper with Convolutions", arXiv 1409.4842, figure 2(b).

    {block:a + c + e + f}

    >>> layer = InceptionV1Block((64, 96, 128, 16, 32, 32))  # 3a
    >>> print(layer(np.ones((1, 8, 8, 192), "float32")).shape)
    (1, 8, 8, 256)
    """

    num_filters = 6

    @property
    def table(self):
        a, b, c, d, e, f = self.filters
        return Concat(
            Conv(a), (Conv(b), Conv(c, 3)), (Conv(d), Conv(e, self.wide_kernel_size)), Conv(f, pool="max")
        )
