"""Calls a layer with a different kernel and bias.

Functions for layers that wrap a dense layer or a convolution and change its weights:

    float_kernel(layer)                             its floating-point kernel, also after quantize("int8")
    preactivation(layer, inputs, kernel, bias)      the outputs before the activation
    functional_call(layer, inputs, kernel, bias)    the outputs
"""

import keras
from keras import ops

from keras_cnn_zoo.ops import affine

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


def is_plain(layer):
    """Returns whether a layer computes exactly what Keras' Dense or convolution layer does."""
    return any(
        isinstance(layer, kind)
        and type(layer).call is kind.call
        and getattr(type(layer), "convolution_op", None) is getattr(kind, "convolution_op", None)
        for kind in (keras.layers.Dense, *CONVOLUTIONS)
    )


def has_float_kernel(layer):
    """Returns whether `float_kernel` supports a layer, built or not."""
    mode = layer.quantization_mode
    return mode is None or (mode == "int8" and is_plain(layer) and layer.lora_rank is None)


def float_kernel(layer):
    """Returns the kernel of a built layer in floating point.

    Raises:
        ValueError: for a layer quantized to anything but int8, or to int8 with LoRA.
    """
    if not has_float_kernel(layer):
        raise ValueError(
            f"The layer {layer.name!r} must be in floating point or quantized to int8, because the layer "
            f"that wraps it changes its kernel. Received: dtype_policy={layer.dtype_policy.name!r}. Exclude "
            "it with the `filters` argument of `quantize`"
        )
    if layer.quantization_mode is None:
        return ops.convert_to_tensor(layer.kernel)
    scale = ops.convert_to_tensor(layer.kernel_scale)
    return ops.cast(layer.kernel, scale.dtype) / scale


def preactivation(layer, inputs, kernel, bias):
    """Returns the input of a layer's activation, computed with the given `kernel` and `bias`.

    Args:
        layer: A built Keras Dense, (transposed or depthwise) convolution layer, or a subclass.
        inputs: Inputs of the layer.
        kernel: A tensor shaped like the layer's kernel. If the layer `is_plain`, it may have an extra first
            axis, with one kernel per example.
        bias: Like `kernel`, or None for a layer without bias.

    Returns:
        The outputs. The layer's weights and losses do not change.
    """
    if not is_plain(layer):
        activation, layer.activation = layer.activation, None
        try:
            return functional_call(layer, inputs, kernel, bias)
        finally:
            layer.activation = activation
    kernel, bias = (None if weight is None else ops.cast(weight, inputs.dtype) for weight in (kernel, bias))
    if not isinstance(layer, CONVOLUTIONS):
        return affine.dense(inputs, kernel, bias)
    return affine.convolution(
        inputs,
        kernel,
        bias,
        strides=layer.strides,
        padding=layer.padding,
        data_format=layer.data_format,
        dilation_rate=layer.dilation_rate,
    )


def functional_call(layer, inputs, kernel, bias):
    """Returns the output of a layer, computed with the given `kernel` and `bias`; see `preactivation`."""
    if is_plain(layer):
        return activated(layer, preactivation(layer, inputs, kernel, bias))
    # On JAX, `StatelessScope` fails if the layer's weights already belong to one.
    values = {id(layer.kernel): kernel, id(layer.bias): bias}
    trainable, others = (
        [values.get(id(weight), weight) for weight in weights]
        for weights in (layer.trainable_variables, layer.non_trainable_variables)
    )
    return layer.stateless_call(trainable, others, inputs)[0]


def activated(layer, outputs):
    """Returns the outputs after the layer's activation, if it has one."""
    return outputs if layer.activation is None else layer.activation(outputs)
