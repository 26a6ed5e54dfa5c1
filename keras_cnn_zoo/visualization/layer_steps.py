"""The part of a layer's input that one position of its output depends on, one `Span` per spatial axis.

The tables list Keras' layers. Layers of this package and of users declare `receptive_steps` instead, see
`receptive_field`.
"""

import keras

from keras_cnn_zoo.visualization import spans

CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
POOLINGS = (
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.MaxPooling3D,
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
    keras.layers.AveragePooling3D,
)
ZERO_PADDINGS = (keras.layers.ZeroPadding1D, keras.layers.ZeroPadding2D, keras.layers.ZeroPadding3D)
CROPPINGS = (keras.layers.Cropping1D, keras.layers.Cropping2D, keras.layers.Cropping3D)
UPSAMPLINGS = (keras.layers.UpSampling1D, keras.layers.UpSampling2D, keras.layers.UpSampling3D)
POINTWISE = (
    keras.layers.Activation,
    keras.layers.ActivityRegularization,
    keras.layers.Add,
    keras.layers.AlphaDropout,
    keras.layers.Average,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.Normalization,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.Subtract,
)
# Pointwise if their axis is the channel axis.
ALONG_AXIS = (
    keras.layers.Concatenate,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.Softmax,
    keras.layers.UnitNormalization,
)
GLOBAL = (
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
    keras.layers.GroupNormalization,
)
# Pointwise operations of keras.ops in a functional graph or in a layer's `call`.
POINTWISE_OPERATIONS = {
    "Absolute",
    "Add",
    "Cast",
    "Clip",
    "Divide",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSilu",
    "LeakyRelu",
    "Log",
    "Maximum",
    "Minimum",
    "Multiply",
    "Negative",
    "Power",
    "Reciprocal",
    "Relu",
    "Relu6",
    "Rsqrt",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Square",
    "StopGradient",
    "Subtract",
    "Tanh",
    "TrueDivide",
}

POOLING_OPERATIONS = ("AveragePool", "MaxPool")

EVERYTHING = "everything"


def steps_of(operation, shape, data_format):
    """Returns a `Span` per spatial axis, `EVERYTHING` if all positions mix, or None if unknown.

    Args:
        operation: A layer or an operation of `keras.ops`.
        shape: Shape of its (first) input.
        data_format: Data format of the network.
    """
    rank = len(shape)
    channels = rank - 1 if data_format == "channels_last" else 1
    space = [axis for axis in range(1, rank) if axis != channels]
    if not isinstance(operation, keras.layers.Layer):
        if type(operation).__name__ in POOLING_OPERATIONS:
            return _pooling_steps(operation, [shape[axis] for axis in space])
        return [spans.HERE] * len(space) if _is_pointwise(operation, space) else None
    declared = _declared(operation)
    if declared == "wrapped":
        return steps_of(operation.layer, shape, data_format)
    if declared == "pointwise" or _is_a(operation, POINTWISE):
        return [spans.HERE] * len(space)
    if declared == "everything" or _is_a(operation, GLOBAL):
        return EVERYTHING
    if _is_a(operation, ALONG_AXIS):
        axes = operation.axis if isinstance(operation.axis, (list, tuple)) else [operation.axis]
        if {axis % rank for axis in axes} == {channels}:
            return [spans.HERE] * len(space)
        return None if isinstance(operation, keras.layers.Concatenate) else EVERYTHING
    if _is_a(operation, (keras.layers.Dense,)):
        return [spans.HERE] * len(space) if channels == rank - 1 else None
    steps = _window_steps(operation, [shape[axis] for axis in space])
    return None if steps is None or None in steps or len(steps) != len(space) else steps


def _is_pointwise(operation, space):
    kind = type(operation).__name__
    if kind == "Pad":
        widths = operation.pad_width
        return len(widths) > 1 and all(tuple(widths[axis]) == (0, 0) for axis in space)
    if kind == "Concatenate":
        return operation.axis % (len(space) + 2) not in (0, *space)
    return kind in POINTWISE_OPERATIONS


def _declared(layer):
    """Returns the layer's `receptive_steps`, or None if a subclass overrides `call` after declaring it."""
    if getattr(layer, "receptive_steps", None) == "wrapped":
        return "wrapped"
    for cls in type(layer).__mro__:
        if "receptive_steps" in vars(cls):
            return cls.receptive_steps
        if "call" in vars(cls):
            return None
    return None


def _is_a(layer, kinds):
    """Returns whether a layer is of one of these classes and does not override its `call`."""
    return any(isinstance(layer, kind) and type(layer).call is kind.call for kind in kinds)


def _window_steps(layer, lengths):
    rank = len(lengths)
    has_window = _declared(layer) == "window"
    if _is_a(layer, POOLINGS) or (has_window and hasattr(layer, "pool_size")):
        return _pooling_steps(layer, lengths)
    if _is_a(layer, CONVOLUTIONS) or has_window:
        arguments = [
            _tuple(value, rank)
            for value in (layer.kernel_size, layer.strides, getattr(layer, "dilation_rate", 1))
        ]
        return [
            spans.window(*values, layer.padding, length)
            for *values, length in zip(*arguments, lengths, strict=True)
        ]
    if _is_a(layer, TRANSPOSED) and layer.output_padding is None:
        arguments = [_tuple(value, rank) for value in (layer.kernel_size, layer.strides, layer.dilation_rate)]
        return [spans.transposed_window(*values, layer.padding) for values in zip(*arguments, strict=True)]
    if _is_a(layer, ZERO_PADDINGS):
        return [spans.shifted(-before, -before) for before, _ in _pairs(layer.padding)]
    if _is_a(layer, CROPPINGS):
        return [spans.shifted(before, before) for before, _ in _pairs(layer.cropping)]
    interpolation = getattr(layer, "interpolation", "nearest")
    if _is_a(layer, UPSAMPLINGS) and interpolation in ("nearest", "bilinear"):
        return [spans.upsampled(factor, interpolation) for factor in _tuple(layer.size, rank)]
    return None


def _pooling_steps(pooling, lengths):
    strides = pooling.pool_size if pooling.strides is None else pooling.strides
    arguments = [_tuple(value, len(lengths)) for value in (pooling.pool_size, strides)]
    return [
        spans.window(size, stride, 1, pooling.padding, length)
        for size, stride, length in zip(*arguments, lengths, strict=True)
    ]


def _tuple(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _pairs(value):
    """Returns padding as (before, after) per axis; 1D layers of Keras store a single pair."""
    return [value] if isinstance(value[0], int) else value
