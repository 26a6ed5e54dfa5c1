"""Which kernels `lsuv` scales, and why it leaves the others alone.

Model -> for every layer, the entries of its `lsuv_kernels`, or those for a layer of Keras -> for every kernel
a `Kernel`, grouped by the layer that declares it, or the reason for leaving it alone.
"""

import dataclasses
import functools
import re
import typing

import keras
import numpy as np

from keras_cnn_zoo.utils.dtypes import at_least_float32
from keras_cnn_zoo.utils.layer_tree import nested_layers

KEYS = ("kernel", "scale", "outputs", "tiles", "inputs", "skip")

FROZEN = "it is not trainable"
RECURRENT = "kernels of recurrent layers are not scaled"
LOOKED_UP = "rows of an embedding are looked up, not multiplied"
DIVIDED_BY_NORM = "training divides it by its norm"
PART_OF_POINTWISE = "its scale is part of that of the pointwise kernel"
LORA = "its layer has LoRA weights"
ZERO = "it starts at zero"
UNKNOWN = "its layer does not say how to scale it; see `lsuv_kernels` in the docstring of `lsuv`"

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
EPSILONS = {"float16": 1e-3, "bfloat16": 8e-3}


@dataclasses.dataclass(eq=False)
class Kernel:
    """A kernel, the weight that sets its scale, and how its outputs are measured."""

    weight: keras.Variable
    scale: keras.Variable
    # The layer whose weight it is. A wrapper may declare it.
    owner: keras.Layer
    name: str
    outputs: typing.Callable | None
    # Axes of the matrices' index, of their rows, and of their columns.
    axes: tuple

    def values(self):
        """Returns copies of the kernel and of its scale."""
        return value_of(self.weight), value_of(self.scale)

    def restore(self, values):
        """Assigns the values that `values` returned."""
        for weight, value in zip((self.weight, self.scale), values, strict=True):
            _without_autocast(functools.partial(weight.assign, value))

    def divide_by(self, number):
        """Divides the scale, under the constraint of the kernel."""
        _assign(self.scale, value_of(self.scale) / number)

    def make_orthonormal(self):
        """Fills the kernel with orthonormal matrices, unless it consists of multiples of such matrices."""
        matrices = self._matrices()
        # Seeds are drawn in any case, so the draws of other kernels do not depend on this one.
        draws = [keras.initializers.Orthogonal() for _ in matrices]
        if self.is_orthonormal():
            return
        drawn = [keras.ops.convert_to_numpy(draw(matrices.shape[1:], dtype="float32")) for draw in draws]
        order = sum(self.axes, ())
        shape = [self.weight.shape[axis] for axis in order]
        _assign(self.weight, np.stack(drawn).reshape(shape).transpose(np.argsort(order)))
        if self.scale is not self.weight:
            _assign(self.scale, np.ones(tuple(self.scale.shape)))

    def is_orthonormal(self):
        """Returns whether every matrix of the kernel is a multiple of an orthonormal one."""
        matrices = self._matrices().astype("float64")
        if matrices.shape[1] < matrices.shape[2]:
            matrices = matrices.swapaxes(1, 2)
        gram = matrices.swapaxes(1, 2) @ matrices
        squares = np.trace(gram, axis1=1, axis2=2)[:, None, None] / gram.shape[1]
        if not (squares > 0).all():
            return False
        tolerance = np.sqrt(EPSILONS.get(keras.backend.standardize_dtype(self.weight.dtype), 1e-7))
        return np.allclose(gram / squares, np.eye(gram.shape[1]), rtol=0, atol=tolerance)

    def _matrices(self):
        """Returns the kernel as `(matrices, rows, columns)`."""
        values = value_of(self.weight).transpose(sum(self.axes, ()))
        return values.reshape(
            [int(np.prod([self.weight.shape[axis] for axis in axes])) for axes in self.axes]
        )


class _WithoutAutocast(keras.layers.Layer):
    """Layer that runs a function on weights as they are.

    Inside a layer of mixed precision, a weight reads as a rounded copy. On PyTorch, `assign` then changes
    that copy only.
    """

    def __init__(self):
        super().__init__(autocast=False)

    def build(self):
        self.built = True

    def call(self, *, function):
        return function()


@functools.cache
def _outside():
    return _WithoutAutocast()


def _without_autocast(function):
    return _outside()(function=function)


def value_of(weight):
    """Returns a copy of a weight in at least float32; on PyTorch, an array may share its memory."""
    dtype = at_least_float32(keras.backend.standardize_dtype(weight.dtype))
    return _without_autocast(lambda: np.array(keras.ops.convert_to_numpy(keras.ops.cast(weight, dtype))))


def _assign(weight, values):
    constraint = getattr(weight, "constraint", None)
    if constraint is not None:
        values = constraint(keras.ops.convert_to_tensor(values, dtype=weight.dtype))
    _without_autocast(lambda: weight.assign(values))


