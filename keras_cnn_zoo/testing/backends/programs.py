"""A case as arrays in, arrays out: the same for a layer, model, loss, regularizer, metric and initializer.

A program has weights (floating point, in order), inputs (a flat list of arrays), and `apply`.
"""

import contextlib

import keras
import numpy as np

from keras_cnn_zoo.testing.case import dtype_policy
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.testing.probe import coefficients, has_argument, is_float
from keras_cnn_zoo.utils.dtypes import at_least_float32

POLICIES = {
    "layer": ("float32", "mixed_bfloat16", "mixed_float16"),
    "model": ("float32", "mixed_bfloat16", "mixed_float16"),
    "loss": ("float32", "bfloat16", "float16"),
    "initializer": ("float32", "bfloat16", "float16"),
    "regularizer": ("float32",),
    "metric": ("float32",),
}
"""The dtypes in which a component of each kind is checked, besides float64."""

FLOAT64_KINDS = ("layer", "loss", "regularizer", "initializer")
"""Models and metrics are made of Keras' own parts, several of which compute in float32 on JAX and PyTorch."""

OUTPUT_DTYPES = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}

DIFFERENTIABLE = ("layer", "model", "loss", "regularizer")


def objective(outputs):
    """Returns the scalar to differentiate: the sum of all floating-point outputs times fixed coefficients."""
    total = 0.0
    for output, factor in zip(outputs, coefficients(outputs), strict=True):
        if is_float(output):
            dtype = at_least_float32(output.dtype)
            factor = keras.ops.convert_to_tensor(factor, dtype)
            total = total + keras.ops.sum(keras.ops.cast(output, dtype) * factor)
    return total


def held_draws(held):
    """Returns the context `fixed_draws()` if `held`, else an empty one."""
    return fixed_draws() if held else contextlib.nullcontext()


def build(case, policy):
    """Returns the layer or model of `case` with its weights created; their values come from the reference.

    On JAX by a symbolic call: an eager one would compile every operation by itself.
    """
    if keras.backend.backend() != "jax":
        return case.ready(dtype=policy)
    keras.utils.set_random_seed(0)
    component = case.make(dtype=policy)
    with dtype_policy(policy if case.kind == "model" else None):
        symbolic = keras.tree.map_structure(
            lambda array: keras.KerasTensor(array.shape, dtype=keras.backend.standardize_dtype(array.dtype)),
            case.make_inputs(),
        )
        case.call(component, symbolic)
    if case.prepare is not None:
        case.prepare(component)
    return component


class _Program:
    """The base of all programs: `inputs`, `differentiable` (places in `inputs`), `weights`, `modes`.

    `predictions` are the places in `inputs` of what must not lose NaN: not of targets.
    """

    modes = ("inference",)
    trainable = ()
    non_trainable = ()

    def __init__(self, case, policy):
        self.case = case
        self.policy = policy
        self.structure = self.make_inputs()
        self.inputs = [self.widen(np.asarray(leaf)) for leaf in keras.tree.flatten(self.structure)]
        self.differentiable = [i for i, leaf in enumerate(self.inputs) if is_float(leaf)]
        if case.kind not in DIFFERENTIABLE:
            self.differentiable = []
        self.predictions = list(self.differentiable)

    def widen(self, array):
        """Returns an input in the width of the policy: float64 runs get the values of the float32 run."""
        if not np.issubdtype(array.dtype, np.floating):
            return array
        return array.astype("float32").astype("float64" if self.policy == "float64" else "float32")

    @property
    def weights(self):
        """The floating-point variables in order: trainable ones first, no random state."""
        return [variable for variable in (*self.trainable, *self.non_trainable) if is_float(variable)]

    def get_weights(self):
        """Returns the weights as NumPy arrays."""
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self.weights]

    def set_weights(self, arrays):
        """Assigns `arrays`, made by another backend, to the weights; ValueError where they do not fit."""
        shapes = [tuple(array.shape) for array in arrays]
        own = [tuple(variable.shape) for variable in self.weights]
        if shapes != own:
            raise ValueError(f"the weights have shapes {own} here, and {shapes} in the reference")
        for variable, array in zip(self.weights, arrays, strict=True):
            variable.assign(array.astype(variable.dtype))

    def pack(self, flat):
        """Returns flat inputs in the structure that the component takes."""
        return keras.tree.pack_sequence_as(self.structure, list(flat))

    def has_gradient(self, mode):
        """Returns whether the gradient is compared in this mode: of a costly model only in training."""
        if not self.differentiable and not self.trainable:
            return False
        return self.case.kind != "model" or mode == self.modes[-1] or mode not in self.modes


