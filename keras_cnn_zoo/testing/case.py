"""A case: one component with the arguments with which the contract checks it.

`Case` is abstract. `cases.py` has a dataclass for each kind of component.
"""

import abc
import contextlib
import copy
import dataclasses
import inspect
import typing

import keras

from keras_cnn_zoo.testing import inputs as input_arrays
from keras_cnn_zoo.testing.fields import argument, documented
from keras_cnn_zoo.testing.guarantees import GUARANTEES, NEVER_EXEMPT, PARTS, TITLES


@documented
@dataclasses.dataclass(eq=False, kw_only=True)
class Case(abc.ABC):
    """A component with the arguments with which the contract checks it; the base of all cases."""

    exempt: dict | None = argument(
        'Dict from a guarantee (`"C9"`), or a part of one (`"C3 unknown space"`), to the reason in words for '
        "not meeting it. C1, C2, C10, C11 and C13 take no exemption. Defaults to none.",
        default=None,
    )
    module: str | None = argument(
        "Name of the module that declares the case, so that another process can import it. Defaults to none.",
        default=None,
    )
    index: int | None = argument("Its position in that module's `CASES`. Defaults to none.", default=None)

    titles: typing.ClassVar[dict] = TITLES
    """Words for each guarantee, in messages and ids of tests."""
    kind: typing.ClassVar[str]
    folder: typing.ClassVar[str]
    """Name of the catalog's kind, for example "layers", which begins the id of a case."""

    def __post_init__(self):
        self.exempt = dict(self.exempt or {})
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
    @abc.abstractmethod
    def name(self):
        """The name of the component, which begins every message."""

    @property
    def id(self):
        """For example "layers.LpPooling2D[0]"; the number is the position in the module's `CASES`."""
        return f"{self.folder}.{self.name}[{self.index or 0}]"

    def for_worker(self):
        """Returns the case without its oracles, which another process does not use."""
        names = {field.name for field in dataclasses.fields(self)}
        return dataclasses.replace(self, **dict.fromkeys(names & {"reference", "expected"}))


def make_component(cls, init_kwargs, dtype, overrides):
    """Returns an instance of `cls`; `overrides` replace arguments, and `dtype` is a dtype, a policy, or None.

    Layers among the arguments are cloned, so that two components never share weights.
    """
    kwargs = {name: clone(value) for name, value in {**init_kwargs, **overrides}.items()}
    if dtype is not None:
        kwargs["dtype"] = dtype
    return cls(**kwargs)


def clone(value):
    """Returns a deep copy; Keras objects are rebuilt from their config, unbuilt and with separate weights."""
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
    """Sets Keras' global dtype policy to `policy` (to nothing for None), and restores it afterwards."""
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
    """Returns `inputs` as positional arguments: a tuple is spread if `function` requires that many."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    required = sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in parameters)
    if isinstance(inputs, tuple) and len(inputs) == required > 1:
        return inputs
    return (inputs,)