def find(model):
    """Returns `[(layer, kernels)]`, for each layer that declares kernels to scale, and the others' reasons.

    The reasons are `[(weight, reason)]`.
    """
    layers = nested_layers(model)
    own = {id(layer): _own_weights(layer) for layer in layers}
    owners = {id(weight): layer for layer in layers for weight in own[id(layer)]}

    def owner_of(layer, entry):
        weight = entry["kernel"]
        # Two layers may have the same weight.
        is_own = any(weight is other for other in own[id(layer)])
        return layer if is_own else owners.get(id(weight), layer)

    frozen = _inside(layer for layer in layers if not layer.trainable)
    recurrent = _inside(layer for layer in layers if isinstance(layer, keras.layers.RNN))
    # A wrapper's entry for a kernel of its layer replaces that of the layer.
    entries = [(layer, entry) for layer in layers for entry in _entries(layer, own, recurrent)]
    wrapped = {id(entry["kernel"]) for layer, entry in entries if owner_of(layer, entry) is not layer}
    groups, skipped, listed, named = {}, [], set(), set()
    for layer, entry in entries:
        weight = entry["kernel"]
        owner = owner_of(layer, entry)
        if owner is layer and id(weight) in wrapped:
            continue
        scale = entry.get("scale", weight)
        listed |= {id(weight), id(scale)}
        if id(owner) in frozen or not (weight.trainable and scale.trainable):
            reason = _quantized(owner) or entry.get("skip") or FROZEN
        else:
            reason = _quantized(owner) or entry.get("skip") or _start(owner, weight)
        if reason is not None:
            skipped.append((weight, reason))
            continue
        name = weight.path if id(owner) in named else owner.path
        named.add(id(owner))
        kernel = Kernel(weight, scale, owner, name, entry.get("outputs"), _axes(owner, weight, entry))
        groups.setdefault(id(layer), (layer, []))[1].append(kernel)
    for layer in layers:
        for weight in own[id(layer)]:
            if id(weight) not in listed and _could_be_a_kernel(weight, id(layer) in frozen):
                listed.add(id(weight))
                reason = _quantized(layer) or (LORA if getattr(layer, "lora_enabled", False) else None)
                skipped.append((weight, reason or (FROZEN if id(layer) in frozen else UNKNOWN)))
    return list(groups.values()), skipped


def _own_weights(layer):
    inner = {id(weight) for part in nested_layers(layer) if part is not layer for weight in part.weights}
    return [weight for weight in layer.weights if id(weight) not in inner]


def _inside(layers):
    return {id(part) for layer in layers for part in nested_layers(layer)}


def _entries(layer, own, recurrent):
    """Returns the entries of a layer, whose kernels are weights of at least two axes."""
    matrices = [weight for weight in own[id(layer)] if _is_matrix(weight)]
    if id(layer) in recurrent or hasattr(layer, "recurrent_kernel"):
        return [{"kernel": weight, "skip": RECURRENT} for weight in matrices]
    if callable(getattr(layer, "lsuv_kernels", None)):
        return [_checked(layer, entry) for entry in layer.lsuv_kernels()]
    if isinstance(layer, (keras.layers.Embedding, *SEPARABLE)):
        reason = LOOKED_UP if isinstance(layer, keras.layers.Embedding) else PART_OF_POINTWISE
        pointwise = getattr(layer, "pointwise_kernel", None)
        return [{"kernel": weight} | ({} if weight is pointwise else {"skip": reason}) for weight in matrices]
    # An unbuilt layer of Keras raises for its kernel, and one with LoRA returns a sum.
    kernel = getattr(layer, "kernel", None) if layer.built else None
    if isinstance(layer, keras.layers.SpectralNormalization):
        return [{"kernel": kernel, "skip": DIVIDED_BY_NORM}]
    # The kernel of a part is that part's.
    return [{"kernel": weight} for weight in matrices if weight is kernel]


def _checked(layer, entry):
    keys = set(entry) if isinstance(entry, dict) else set()
    weights = [entry[key] for key in ("kernel", "scale") if key in keys]
    if "kernel" not in keys or keys - set(KEYS) or not all(isinstance(w, keras.Variable) for w in weights):
        raise ValueError(
            f"`lsuv_kernels` of layer '{layer.path}' must return dicts with a weight under \"kernel\", and "
            f"otherwise only the keys {', '.join(KEYS[1:])}. Received: {entry!r}"
        )
    return entry


def _quantized(owner):
    mode = getattr(owner, "quantization_mode", None)
    return None if mode is None else f"it is quantized to {mode}"


def _start(owner, weight):
    """Returns why the initial values of a kernel must stay, or None."""
    if not value_of(weight).any():
        return ZERO
    names = (f"{weight.name}_initializer", weight.name.replace("kernel", "initializer"), "kernel_initializer")
    initializer = next((getattr(owner, name) for name in names if hasattr(owner, name)), None)
    if isinstance(initializer, keras.initializers.Identity):
        return "it starts as the identity"
    return getattr(initializer, "lsuv_keeps", None)


def _axes(owner, weight, entry):
    """Returns the axes of the matrices' index, of the rows, and of the columns; by default one matrix."""
    axes = tuple(range(len(weight.shape)))
    tiles, inputs = (), None
    if isinstance(owner, DEPTHWISE):
        tiles, inputs = axes[-2:-1], axes[:-2]
    elif isinstance(owner, keras.layers.EinsumDense):
        given, letters, output = re.fullmatch(r"(.*),(.*)->(.*)", owner.equation.replace(" ", "")).groups()
        letters = letters.replace("...", "")
        tiles = tuple(axis for axis in axes if letters[axis] in given and letters[axis] in output)
        inputs = tuple(axis for axis in axes if letters[axis] in given and letters[axis] not in output)
    tiles = tuple(entry.get("tiles", tiles))
    others = tuple(axis for axis in axes if axis not in tiles)
    inputs = tuple(entry.get("inputs", others[:-1] if inputs is None else inputs))
    return tiles, inputs, tuple(axis for axis in others if axis not in inputs)


def _could_be_a_kernel(weight, frozen):
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(weight.dtype))
    named = weight.name in ("kernel", "_kernel")
    return _is_matrix(weight) and (named or (is_float and (weight.trainable or frozen)))


def _is_matrix(weight):
    return len(weight.shape) > 1 and not weight.name.endswith("bias")
