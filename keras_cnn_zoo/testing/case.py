"""What is checked (`Case`), what came of it (`Outcome`), and the thirteen guarantees."""

import contextlib
import copy
import dataclasses
import inspect
import re
import typing

import keras

from keras_cnn_zoo.testing import inputs as input_arrays
from keras_cnn_zoo.testing import signature

GUARANTEES = {
    "C1": "get_config holds every constructor argument, is JSON-able, same before and after build and call",
    "C2": "from_config + weights, and a .keras file saved and loaded, give the same numbers",
    "C3": "eager, symbolic and declared output shapes agree, with unknown batch and, where possible, space",
    "C4": "float32, mixed_bfloat16, mixed_float16 and float64: right dtype, finite values",
    "C5": "channels_first equals the transposed channels_last",
    "C6": "XLA equals eager: inference, and training with the draw held fixed",
    "C7": "gradients are finite, reach every trainable weight, and match finite differences in float64",
    "C8": "TensorFlow, JAX and PyTorch give the same output and gradient from the same weights",
    "C9": "lowers for CUDA and TPU, and compiles ahead of time for a TPU v5e",
    "C10": "inference is deterministic; training is reproducible from a seed; inputs are never changed",
    "C11": "every bad argument raises ValueError naming it and what it received; bad shapes fail at build",
    "C12": "exports (SavedModel, ONNX), and the exported file gives the same numbers",
    "C13": "equals an independent float64 NumPy reading of the paper's formula",
}

TITLES = {
    "C1": "config",
    "C2": "save and load",
    "C3": "output shapes",
    "C4": "precision",
    "C5": "channels_first",
    "C6": "XLA",
    "C7": "gradients",
    "C8": "backends",
    "C9": "CUDA and TPU",
    "C10": "reproducibility",
    "C11": "bad arguments",
    "C12": "export",
    "C13": "reference",
}

NEVER_EXEMPT = ("C1", "C2", "C10", "C11", "C13")

PARTS = {
    "C3 unknown space": "the layer cannot run, or tell its output shape, without the size of the map",
    "C4 hard inputs": "zeros, tiny and large values in half precision lie outside the domain",
    "C7 finite differences": "the gradient is not the derivative, as on a straight-through path",
    "C7 input gradient": "no gradient is to reach the input",
    "C12 ONNX": "the ONNX converter lacks an operation",
    "C12 SavedModel": "the function cannot be saved as a TensorFlow graph",
}

KINDS = {
    "layer": "layers",
    "loss": "losses",
    "regularizer": "regularizers",
    "initializer": "initializers",
    "metric": "metrics",
    "callback": "callbacks",
    "model": "models",
}

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # Keras prints parts of its messages in bold.

STATUSES = ("pass", "fail", "exempt", "not run")


class ContractError(AssertionError):
    """A guarantee is broken. The message reads "C5 ...: LpPooling2D: what broke. What to do: ..."."""

    def __init__(self, guarantee, case, what, advice, *, topic=""):
        self.guarantee = guarantee
        self.what = what
        what = " ".join(ESCAPES.sub("", what).split()).rstrip(".")
        super().__init__(
            f"{guarantee} {topic or TITLES[guarantee]}: {case.name}: {what}. What to do: {advice}"
        )


class NotApplicable(Exception):
    """Raised by a check that means nothing for this component; the message says why."""


class NotRun(Exception):
    """Raised by a check that cannot run here; the message says where it can."""


class Waived(Exception):
    """Raised by a check that held except for a declared part; the message is the declared reason."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one guarantee on one case.

    Args:
        case_id: The `id` of the case, for example "layers.LpPooling2D[0]".
        guarantee: A key of `GUARANTEES`.
        status: "pass", "fail", "exempt" or "not run". A guarantee that means nothing for a kind of component
            is "exempt", with a detail that begins with "not applicable".
        detail: What broke, or the reason in words. Defaults to "".
    """

    case_id: str
    guarantee: str
    status: str
    detail: str = ""

    def __post_init__(self):
        if self.status not in STATUSES:
            raise ValueError(f"`status` must be one of {STATUSES}. Received: status={self.status!r}")


