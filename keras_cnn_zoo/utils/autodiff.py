"""Gradients of a function with respect to inputs and weights, the same way on TensorFlow, JAX and PyTorch;
and a few operations whose gradient TensorFlow computes slowly, done otherwise there.

The one module of the library that knows the backends: everything else is written with `keras.ops`.
"""

import math

import keras
from keras import ops


def value_and_gradients(function, inputs=(), variables=(), *, has_aux=False, higher_order=False):
    """Value of `function(*inputs)` and its gradients.

    State that `function` updates on the way (seed generators, moving averages) is updated on TensorFlow and
    PyTorch and left alone on JAX, where the call has to be pure. Inside a training step of Keras on JAX, too,
    `function` reads the weights of that step, so that with `higher_order` the gradients have gradients for
    them.

    Args:
        function: Callable of the `inputs` that returns a scalar tensor; it may read `variables` freely.
        inputs: Sequence of floating-point tensors. Defaults to none.
        variables: Sequence of trainable `keras.Variable`. Defaults to none.
        has_aux: True where `function` returns a pair of the scalar and anything else (a structure of tensors)
            that is wanted too. Defaults to False.
        higher_order: True where the gradients are to be differentiated again, as in a gradient penalty.
            Defaults to False.

    Returns:
        Tuple `(value, input_gradients, variable_gradients)`, the last two as lists in the given order;
        `value` is the pair where `has_aux`. A gradient is zero where `function` does not depend on its
        argument.

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
    """A stateless scope that passes on what the scope around it says of other variables.

    Keras' own hides them: in a compiled training step every weight would turn into the constant that it was
    before, and its gradient into zero.
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
    """`ops.where` of two tensors of the same shape.

    Keras' takes `SelectV2` on TensorFlow, whose kernel reads every number through the indices of a broadcast,
    forward once and backward twice; where nothing is to be broadcast the older `Select` takes half the time,
    and a fifth where one condition serves all.

    Args:
        condition: boolean tensor that broadcasts over the others.
        chosen: tensor, taken where the condition is true.
        other: tensor, taken elsewhere.

    Returns:
        A tensor like the two.
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
    """`ops.unstack` along the last axis, of length `count`.

    TensorFlow's way back is a stack along that axis, a copy number by number. Copying whole tensors and
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
    """`mask * tensor` for a mask of 0 and 1 in the tensor's dtype, 0 even where the tensor is not finite."""
    if keras.backend.backend() != "tensorflow":
        return ops.where(mask > 0, tensor, ops.zeros_like(tensor))
    import tensorflow as tf

    return tf.math.multiply_no_nan(tensor, mask)
