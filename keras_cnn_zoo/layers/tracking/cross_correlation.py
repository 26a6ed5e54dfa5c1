"""Cross-correlation of two feature maps of one example."""

import keras
from keras import ops

from keras_cnn_zoo.ops.cross_correlation import cross_correlation
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class CrossCorrelation2D(keras.layers.Layer):
    """Cross-correlation of each example's exemplar map with its search map.

    `y[n, u, v] = sum over i, j, c of exemplar[n, i, j, c] * search[n, u + i, v + j, c]`, which is high if the
    search map resembles the exemplar. With `depthwise=True`, the sum runs over `i, j` only and each channel
    gives a separate map, for a head that weights the channels. It joins the two branches of a Siamese
    tracker. Every example has its own exemplar, so a batch can track many objects. No weights.

    Reference: Bertinetto, Valmadre, Henriques, Vedaldi, Torr, 2016, "Fully-Convolutional Siamese Networks for
    Object Tracking", arXiv 1606.09549; depthwise: Li, Wu, Wang, Zhang, Xing, Yan, 2019, "SiamRPN++",
    arXiv 1812.11703.

    Differs from the paper: no scale and bias on the result; `SiamFC` has them.

    Args:
        strides: Strides of the exemplar, an integer or a pair of integers. Defaults to 1.
        padding: `"valid"`, or `"same"` for zeros around the search map. Defaults to `"valid"`.
        {data_format}
        depthwise: Whether to keep the channels separate. Defaults to False.
        {kwargs}

    Call arguments:
        inputs: A list of two floating-point tensors, the exemplar's map and the search map.

    Input shape:
        `[(batch, height, width, channels), (batch, search_height, search_width, channels)]`, or with the
        channels first. The height and width of the exemplar must be known.

    Output shape:
        `(batch, new_height, new_width, 1)`, with `channels` in place of 1 for `depthwise`, or with the
        channels first; `new_height = search_height - height + 1` for strides 1 and no padding.

    Raises:
        ValueError: for an argument outside its range, inputs that are not two maps of rank 4 with the same
            channels, or an exemplar that is of unknown size or, without padding, larger than the search map.

    >>> layer = CrossCorrelation2D()
    >>> y = layer([np.ones((2, 6, 6, 8)), np.ones((2, 22, 22, 8))])
    >>> print(y.shape, float(y[0, 0, 0, 0]))
    (2, 17, 17, 1) 288.0
    """

    def __init__(self, strides=1, padding="valid", data_format=None, *, depthwise=False, **kwargs):
        super().__init__(**kwargs)
        self.strides = validation.positive_integers("strides", strides, 2)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)
        self.depthwise = validation.boolean("depthwise", depthwise)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        exemplar, search = inputs
        if self.data_format == "channels_first":
            exemplar, search = (ops.transpose(tensor, (0, 2, 3, 1)) for tensor in (exemplar, search))
        outputs = cross_correlation(
            exemplar, search, strides=self.strides, padding=self.padding, depthwise=self.depthwise
        )
        return ops.transpose(outputs, (0, 3, 1, 2)) if self.data_format == "channels_first" else outputs

    def compute_output_shape(self, input_shape):
        exemplar, search = self._channels_last(input_shape)
        if None in exemplar[1:3]:
            raise ValueError(
                f"The exemplar must have a known height and width. Received: input_shape={input_shape}"
            )
        if exemplar[3] is None or exemplar[3] != search[3]:
            raise ValueError(
                f"The exemplar and the search map must have the same channels. Received: "
                f"input_shape={input_shape}"
            )
        space = []
        for size, taps, stride in zip(search[1:3], exemplar[1:3], self.strides, strict=True):
            if size is None:
                space.append(None)
                continue
            if self.padding == "valid" and size < taps:
                raise ValueError(
                    'With padding="valid", the exemplar must not be larger than the search map. '
                    f"Received: input_shape={input_shape}"
                )
            space.append((size - taps) // stride + 1 if self.padding == "valid" else -(-size // stride))
        channels = search[3] if self.depthwise else 1
        batch = search[0] if search[0] is not None else exemplar[0]
        if self.data_format == "channels_first":
            return (batch, channels, *space)
        return (batch, *space, channels)

    def _channels_last(self, input_shape):
        """Returns both shapes with the channels last."""
        pair = isinstance(input_shape, (list, tuple)) and len(input_shape) == 2
        if not pair or not all(isinstance(shape, (list, tuple)) and len(shape) == 4 for shape in input_shape):
            raise ValueError(
                "The inputs must be a list of two maps of rank 4, the exemplar map and the search map. "
                f"Received: input_shape={input_shape}"
            )
        if self.data_format == "channels_first":
            return tuple((shape[0], *shape[2:], shape[1]) for shape in input_shape)
        return tuple(tuple(shape) for shape in input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "depthwise": self.depthwise,
        }