class LayerProgram(_Program):
    """A layer or a model, at inference and, if it distinguishes the two, in training."""

    def __init__(self, case, policy):
        super().__init__(case, policy)
        self.component = build(case, policy)
        if has_argument(self.component.call, "training") and "training" not in case.call_kwargs:
            self.modes = ("inference", "training")

    def make_inputs(self):
        return self.case.make_inputs()

    @property
    def trainable(self):
        return self.component.trainable_variables

    @property
    def non_trainable(self):
        return self.component.non_trainable_variables

    def apply(self, flat, mode):
        """Returns the outputs, flat."""
        return keras.tree.flatten(self.case.call(self.component, self.pack(flat), **self._arguments(mode)))

    def apply_stateless(self, trainable, non_trainable, flat, mode):
        """Returns the outputs, flat, and the new values of the non-trainable variables.

        By `__call__` in a scope: `stateless_call` would not cast the inputs to the compute dtype.
        """
        variables = [*self.trainable, *self.non_trainable]
        values = [*trainable, *non_trainable]
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))) as scope:
            outputs = self.apply(flat, mode)
        updated = [scope.get_current_value(variable) for variable in self.non_trainable]
        return outputs, [old if new is None else new for old, new in zip(non_trainable, updated, strict=True)]

    def _arguments(self, mode):
        return {"training": mode != "inference"} if len(self.modes) > 1 else {}


class _StatelessProgram(_Program):
    """A function of its inputs alone; the base of the programs of losses, regularizers, and initializers."""

    def apply_stateless(self, trainable, non_trainable, flat, mode):
        return self.apply(flat, mode), non_trainable


class LossProgram(_StatelessProgram):
    """A loss per sample, and reduced."""

    def __init__(self, case, policy):
        super().__init__(case, policy)
        labels = len(keras.tree.flatten(case.y_true))
        self.predictions = [place for place in self.differentiable if place >= labels]
        self.differentiable = [len(self.inputs) - 1]
        self.component = case.make(dtype=policy)
        self.per_sample = case.make(dtype=policy, reduction="none")

    def make_inputs(self):
        return self.case.y_true, self.case.y_pred

    def apply(self, flat, mode):
        inputs = self.pack(flat)
        per_sample = self.per_sample(*inputs)
        # Keras' own reduction is float32 on PyTorch, also under float64.
        return [per_sample] if self.policy == "float64" else [per_sample, self.component(*inputs)]


class RegularizerProgram(_StatelessProgram):
    """The penalty of a weight."""

    def __init__(self, case, policy):
        super().__init__(case, policy)
        self.component = case.make()

    def make_inputs(self):
        return self.case.weight

    def apply(self, flat, mode):
        return [self.component(self.pack(flat))]


class InitializerProgram(_StatelessProgram):
    """The initial values of a weight."""

    def __init__(self, case, policy):
        super().__init__(case, policy)
        self.component = case.make()

    def make_inputs(self):
        return ()

    def apply(self, flat, mode):
        return [self.component(self.case.shape, dtype=self.policy)]


class MetricProgram(_Program):
    """A metric after all its updates."""

    def __init__(self, case, policy):
        super().__init__(case, policy)
        self.component = case.make(dtype=policy)

    def make_inputs(self):
        return [tuple(update) for update in self.case.updates]

    def apply(self, flat, mode):
        self.component.reset_state()
        for update in self.pack(flat):
            self.component.update_state(*update)
        return keras.tree.flatten(self.component.result())


PROGRAMS = {
    "layer": LayerProgram,
    "model": LayerProgram,
    "loss": LossProgram,
    "regularizer": RegularizerProgram,
    "initializer": InitializerProgram,
    "metric": MetricProgram,
}


def make_program(case, policy):
    """Returns the program of `case` under a dtype or policy."""
    return PROGRAMS[case.kind](case, policy)
