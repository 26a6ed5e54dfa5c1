"""Gradients of a function with respect to inputs and weights on TensorFlow, JAX, and PyTorch.

Also a few operations whose TensorFlow gradient is slow, with faster implementations. This is the only module
for computation that depends on the backend; everything else is written with `keras.ops`.
"""

import math

import keras
from keras import ops


def value_and_gradients(function, inputs=(), variables=(), *, has_aux=False, higher_order=False):
    """Returns the value of `function(*inputs)` and its gradients.

    State that `function` updates (seed generators, moving averages) changes on TensorFlow and PyTorch, but
    not on JAX, where the call has to be pure. In a Keras training step on JAX, `function` reads the weights
    of that step, so with `higher_order` the gradients can be differentiated with respect to them.

    Args:
        function: Callable of the `inputs` that returns a scalar tensor; it may read `variables` freely.
        inputs: Sequence of floating-point tensors. Defaults to none.
        variables: Sequence of trainable `keras.Variable`. Defaults to none.
        has_aux: Whether `function` returns a pair of the scalar and a structure of tensors, which is also
            returned. Defaults to False.
        higher_order: Whether the gradients will be differentiated again, as in a gradient penalty. Defaults
            to False.

    Returns:
        Tuple `(value, input_gradients, variable_gradients)`, the last two as lists in the given order. With
        `has_aux`, `value` is the pair. If `function` does not depend on an input or variable, its gradient is
        zero.

    Example:

    >>> weight = keras.Variable([2.0, 3.0])
    >>> value, _, (gradient,) = value_and_gradients(lambda: keras.ops.sum(weight**2), variables=[weight])
    >>> [float(item) for item in gradient]
    [4.0, 6.0]
    """
    inputs = [keras.ops.convert_to_tensor(tensor) for tensor in inputs]
    variables = list(variables)
    backend = keras.backend.backend()

    def paired(*tensors):
        return function(*tensors) if has_aux else (function(*tensors), None)

    if backend == "tensorflow":
        value, gradients = _tensorflow(paired, inputs, variables)
    elif backend == "jax":
        value, gradients = _jax(paired, inputs, variables)
    elif backend == "torch":
        value, gradients = _torch(paired, inputs, variables, higher_order)
    else:
        raise NotImplementedError(f"No gradients on this backend. Received: backend={backend!r}")
    return value if has_aux else value[0], gradients[: len(inputs)], gradients[len(inputs) :]


def _tensorflow(function, inputs, variables):
    import tensorflow as tf

    sources = [*inputs, *(variable.value for variable in variables)]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        value = function(*inputs)
    gradients = tape.gradient(value[0], sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return value, [tf.convert_to_tensor(gradient) for gradient in gradients]


def _jax(function, inputs, variables):
    import jax

    def pure(inputs, values):
        with _NestedScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*inputs)

    values = [variable.value for variable in variables]
    value, (of_inputs, of_values) = jax.value_and_grad(pure, argnums=(0, 1), has_aux=True)(inputs, values)
    return value, [*of_inputs, *of_values]


class _NestedScope(keras.StatelessScope):
    """A stateless scope in which other variables keep their values of the outer scope.

    Keras' scope hides these values. In a compiled training step, every weight would become a constant with
    its old value, and its gradient would be zero.
    """

    def get_current_value(self, variable):
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            value = self.original_scope.get_current_value(variable)
        return value


def _torch(function, inputs, variables, higher_order):
    import torch

    inputs = [tensor if tensor.requires_grad else tensor.detach().requires_grad_() for tensor in inputs]
    sources = [*inputs, *(variable.value for variable in variables)]
    with torch.enable_grad():
        value = function(*inputs)
    if not value[0].requires_grad or not sources:
        return value, [torch.zeros_like(source) for source in sources]
    gradients = torch.autograd.grad(value[0], sources, allow_unused=True, create_graph=higher_order)
    return value, [
        torch.zeros_like(source) if gradient is None else gradient
        for gradient, source in zip(gradients, sources, strict=True)
    ]


def select(condition, chosen, other):
    """Returns `ops.where` of two tensors of the same shape.

    On TensorFlow, Keras uses `SelectV2`, whose kernel reads every number with broadcast indices, once forward
    and twice backward. Without broadcasting, the older `Select` takes half the time, and a fifth of it with a
    scalar condition.

    Args:
        condition: boolean tensor that broadcasts over the others.
        chosen: tensor to return where the condition is true.
        other: tensor to return elsewhere.

    Returns:
        A tensor of their shape and dtype.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.where(condition, chosen, other)
    import tensorflow as tf

    shape = tuple(condition.shape)
    if None not in shape and math.prod(shape) == 1:
        condition = ops.reshape(condition, ())
    elif shape != tuple(chosen.shape):
        return ops.where(condition, chosen, other)
    return tf.raw_ops.Select(condition=condition, x=chosen, y=other)


def unstack(tensor, count):
    """Returns `ops.unstack` along the last axis, which has the length `count`.

    TensorFlow's gradient is a stack along that axis, which copies single numbers. Copying whole tensors and
    transposing a matrix takes less than half the time.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.unstack(tensor, count, axis=-1)
    shape = ops.shape(tensor)

    @ops.custom_gradient
    def unstacked(tensor):
        def backward(*upstream):
            rows = ops.reshape(ops.stack(upstream), (count, -1))
            return ops.reshape(ops.transpose(rows), shape)

        return tuple(ops.unstack(tensor, count, axis=-1)), backward

    return unstacked(tensor)


def masked(mask, tensor):
    """Returns `mask * tensor` for a mask of 0 and 1 in the tensor's dtype, also 0 for NaN and infinities."""
    if keras.backend.backend() != "tensorflow":
        return ops.where(mask > 0, tensor, ops.zeros_like(tensor))
    import tensorflow as tf

    return tf.math.multiply_no_nan(tensor, mask)


def fused_batch_normalization(inputs, gamma, beta, epsilon):
    """Returns a normalized batch of maps with its mean and variance, by TensorFlow's fused kernel.

    Args:
        inputs: float32 or bfloat16 tensor `(batch, height, width, channels)`.
        gamma: float32 tensor `(channels,)`, the scale.
        beta: float32 tensor `(channels,)`, the offset.
        epsilon: number added to the variance.

    Returns:
        Tuple of the outputs in the dtype of the inputs, and the mean and variance in float32, without
        gradients.
    """
    import tensorflow as tf

    none = tf.zeros((0,), "float32")
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.convert_to_tensor(gamma),
        offset=tf.convert_to_tensor(beta),
        mean=none,
        variance=none,
        epsilon=epsilon,
        is_training=True,
    )
    # The kernel divides by n - 1, the moving variance of Keras by n.
    number = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
    biased = tf.math.divide_no_nan(number - 1.0, number)
    return outputs, tf.stop_gradient(mean), tf.stop_gradient(variance * biased)
