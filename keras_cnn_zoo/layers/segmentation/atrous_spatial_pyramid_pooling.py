"""Atrous spatial pyramid pooling."""

import keras
from keras import ops

from keras_cnn_zoo.layers.slots import CompositeLayer, Slot
from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class AtrousSpatialPyramidPooling2D(CompositeLayer):
    """Parallel dilated convolutions of one map, with receptive fields of several sizes.

    `combine="concat"` is that of DeepLab v3. The branches are a 1 x 1 convolution, a 3 x 3 convolution per
    entry of `rates`, and, with `image_pooling`, a 1 x 1 convolution of the mean over the map. All are
    normalized, activated, and concatenated. A final 1 x 1 convolution with `filters` channels is also
    normalized and activated.

    `combine="sum"` is that of DeepLab v2: `y = sum_r b_r + W_r * x`, a sum of plain 3 x 3 convolutions, where
    `filters` is the number of classes (its ResNet-101). With `hidden_filters`, each branch is a 3 x 3 and two
    1 x 1 convolutions with activations between them (its VGG-16 with fc6, fc7, and fc8). `image_pooling` adds
    a 1 x 1 convolution of the mean, which the paper does not have.

    Reference: Chen, Papandreou, Schroff, Adam, 2017, "Rethinking Atrous Convolution for Semantic Image
    Segmentation", arXiv 1706.05587 (v3); Chen, Papandreou, Kokkinos, Murphy, Yuille, 2016, "DeepLab",
    arXiv 1606.00915 (v2).

    Differs from the paper: v2's dropout between the convolutions of `hidden_filters` is left out.

    Args:
        filters: Channels of every branch and of the output.
        rates: Dilations of the 3 x 3 convolutions; (6, 12, 18) in v3 at output stride 16, and (6, 12, 18, 24)
            in v2 at 8.
        image_pooling: Whether to add a branch for the mean over the whole map. Defaults to True.
        combine: `"concat"` or `"sum"`. Defaults to `"concat"`.
        hidden_filters: Channels inside the branches of `"sum"`, or None for plain convolutions.
        normalization: `"batch"` or a layer used as a prototype, after each convolution of `"concat"`, which
            then has no bias; or None. Defaults to `"batch"`.
        activation: Name of an activation, a layer used as a prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        kernel_initializer: For all kernels, each with its own seed. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, height, width, filters)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, `hidden_filters` with `"concat"`, or an input of a rank
            other than 4.

    >>> layer = AtrousSpatialPyramidPooling2D(16, rates=(2, 4))
    >>> print(layer(np.ones((1, 9, 11, 32), "float32")).shape)
    (1, 9, 11, 16)
    """

    normalization, activation = Slot(), Slot()

    def __init__(
        self,
        filters,
        *,
        rates,
        image_pooling=True,
        combine="concat",
        hidden_filters=None,
        normalization="batch",
        activation="relu",
        data_format=None,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = validation.positive_integer("filters", filters)
        if not isinstance(rates, (tuple, list)) or not rates:
            validation.fail("rates", "a sequence of positive integers", rates)
        self.rates = validation.positive_integers("rates", rates, len(rates))
        self.image_pooling = validation.boolean("image_pooling", image_pooling)
        self.combine = validation.one_of("combine", combine, ("concat", "sum"))
        self.hidden_filters = validation.positive_integer("hidden_filters", hidden_filters, optional=True)
        if self.combine == "concat" and hidden_filters is not None:
            raise ValueError(
                f'`hidden_filters` needs combine="sum". Received: hidden_filters={hidden_filters}'
            )
        self._fill(normalization=normalization, activation=activation)
        self.data_format = validation.data_format("data_format", data_format)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _dilated(self, filters, kernel_size, rate, name, use_bias=True):
        return self._convolution(
            filters, kernel_size, name, padding="same", dilation_rate=rate, use_bias=use_bias
        )

    def _branch(self, kernel_size, rate, name):
        """Returns the layers of a branch in order."""
        if self.combine == "concat":
            return self._normalized(kernel_size, rate, name)
        if self.hidden_filters is None:
            return [self._dilated(self.filters, kernel_size, rate, f"{name}_convolution")]
        layers = []
        for number, (filters, size, dilation) in enumerate(
            ((self.hidden_filters, kernel_size, rate), (self.hidden_filters, 1, 1), (self.filters, 1, 1)),
            start=1,
        ):
            layers.append(self._dilated(filters, size, dilation, f"{name}_convolution_{number}"))
            layers.append(self._part("activation", f"{name}_activation_{number}"))
        return [layer for layer in layers[:-1] if layer is not None]

    def _normalized(self, kernel_size, rate, name):
        layers = [
            self._dilated(self.filters, kernel_size, rate, f"{name}_convolution", self.normalization is None),
            self._part("normalization", f"{name}_normalization"),
            self._part("activation", f"{name}_activation"),
        ]
        return [layer for layer in layers if layer is not None]

    def build_parts(self, input_shape):
        input_shape = tuple(input_shape)
        if len(input_shape) != 4 or input_shape[self._channel_axis] is None:
            raise ValueError(
                "`AtrousSpatialPyramidPooling2D` takes inputs of rank 4 with a known number of channels. "
                f"Received: input_shape={input_shape}"
            )
        self.branches = [self._branch(1, 1, "pointwise")] if self.combine == "concat" else []
        for index, rate in enumerate(self.rates, start=1):
            self.branches.append(self._branch(3, rate, f"atrous_{index}"))
        self.pooled_branch = self._branch(1, 1, "image") if self.image_pooling else []
        pooled_shape = list(input_shape)
        for axis in self._space:
            pooled_shape[axis] = 1
        for branch in self.branches:
            self._build(branch, input_shape)
        self._build(self.pooled_branch, tuple(pooled_shape))
        self.projection = []
        if self.combine == "concat":
            self.projection = self._normalized(1, 1, "projection")
            joined = list(input_shape)
            joined[self._channel_axis] = self.filters * (len(self.branches) + self.image_pooling)
            self._build(self.projection, tuple(joined))

    @staticmethod
    def _build(layers, shape):
        for layer in layers:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)

    @staticmethod
    def _apply(layers, x):
        for layer in layers:
            x = layer(x)
        return x

    def call(self, inputs):
        outputs = [self._apply(branch, inputs) for branch in self.branches]
        if self.image_pooling:
            mean = ops.cast(statistics.mean(inputs, self._space, keepdims=True), inputs.dtype)
            # Resizing a map of one pixel repeats the pixel.
            outputs.append(ops.broadcast_to(self._apply(self.pooled_branch, mean), ops.shape(outputs[0])))
        if self.combine == "sum":
            return sum(outputs[1:], outputs[0])
        return self._apply(self.projection, ops.concatenate(outputs, axis=self._channel_axis))

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[self._channel_axis] = self.filters
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "rates": self.rates,
            "image_pooling": self.image_pooling,
            "combine": self.combine,
            "hidden_filters": self.hidden_filters,
            **self._slots_config(),
            "data_format": self.data_format,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
