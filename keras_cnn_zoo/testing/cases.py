"""The cases of each kind of component: dataclasses, and the reader of the dicts in test files."""

import copy
import dataclasses
import typing

import keras

from keras_cnn_zoo.testing import inputs as input_arrays
from keras_cnn_zoo.testing import signature
from keras_cnn_zoo.testing.case import Case, dtype_policy, make_component, nudge_weights, positional
from keras_cnn_zoo.testing.fields import argument, documented
from keras_cnn_zoo.testing.selections import check_selection

INIT_KWARGS = (
    "Dict of constructor arguments. Choose values other than the defaults, so that a check sees a forgotten "
    "argument."
)
INPUT_SHAPE = (
    "Shape of the input with its batch axis, or a tuple, list or dict of shapes. A tuple is spread over the "
    "arguments of `call` if it has that many without a default. Defaults to the shapes of `inputs`."
)
SELECTS_VALUE = (
    'How the layer selects a value, if it does, so that C4 lets it lose a NaN there: `"maximum"` (on '
    'TensorFlow, whose maximum pooling passes over NaN), `"draw"` (in training), or `"score"` '
    "(everywhere, such as suppression). Its docstring must say what NaN does. Defaults to None: NaN in gives "
    "NaN out."
)

LABELS = ("classes", "ids")


@dataclasses.dataclass(eq=False)
class ClassCase(Case):
    """A class and the arguments of its constructor; the base of the cases of losses, metrics, and so on."""

    cls: type = argument("The class.")
    init_kwargs: dict = argument(INIT_KWARGS)

    def __post_init__(self):
        super().__post_init__()
        self.init_kwargs = dict(self.init_kwargs or {})

    @property
    def name(self):
        """The name of the class."""
        return self.cls.__name__

    def make(self, *, dtype=None, **overrides):
        """Returns a fresh component, see `make_component`."""
        return make_component(self.cls, self.init_kwargs, dtype, overrides)

    def own_arguments(self):
        """Returns the constructor's parameters without those of Keras' base class: name -> `Parameter`."""
        return signature.own_arguments(self.cls, self.kind, self.make)


@dataclasses.dataclass(eq=False, kw_only=True)
class CalledCase(Case):
    """A component that is built and called on arrays; the base of the cases of layers and models."""

    input_dtype: typing.Any = argument(
        "Dtype of the input, or dtypes in the structure of `input_shape`. Defaults to float32.", default=None
    )
    inputs: typing.Any = argument(
        "NumPy arrays to use instead of generated ones. Defaults to well-spread values in [-2, 2].",
        default=None,
    )
    call_kwargs: dict | None = argument(
        "Dict of further arguments of `call`. Defaults to none.", default=None
    )
    prepare: typing.Callable | None = argument(
        "Function of the built component that brings it into a usable state, such as "
        "`lambda layer: layer.adapt(data)`. Defaults to none.",
        default=None,
    )
    expected_output_shape: typing.Any = argument(
        "Shape, or shapes in the structure of the output. Defaults to those that `call` gives.", default=None
    )

    def __post_init__(self):
        super().__post_init__()
        self.call_kwargs = dict(self.call_kwargs or {})
        if self.input_shape is None and self.inputs is None:
            raise ValueError(
                f"A {self.kind} needs `input_shape` or `inputs`. Received neither for {self.name}"
            )

    def make_inputs(self, seed=0):
        """Returns NumPy inputs: those that the case declares, else well-spread values of `input_shape`."""
        if self.inputs is not None:
            return copy.deepcopy(self.inputs)
        return input_arrays.make_inputs(self.input_shape, self.input_dtype, seed)

    def call(self, component, inputs, **kwargs):
        """Calls a layer or model; a tuple is spread if `call` requires that many positional arguments.

        A fresh component that must be prepared first, such as one that learns from data, is prepared.
        """
        symbolic = any(isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten(inputs))
        if self.prepare is not None and not component.built and not symbolic:
            symbols = keras.tree.map_structure(
                lambda array: keras.KerasTensor(array.shape, keras.backend.standardize_dtype(array.dtype)),
                inputs,
            )
            component(*positional(component.call, symbols), **{**self.call_kwargs, **kwargs})
            self.prepare(component)
        return component(*positional(component.call, inputs), **{**self.call_kwargs, **kwargs})

    def ready(self, *, dtype=None, seed=0, inputs=None, **overrides):
        """Returns a built component with seeded weights, none of them at a special value such as a zero bias.

        Trainable weights are moved off their initial values. Then `prepare(component)` is called, if given.
        """
        keras.utils.set_random_seed(seed)
        component = self.make(dtype=dtype, **overrides)
        self.call(component, self.make_inputs() if inputs is None else inputs)
        nudge_weights(component, seed)
        if self.prepare is not None:
            self.prepare(component)
        return component


