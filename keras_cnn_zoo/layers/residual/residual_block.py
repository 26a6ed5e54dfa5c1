"""Residual block of ResNet v1 and v2, wide ResNet, ResNeXt, SE-ResNet, and weighted or stochastic depth."""

import keras
from keras import ops

from keras_cnn_zoo.layers.regularization.stochastic_depth import StochasticDepth
from keras_cnn_zoo.layers.residual.squeeze_excitation import SqueezeExcitation
from keras_cnn_zoo.layers.slots import CompositeLayer, Slot
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import validation

EXPANSION = {"basic": 1, "bottleneck": 4}


class _UnitInterval(keras.constraints.Constraint):
    """Constraint that clips to [-1, 1], the range of Shen and Zeng's branch weights."""

    def __call__(self, weight):
        return ops.clip(weight, -1.0, 1.0)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ResidualBlock2D(CompositeLayer):
    """Building block of residual networks: `y = activation(branch(x) + shortcut(x))`.

    The "basic" branch is two 3 x 3 convolutions of `filters` channels; the "bottleneck" branch is a 1 x 1, a
    3 x 3, and a 1 x 1 convolution and has `4 * filters` output channels. Every convolution is normalized. If
    the size or the number of channels changes, the shortcut is a normalized 1 x 1 convolution, or the
    subsampled input padded with zero channels. Padding is the same on all sides, so that windows are centered
    for odd and even sizes.

    Reference: He, Zhang, Ren, Sun, 2015, "Deep Residual Learning for Image Recognition", arXiv 1512.03385;
    2016, "Identity Mappings in Deep Residual Networks", arXiv 1603.05027 (`preactivation`); equation (37) of
    the survey. Xie et al., 2017, arXiv 1611.05431 (`groups`, `base_width`); Zagoruyko and Komodakis, 2016,
    arXiv 1605.07146 (`base_width`); Hu et al., 2018, arXiv 1709.01507 (`squeeze_ratio`); Huang et al., 2016,
    arXiv 1603.09382 (`drop_rate`); Shen and Zeng, 2016, arXiv 1605.08831 (`weighted`).

    Differs from the papers: stochastic depth draws per example and scales the kept branches by `1 / (1 -
    drop_rate)` in training; Huang et al. draw per batch and scale at test time. With `weighted`, the branch
    ends with the activation and nothing follows the sum, as in the paper. The weight starts at 0, which the
    paper does not state.

    Args:
        filters: Channels of the "basic" branch; a "bottleneck" has four times as many output channels.
        strides: Strides of the block, an integer or a pair of integers. Defaults to 1.
        kind: Branch, `"basic"` or `"bottleneck"`. Defaults to `"basic"`.
        preactivation: Whether normalization and activation precede each convolution, with none after the sum.
            Defaults to False.
        groups: Groups of the 3 x 3 convolution of a "bottleneck". Defaults to 1.
        base_width: Channels per group at `filters=64`; the 3 x 3 convolution of a "bottleneck" has `groups *
            (filters * base_width // 64)` channels. Defaults to 64.
        shortcut: `"projection"` or `"zero_pad"`, for a change of size or channels. Defaults to
            `"projection"`.
        stride_on: Which convolution of a "bottleneck" has the strides: `"3x3"`, or the first `"1x1"`, as in
            the first paper. Defaults to `"3x3"`.
        use_bias: Whether convolutions have biases. Defaults to False.
        weighted: Whether to multiply the branch by a trainable scalar in [-1, 1]. Defaults to False.
        squeeze_ratio: `ratio` of a `SqueezeExcitation` at the end of the branch, or None to omit it.
        drop_rate: Probability that training skips the branch for an example, in [0, 1). Defaults to 0.
        normalization: `"batch"`, a layer used as a prototype, or None. Defaults to `"batch"`.
        activation: Name of an activation, a layer used as a prototype, or None. Defaults to `"relu"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        dilation_rate: Dilation of the 3 x 3 convolutions. Defaults to 1.
        kernel_initializer: For all kernels, each with its own seed. Defaults to He normal.
        seed: Integer for `drop_rate`, or None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), filters or 4 * filters)`, or channels first.

    Raises:
        ValueError: for an argument outside its range, arguments that exclude each other, an input of a rank
            other than 4, or an input with more channels than the output of a `"zero_pad"` shortcut.

    >>> layer = ResidualBlock2D(8, strides=2, kind="bottleneck")
    >>> print(layer(np.ones((1, 7, 7, 4), "float32")).shape)
    (1, 4, 4, 32)
    """

    normalization, activation = Slot(), Slot()

    def __init__(
        self,
        filters,
        strides=1,
        *,
        kind="basic",
        preactivation=False,
        groups=1,
        base_width=64,
        shortcut="projection",
        stride_on="3x3",
        use_bias=False,
        weighted=False,
        squeeze_ratio=None,
        drop_rate=0.0,
        normalization="batch",
        activation="relu",
        data_format=None,
        dilation_rate=1,
        kernel_initializer="he_normal",
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = validation.positive_integer("filters", filters)
        self.strides = validation.positive_integers("strides", strides, 2)
        self.kind = validation.one_of("kind", kind, tuple(EXPANSION))
        self.preactivation = validation.boolean("preactivation", preactivation)
        self.groups = validation.positive_integer("groups", groups)
        self.base_width = validation.positive_integer("base_width", base_width)
        if self.kind == "basic" and (self.groups, self.base_width) != (1, 64):
            raise ValueError(
                '`groups` and `base_width` need kind="bottleneck". '
                f"Received: groups={groups}, base_width={base_width}"
            )
        if not self.filters * self.base_width // 64:
            validation.fail("base_width", f"enough for one channel at filters={self.filters}", base_width)
        self.shortcut = validation.one_of("shortcut", shortcut, ("projection", "zero_pad"))
        self.stride_on = validation.one_of("stride_on", stride_on, ("3x3", "1x1"))
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.weighted = validation.boolean("weighted", weighted)
        self.squeeze_ratio = validation.positive_integer("squeeze_ratio", squeeze_ratio, optional=True)
        self.drop_rate = validation.probability("drop_rate", drop_rate, allow_one=False)
        self._fill(normalization=normalization, activation=activation)
        self.data_format = validation.data_format("data_format", data_format)
        self.dilation_rate = validation.positive_integer("dilation_rate", dilation_rate)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = validation.integer("seed", seed, optional=True)

    def _output_channels(self):
        return self.filters * EXPANSION[self.kind]

    def _convolutions(self):
        """Returns (filters, kernel size, strides, groups) of each convolution of the branch, in order."""
        if self.kind == "basic":
            return [(self.filters, 3, self.strides, 1), (self.filters, 3, (1, 1), 1)]
        inner = self.filters * self.base_width // 64 * self.groups
        first, second = (self.strides, (1, 1)) if self.stride_on == "1x1" else ((1, 1), self.strides)
        return [
            (inner, 1, first, 1),
            (inner, 3, second, self.groups),
            (self._output_channels(), 1, (1, 1), 1),
        ]

    def _subsampled(self, filters, kernel_size, strides, groups, name):
        """Returns a padding layer, or None, and a convolution; together they pad all sides equally."""
        # With strides, "same" would pad an even map only at the bottom and right.
        centered = kernel_size == 1 or strides == (1, 1)
        convolution = self._convolution(
            filters,
            kernel_size,
            name,
            strides=strides,
            padding="same" if centered else "valid",
            dilation_rate=self.dilation_rate if kernel_size > 1 else 1,
            groups=groups,
            use_bias=self.use_bias,
        )
        if centered:
            return None, convolution
        padding = keras.layers.ZeroPadding2D(
            1, data_format=self.data_format, dtype=self.dtype_policy, name=f"{name}_padding"
        )
        return padding, convolution

    def build_parts(self, input_shape):
        input_shape = tuple(input_shape)
        if len(input_shape) != 4 or input_shape[self._channel_axis] is None:
            raise ValueError(
                "`ResidualBlock2D` takes inputs of rank 4 with a known number of channels. "
                f"Received: input_shape={input_shape}"
            )
        if self.dilation_rate > 1 and self.strides != (1, 1):
            raise ValueError(
                "`dilation_rate` must be 1 unless `strides` is 1. "
                f"Received: dilation_rate={self.dilation_rate}, strides={self.strides}"
            )
        channels, output_channels = input_shape[self._channel_axis], self._output_channels()
        if self.shortcut == "zero_pad" and channels > output_channels:
            raise ValueError(
                'shortcut="zero_pad" cannot remove channels: '
                f"the block has {output_channels} output channels. Received: input_shape={input_shape}"
            )
        self.projection = self.projection_normalization = None
        if self.shortcut == "projection" and (channels != output_channels or self.strides != (1, 1)):
            self._add_projection(input_shape)
        self.paddings, self.convolutions, self.normalizations, self.activations = [], [], [], []
        shape = input_shape
        for plan in self._convolutions():
            shape = self._add_convolution(shape, *plan)
        self.squeeze = self.drop = self.branch_weight = None
        if self.squeeze_ratio is not None:
            self.squeeze = SqueezeExcitation(
                self.squeeze_ratio,
                self.data_format,
                kernel_initializer=self._initializer(),
                dtype=self.dtype_policy,
                name="squeeze",
            )
            self.squeeze.build(shape)
        if self.weighted:
            self.branch_weight = self.add_weight(
                shape=(), initializer="zeros", constraint=_UnitInterval(), name="branch_weight"
            )
        if self.drop_rate:
            self.drop = StochasticDepth(self.drop_rate, seed=self.seed, dtype=self.dtype_policy, name="drop")
            self.drop.build(shape)

    def _add_projection(self, shape):
        _, self.projection = self._subsampled(self._output_channels(), 1, self.strides, 1, "projection")
        self.projection.build(shape)
        if not self.preactivation:
            shape = self.projection.compute_output_shape(shape)
            self.projection_normalization = self._part("normalization", "projection_normalization", shape)

    def _add_convolution(self, shape, filters, kernel_size, strides, groups):
        """Adds one convolution with its normalization and activation; returns the shape of its output."""
        index = len(self.convolutions) + 1
        padding, convolution = self._subsampled(filters, kernel_size, strides, groups, f"convolution_{index}")
        padded = shape
        if padding is not None:
            padding.build(shape)
            padded = padding.compute_output_shape(shape)
        convolution.build(padded)
        output_shape = convolution.compute_output_shape(padded)
        normalized = shape if self.preactivation else output_shape
        self.paddings.append(padding)
        self.convolutions.append(convolution)
        self.normalizations.append(self._part("normalization", f"normalization_{index}", normalized))
        self.activations.append(self._part("activation", f"activation_{index}", normalized))
        return output_shape

    def call(self, inputs):
        # branch, "basic":      (n, h, w, c) -> 3x3 (n, h/s, w/s, filters) -> 3x3 (n, h/s, w/s, filters)
        # branch, "bottleneck": (n, h, w, c) -> 1x1 (n, h, w, inner) -> 3x3 (n, h/s, w/s, inner)
        #                       -> 1x1 (n, h/s, w/s, 4 * filters); stride_on="1x1" strides in the first 1x1
        # shortcut: (n, h, w, c) -> 1x1, or subsampled and zero channels added -> shape of the branch
        # output: (n, h/s, w/s, c') = branch + shortcut, activated unless `preactivation` or `weighted`
        x, shortcut = inputs, inputs
        last = len(self.convolutions) - 1
        for index, convolution in enumerate(self.convolutions):
            if self.preactivation:
                x = self._normalized(index, x)
                if index == 0 and self.projection is not None:
                    # As in the second paper, the projection also takes the normalized and activated input.
                    shortcut = x
            if self.paddings[index] is not None:
                x = self.paddings[index](x)
            x = convolution(x)
            if not self.preactivation:
                x = self._normalized(index, x, activated=index < last or self.weighted)
        if self.squeeze is not None:
            x = self.squeeze(x)
        if self.branch_weight is not None:
            x = x * ops.cast(self.branch_weight, x.dtype)
        if self.drop is not None:
            x = self.drop(x)
        x = x + self._shortcut(shortcut)
        if self.preactivation or self.weighted or self.activations[last] is None:
            return x
        return self.activations[last](x)

    def _normalized(self, index, x, activated=True):
        normalization, activation = self.normalizations[index], self.activations[index]
        if normalization is not None:
            x = normalization(x)
        if activated and activation is not None:
            x = activation(x)
        return x

    def _shortcut(self, x):
        if self.projection is not None:
            x = self.projection(x)
            if self.projection_normalization is not None:
                x = self.projection_normalization(x)
            return x
        down, across = self.strides
        last = self.data_format == "channels_last"
        if self.strides != (1, 1):
            x = x[:, ::down, ::across, :] if last else x[:, :, ::down, ::across]
        missing = self._output_channels() - x.shape[self._channel_axis]
        if missing:
            x = ops.pad(x, [(0, 0)] * 3 + [(0, missing)] if last else [(0, 0), (0, missing), (0, 0), (0, 0)])
        return x

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis, stride in zip(self._space, self.strides, strict=True):
            shape[axis] = windows.output_length(shape[axis], 1, stride, "same")
        shape[self._channel_axis] = self._output_channels()
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "kind": self.kind,
            "preactivation": self.preactivation,
            "groups": self.groups,
            "base_width": self.base_width,
            "shortcut": self.shortcut,
            "stride_on": self.stride_on,
            "use_bias": self.use_bias,
            "weighted": self.weighted,
            "squeeze_ratio": self.squeeze_ratio,
            "drop_rate": self.drop_rate,
            **self._slots_config(),
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }
