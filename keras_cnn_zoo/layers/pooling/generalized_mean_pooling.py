"""Global generalized-mean pooling with a trainable power."""

import keras
from keras import ops

from keras_cnn_zoo.ops import statistics, windows
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.initialization import ExactConstant

LARGEST_POWER = 1e30  # The result then equals the maximum in every dtype.


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class GeneralizedMeanPooling2D(keras.layers.Layer):
    """Global pooling between the average and the maximum: `y = mean(x^p)^(1/p)` over each map.

    p=1 is global average pooling. As p grows, the result approaches the maximum; at p=1e30 they are equal. In
    image retrieval, it replaces average and maximum pooling. Use it after a ReLU: negative inputs count as 0,
    and a map without a positive entry gives 0. Every map is scaled by its largest entry to prevent overflow.
    The gradient at 0 is 0. For p < 1, the gradient is unbounded near 0.

    In float32, a map without an entry above 1.2e-38, the smallest normal number, may count as empty.

    Reference: Radenovic, Tolias, Chum, 2018, "Fine-tuning CNN Image Retrieval with No Human Annotation",
    arXiv 1711.02512. One power is shared by all channels, as in the authors' networks.

    Differs from the paper: the authors' program replaces entries below 1e-6 by 1e-6.

    Args:
        p: Power, or its value before training, above 0 and at most 1e30. Defaults to 3.
        trainable_p: Whether the power is a trainable weight. A small integer power that is not trainable is
            faster. Defaults to True.
        {data_format}
        keepdims: Whether to keep height and width, with a size of 1. Defaults to False.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}; height and width may be unknown.

    Output shape:
        `(batch, channels)`; with `keepdims`, the input's shape with height and width 1.

    Raises:
        {map_errors}

    >>> layer = GeneralizedMeanPooling2D(p=2, trainable_p=False)
    >>> float(layer(np.array([[[[1.0], [7.0]]]]))[0, 0])
    5.0
    """

    receptive_steps = "everything"

    def __init__(self, p=3.0, *, trainable_p=True, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.p = validation.finite_number("p", p, above=0, maximum=LARGEST_POWER)
        self.trainable_p = validation.boolean("trainable_p", trainable_p)
        self.data_format = validation.data_format("data_format", data_format)
        self.keepdims = validation.boolean("keepdims", keepdims)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        if self.trainable_p:
            # `p` is the argument, so the weight has another name.
            self.power = self.add_weight(
                name="power", shape=(), initializer=ExactConstant(self.p), autocast=False
            )
        self.built = True

    @property
    def _space(self):
        return (1, 2) if self.data_format == "channels_last" else (2, 3)

    def call(self, inputs):
        inputs = ops.relu(windows.as_float32(inputs))
        power = ops.cast(self.power, inputs.dtype) if self.trainable_p else self.p
        # The result does not depend on the scale, so it needs no gradient.
        scale = ops.stop_gradient(ops.max(inputs, axis=self._space, keepdims=True))
        is_empty = ops.cast(scale <= 0, inputs.dtype)
        mean = statistics.mean(_power(inputs / (scale + is_empty), power), self._space, keepdims=True)
        # For a map without positive entries, take the root of 1, which has a finite gradient; its scale is 0.
        outputs = scale * ops.exp(ops.log(mean + is_empty) / power)
        if not self.keepdims:
            outputs = ops.squeeze(outputs, self._space)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "`GeneralizedMeanPooling2D` takes inputs of rank 4. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        kept = {axis: 1 for axis in self._space} if self.keepdims else {}
        return tuple(
            kept.get(axis, length)
            for axis, length in enumerate(input_shape)
            if self.keepdims or axis not in self._space
        )

    def get_config(self):
        return {
            **super().get_config(),
            "p": self.p,
            "trainable_p": self.trainable_p,
            "data_format": self.data_format,
            "keepdims": self.keepdims,
        }


def _power(ratios, power):
    """Returns `ratios^power` for ratios in [0, 1], with a gradient of 0 at 0."""
    if isinstance(power, float) and power == int(power) and power <= 16:
        return ratios ** int(power)
    is_zero = ops.cast(ratios <= 0, ratios.dtype)
    return ops.exp(power * ops.log(ratios + is_zero)) * (1.0 - is_zero)