@documented
@dataclasses.dataclass(eq=False)
class LayerCase(CalledCase):
    """A layer class and the arguments with which the contract checks it."""

    kind = "layer"
    folder = "layers"

    cls: type = argument("The layer class.")
    init_kwargs: dict = argument(INIT_KWARGS)
    input_shape: typing.Any = argument(INPUT_SHAPE, default=None)
    reference: typing.Callable | None = argument(
        "Function `reference(inputs, weights, **init_kwargs)` that computes the inference output in float64 "
        'NumPy, with `weights` a dict such as `{"kernel": ..., "gate/bias": ...}`. Without it, C13 is not '
        "run.",
        default=None,
        kw_only=True,
    )
    selects_value: str | None = argument(SELECTS_VALUE, default=None, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        check_selection(self)
        self.init_kwargs = dict(self.init_kwargs or {})

    @property
    def name(self):
        """The name of the class."""
        return self.cls.__name__

    def make(self, *, dtype=None, **overrides):
        """Returns a fresh layer, see `make_component`."""
        return make_component(self.cls, self.init_kwargs, dtype, overrides)

    def own_arguments(self):
        """Returns the constructor's parameters without those of `keras.layers.Layer`: name -> `Parameter`."""
        return signature.own_arguments(self.cls, self.kind, self.make)


@documented
@dataclasses.dataclass(eq=False)
class ModelCase(CalledCase):
    """A function that builds a small model, and the arguments with which the contract checks it."""

    kind = "model"
    folder = "models"

    build: typing.Callable = argument(
        "Function without arguments that returns a new model under the current dtype policy."
    )
    input_shape: typing.Any = argument(INPUT_SHAPE, default=None)
    cls: type | None = argument("The class of the model. Defaults to none.", default=None, kw_only=True)
    overfit: bool = argument(
        "Whether the loss on one batch must fall to half in a few compiled training steps. False for a model "
        "that needs special targets. Defaults to True.",
        default=True,
        kw_only=True,
    )
    targets: typing.Any = argument(
        "NumPy targets of a model that overrides `compute_loss`. Gradients are then those of the model's "
        "loss, which it must also overfit, and precisions are compared in training mode, because the "
        "selection that such a model makes at inference is not a continuous function. Defaults to none: a "
        "mean squared error.",
        default=None,
        kw_only=True,
    )

    @property
    def name(self):
        """The name of the class, or of the function that builds the model."""
        return (self.cls or self.build).__name__

    def make(self, *, dtype=None, **overrides):
        """Returns a new model; `overrides` are arguments of `build`, and `dtype` is a dtype policy."""
        with dtype_policy(dtype):
            return self.build(**overrides)


@documented
@dataclasses.dataclass(eq=False)
class LossCase(ClassCase):
    """A subclass of `keras.losses.Loss` and the arguments with which the contract checks it."""

    kind = "loss"
    folder = "losses"

    y_true: typing.Any = argument("NumPy array of targets.")
    y_pred: typing.Any = argument("NumPy array of predictions, or a structure of arrays.")
    labels: str | None = argument(
        'Kind of labels in `y_true`: `"classes"` for class ids below the size of the last axis of `y_pred`, '
        '`"ids"` for class ids up to 2^31 - 1, as of embeddings, or None for other targets. Class ids must '
        "stay exact, -1 has the weight 0, and other labels raise a ValueError, or give NaN in compiled code. "
        "Defaults to None.",
        default=None,
        kw_only=True,
    )
    reference: typing.Callable | None = argument(
        "Function `reference(y_true, y_pred, **init_kwargs)` that computes the loss of each sample in "
        "float64 NumPy, before reduction. Without it and `expected`, C13 is not run.",
        default=None,
        kw_only=True,
    )
    expected: typing.Any = argument(
        "The loss after the default reduction. Defaults to none.", default=None, kw_only=True
    )

    def __post_init__(self):
        super().__post_init__()
        if self.labels not in (None, *LABELS):
            raise ValueError(
                f"`labels` must be one of {', '.join(map(repr, LABELS))}, and None. "
                f"Received: labels={self.labels!r} for {self.name}"
            )


@documented
@dataclasses.dataclass(eq=False)
class RegularizerCase(ClassCase):
    """A regularizer class and the arguments with which the contract checks it."""

    kind = "regularizer"
    folder = "regularizers"

    weight: typing.Any = argument("NumPy array to penalize.")
    reference: typing.Callable | None = argument(
        "Function `reference(weight, **init_kwargs)` that computes the penalty in float64 NumPy. Without it "
        "C13 is not run.",
        default=None,
        kw_only=True,
    )


@documented
@dataclasses.dataclass(eq=False)
class InitializerCase(ClassCase):
    """An initializer class and the arguments with which the contract checks it."""

    kind = "initializer"
    folder = "initializers"

    shape: tuple = argument("Shape of the weight to draw.")
    reference: typing.Callable | None = argument(
        "Function `reference(shape, **init_kwargs)` that computes the values, for an initializer that draws "
        "nothing. Defaults to none.",
        default=None,
        kw_only=True,
    )


@documented
@dataclasses.dataclass(eq=False)
class MetricCase(ClassCase):
    """A metric class and the arguments with which the contract checks it."""

    kind = "metric"
    folder = "metrics"

    updates: list = argument(
        "List of tuples `(y_true, y_pred)` or `(y_true, y_pred, sample_weight)`, one for each call of "
        "`update_state`."
    )
    expected: typing.Any = argument(
        "The result after all updates, from a reference implementation.", kw_only=True
    )


@documented
@dataclasses.dataclass(eq=False)
class CallbackCase(ClassCase):
    """A callback class and the arguments with which the contract checks it."""

    kind = "callback"
    folder = "callbacks"

    logs: list = argument("List of dicts, the logs of each epoch.")
    expected: typing.Any = argument(
        "The number of epochs until the callback ends training; all of them if it does not.", kw_only=True
    )


DISTINCTIVE = {
    "build": ModelCase,
    "y_pred": LossCase,
    "weight": RegularizerCase,
    "updates": MetricCase,
    "shape": InitializerCase,
    "logs": CallbackCase,
    "input_shape": LayerCase,
    "inputs": LayerCase,
}
"""The key by which an entry's kind is recognized; the first that is present decides."""


def case_from_dict(declared, module=None, index=None):
    """Returns the case that one entry of a test file's `CASES` describes.

    Args:
        declared: Dict of the fields of a case. The class follows from the keys: `input_shape` or `inputs`
            (`LayerCase`), `y_pred` (`LossCase`), `weight`, `shape`, `updates`, `logs`, or `build`.
        module: Name of the module that declares it. Defaults to none.
        index: Its position in that module's `CASES`. Defaults to none.

    Returns:
        A `Case`.

    Raises:
        ValueError: for unknown keys, or if the kind cannot be determined.
    """
    place = f"{module}[{index}]"
    case = next((DISTINCTIVE[key] for key in DISTINCTIVE if key in declared), None)
    if case is None or (case is not ModelCase and "cls" not in declared):
        raise ValueError(
            "A case must have `build` (model), or `cls` and `input_shape` or `inputs` (layer), `y_pred` "
            "(loss), `weight` (regularizer), `shape` (initializer), `updates` (metric) or `logs` (callback). "
            f"Received: {sorted(declared)} in {place}"
        )
    fields = [field for field in dataclasses.fields(case) if field.name not in ("module", "index")]
    known = {field.name for field in fields}
    required = {field.name for field in fields if field.default is dataclasses.MISSING} - {"init_kwargs"}
    unknown, missing = sorted(set(declared) - known), sorted(required - set(declared))
    if unknown:
        raise ValueError(
            f"A case of a {case.kind} may have the keys {', '.join(sorted(known))}. "
            f"Received: {', '.join(unknown)} in {place}"
        )
    if missing:
        raise ValueError(
            f"A case of a {case.kind} must have the keys {', '.join(sorted(required))}. "
            f"Received none for {', '.join(missing)} in {place}"
        )
    defaults = {"init_kwargs": {}} if "init_kwargs" in known else {}
    return case(**{**defaults, **declared}, module=module, index=index)