@dataclasses.dataclass
class Case:
    """One component with the arguments that the contract is held on.

    `case_from_dict` makes one from an entry of a test file's `CASES`, and `check_layer` and its siblings from
    their arguments.

    Args:
        kind: "layer", "loss", "regularizer", "initializer", "metric", "callback" or
            "model".
        cls: The class; of a model it is optional.
        build: Function without arguments that returns a new model.
        init_kwargs: Dict of constructor arguments. Defaults to none.
        input_shape: Shape with the batch axis, or a tuple, list or dict of shapes.
        input_dtype: Dtype, or dtypes in the structure of `input_shape`. Defaults to float32.
        inputs: NumPy arrays instead of generated ones.
        call_kwargs: Dict of further arguments of `call`. Defaults to none.
        prepare: Function that brings the built component into a usable state.
        y_true: Targets of a loss.
        y_pred: Predictions for a loss.
        weight: Weight for a regularizer.
        shape: Shape for an initializer.
        updates: List of arguments of `update_state` of a metric.
        logs: List of the logs of a callback's epochs.
        reference: The formula in float64 NumPy, see `check_layer`.
        expected: The reduced loss, the result of a metric, or the number of epochs that a callback lets run.
        expected_output_shape: Shape, or shapes in the structure of the output.
        overfit: Whether a model must overfit one batch. Defaults to True.
        targets: Targets of a model that has a loss of its own; see `check_model`.
        exempt: Dict from a guarantee, or a part of one, to the reason. Defaults to none.
        module: Name of the module that declares it, so that another process can import it.
        index: Its place in that module's `CASES`.
    """

    kind: str
    cls: type | None = None
    build: typing.Callable | None = None
    init_kwargs: dict = dataclasses.field(default_factory=dict)
    input_shape: typing.Any = None
    input_dtype: typing.Any = None
    inputs: typing.Any = None
    call_kwargs: dict = dataclasses.field(default_factory=dict)
    prepare: typing.Callable | None = None
    y_true: typing.Any = None
    y_pred: typing.Any = None
    weight: typing.Any = None
    shape: tuple | None = None
    updates: list | None = None
    logs: list | None = None
    reference: typing.Callable | None = None
    expected: typing.Any = None
    expected_output_shape: typing.Any = None
    overfit: bool = True
    targets: typing.Any = None
    exempt: dict = dataclasses.field(default_factory=dict)
    module: str | None = None
    index: int | None = None

    def __post_init__(self):
        self.init_kwargs = dict(self.init_kwargs or {})
        self.call_kwargs = dict(self.call_kwargs or {})
        self.exempt = dict(self.exempt or {})
        if self.kind not in KINDS:
            raise ValueError(f"`kind` must be one of {tuple(KINDS)}. Received: kind={self.kind!r}")
        for waived, reason in self.exempt.items():
            if waived not in PARTS and (waived not in GUARANTEES or waived in NEVER_EXEMPT):
                raise ValueError(
                    f"`exempt` may name C3 to C9, C12 and the parts {', '.join(PARTS)}, and never "
                    f"{', '.join(NEVER_EXEMPT)}. Received: exempt={self.exempt!r} for {self.name}"
                )
            if not isinstance(reason, str) or not reason.strip():
                raise ValueError(
                    f"`exempt` must give a reason in words. Received: exempt={self.exempt!r} for {self.name}"
                )

    @property
    def name(self):
        """The name of the class, or of the function that builds the model."""
        return (self.cls or self.build).__name__

    @property
    def id(self):
        """For example "layers.LpPooling2D[0]"; the number is the place in the module's `CASES`."""
        return f"{KINDS[self.kind]}.{self.name}[{self.index or 0}]"

    def make(self, *, dtype=None, **overrides):
        """A fresh component; `overrides` replace arguments, and `dtype` is a dtype or policy.

        Layers among the arguments are cloned, so that two components never share weights.
        """
        if self.kind == "model":
            with dtype_policy(dtype):
                return self.build(**overrides)
        kwargs = {name: clone(value) for name, value in {**self.init_kwargs, **overrides}.items()}
        if dtype is not None:
            kwargs["dtype"] = dtype
        return self.cls(**kwargs)

    def own_arguments(self):
        """The constructor's own parameters, without those of Keras' abstract base: name -> `Parameter`."""
        return signature.own_arguments(self.cls, self.kind, self.make)

    def make_inputs(self, seed=0):
        """NumPy inputs: those that the case declares, else well-spread values of `input_shape`."""
        if self.inputs is not None:
            return copy.deepcopy(self.inputs)
        return input_arrays.make_inputs(self.input_shape, self.input_dtype, seed)

    def call(self, component, inputs, **kwargs):
        """Calls a layer or model; a tuple is spread where `call` demands that many positional arguments.

        A fresh component that must be prepared first, such as one that learns from data, is.
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
        """A built component with seeded weights, none of them at a special value such as a zero bias.

        Trainable weights are nudged off their initial values; then `prepare(component)`, if any, has the last
        word.
        """
        keras.utils.set_random_seed(seed)
        component = self.make(dtype=dtype, **overrides)
        self.call(component, self.make_inputs() if inputs is None else inputs)
        nudge_weights(component, seed)
        if self.prepare is not None:
            self.prepare(component)
        return component


def case_from_dict(declared, module=None, index=None):
    """A `Case` from one entry of a test file's `CASES`.

    Args:
        declared: Dict of fields of `Case`; the kind follows from those present.
        module: Name of the module that declares it. Defaults to none.
        index: Its place in that module's `CASES`. Defaults to none.

    Returns:
        The `Case`.

    Raises:
        ValueError: for unknown keys, and where the kind cannot be told.
    """
    known = {field.name for field in dataclasses.fields(Case)} - {"kind", "module", "index"}
    unknown = sorted(set(declared) - known)
    if unknown:
        raise ValueError(
            f"A case may have the keys {', '.join(sorted(known))}. "
            f"Received: {', '.join(unknown)} in {module}[{index}]"
        )
    return Case(kind=_infer_kind(declared, module, index), module=module, index=index, **declared)


def _infer_kind(declared, module, index):
    if "build" in declared:
        return "model"
    telling = {
        "y_pred": "loss",
        "weight": "regularizer",
        "updates": "metric",
        "shape": "initializer",
        "logs": "callback",
    }
    for key, kind in telling.items():
        if key in declared:
            return kind
    if "cls" in declared and ("input_shape" in declared or "inputs" in declared):
        return "layer"
    raise ValueError(
        "A case must have `input_shape` or `inputs` (layer), `y_pred` (loss), `weight` (regularizer), "
        "`shape` (initializer), `updates` (metric), `logs` (callback) or `build` (model). "
        f"Received: {sorted(declared)} in {module}[{index}]"
    )


def clone(value):
    """A deep copy; Keras objects are rebuilt from their config, unbuilt and with weights of their own."""
    if isinstance(value, keras.layers.Layer):
        return type(value).from_config(value.get_config())
    if isinstance(value, (tuple, list)):
        return type(value)(clone(item) for item in value)
    return copy.deepcopy(value)


def nudge_weights(component, seed=0, scale=0.1):
    """Adds a distinct number in [-scale, scale] to every element of every trainable floating-point weight."""
    for position, variable in enumerate(component.trainable_variables):
        value = keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32")).astype("float64")
        value = value + input_arrays.spread(value.shape, seed=seed * 1000 + position, low=-scale, high=scale)
        variable.assign(value.astype(variable.dtype))


@contextlib.contextmanager
def dtype_policy(policy):
    """Keras' global dtype policy set to `policy` (nothing for None), and put back afterwards."""
    if policy is None:
        yield
        return
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def positional(function, inputs):
    """`inputs` as positional arguments: a tuple is spread where `function` demands that many of them."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    demanded = sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in parameters)
    if isinstance(inputs, tuple) and len(inputs) == demanded > 1:
        return inputs
    return (inputs,)
