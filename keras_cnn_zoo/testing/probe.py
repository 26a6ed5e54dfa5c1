"""Running a component on NumPy arrays: outputs, gradients, and comparison with a message."""

import contextlib
import dataclasses
import inspect

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.testing import inputs as input_arrays
from keras_cnn_zoo.testing.guarantees import Broken
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from keras_cnn_zoo.utils.dtypes import at_least_float32


def as_numpy(structure):
    """Returns every tensor of a structure as a new NumPy array (bfloat16 as float32)."""
    return keras.tree.map_structure(_tensor_as_numpy, structure)


def _tensor_as_numpy(tensor):
    if dtype_of(tensor) == "bfloat16":
        tensor = ops.cast(tensor, "float32")
    return np.array(ops.convert_to_numpy(tensor))


def dtype_of(tensor):
    """Returns the dtype of a tensor or array as a string, for example "bfloat16"."""
    return keras.backend.standardize_dtype(tensor.dtype)


def is_float(tensor):
    """Returns whether a tensor or array has a floating-point dtype."""
    return "float" in dtype_of(tensor)


def as_tensors(structure, dtype=None):
    """Tensors of NumPy arrays; floating-point ones are converted to `dtype`."""
    return keras.tree.map_structure(
        lambda array: ops.convert_to_tensor(array, dtype=dtype if is_float(array) else None), structure
    )


def has_argument(function, name):
    """Returns whether `function` has a parameter of that name."""
    return name in inspect.signature(function).parameters


def wide_dtype():
    """Returns float64, or float32 on a JAX that was started without 64-bit numbers."""
    if keras.backend.backend() == "jax":
        import jax

        return "float64" if jax.config.jax_enable_x64 else "float32"
    return "float64"


def coefficients(outputs):
    """Returns a fixed, well-spread array per output, by which checks multiply before they differentiate."""
    return [
        input_arrays.spread(tuple(tensor.shape), seed=position, low=-1, high=1)
        for position, tensor in enumerate(keras.tree.flatten(outputs))
    ]


def objective(outputs, factors=None):
    """Returns a scalar of float32 or wider: the sum of all float outputs times fixed coefficients."""
    factors = coefficients(outputs) if factors is None else factors
    total = 0.0
    for tensor, factor in zip(keras.tree.flatten(outputs), factors, strict=True):
        if is_float(tensor):
            dtype = at_least_float32(dtype_of(tensor))
            total = total + ops.sum(ops.cast(tensor, dtype) * ops.convert_to_tensor(factor, dtype=dtype))
    return total


@dataclasses.dataclass
class Run:
    """The results of one forward and backward pass: tensors as the component returned them."""

    value: object
    outputs: object
    input_gradients: list
    weight_gradients: list

    @property
    def gradients(self):
        return [*self.input_gradients, *self.weight_gradients]


def call_arguments(component, training):
    """Returns `{"training": training}` if the component takes it and it is not None."""
    if training is None or not has_argument(component.call, "training"):
        return {}
    return {"training": training}


@contextlib.contextmanager
def kept_state(component):
    """Puts every variable of the component back to its value at entry, seeds and moving averages included."""
    values = [_tensor_as_numpy(variable) for variable in component.variables]
    try:
        yield
    finally:
        for variable, value in zip(component.variables, values, strict=True):
            variable.assign(value)


def forward(case, component, inputs, training=None):
    """Returns the outputs for `inputs`, as tensors."""
    return case.call(component, inputs, **call_arguments(component, training))


def forward_backward(case, component, inputs, training=None, factors=None):
    """Returns a `Run`: outputs, and gradients of `objective` for each float input and trainable weight."""
    flat = keras.tree.flatten(inputs)
    places = [position for position, tensor in enumerate(flat) if is_float(tensor)]

    def function(*floats):
        leaves = list(flat)
        for position, tensor in zip(places, floats, strict=True):
            leaves[position] = tensor
        outputs = forward(case, component, keras.tree.pack_sequence_as(inputs, leaves), training)
        return objective(outputs, factors), outputs

    (value, outputs), of_inputs, of_weights = value_and_gradients(
        function, [flat[place] for place in places], component.trainable_variables, has_aux=True
    )
    return Run(value, outputs, of_inputs, of_weights)


def largest(*arrays):
    """Returns the largest finite magnitude in the arrays, 0.0 for none."""
    sizes = [np.abs(array[np.isfinite(array)]) for array in map(np.asarray, arrays)]
    return max((float(size.max()) for size in sizes if size.size), default=0.0)


def require_equal(actual, expected, what, advice, *, tolerance=0.0, floor=0.0, topic=""):
    """Raises unless two structures of arrays agree to `tolerance` times the largest magnitude of `expected`.

    `floor` is a magnitude below which that of `expected` does not count: what its rounding errors come from.
    NaN equals NaN here: another check tells whether values are finite.
    """
    actual = [np.asarray(leaf) for leaf in keras.tree.flatten(actual)]
    expected = [np.asarray(leaf) for leaf in keras.tree.flatten(expected)]
    if len(actual) != len(expected):
        message = f"{what}: {len(actual)} outputs against {len(expected)}"
        raise Broken(message, advice, topic=topic)
    for one, other in zip(actual, expected, strict=True):
        if one.shape != other.shape:
            message = f"{what}: shape {one.shape} against {other.shape}"
            raise Broken(message, advice, topic=topic)
        if one.size == 0 or one.dtype.kind in "SUO":
            same = np.array_equal(one, other)
            message = f"{what}: {one!r} against {other!r}"
        else:
            one, other = one.astype("float64"), other.astype("float64")
            scale = max(largest(other), floor, np.finfo("float32").tiny)
            same = np.allclose(one, other, rtol=0.0, atol=tolerance * scale, equal_nan=True)
            message = f"{what}: largest difference {largest(one - other):.3g}, where values reach {scale:.3g}"
        if not same:
            raise Broken(message, advice, topic=topic)


def require_finite(arrays, what, advice, *, topic=""):
    """Raises `Broken` if any floating-point array has a NaN or an infinity."""
    for array in map(np.asarray, keras.tree.flatten(arrays)):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = np.count_nonzero(~np.isfinite(array))
            message = f"{what}: {bad} of {array.size} values are NaN or infinite"
            raise Broken(message, advice, topic=topic)
