"""C11: every bad argument raises a ValueError that names it and what it received; bad ranks fail at build."""

import numpy as np

from keras_cnn_zoo.testing import refusals, signature
from keras_cnn_zoo.testing.checks import labels
from keras_cnn_zoo.testing.guarantees import Broken

CHECK = "check the argument in `__init__` and raise ValueError with its name and the value, as Keras words it"
CHECK_RANK = "check the rank in `build` and raise ValueError"


def check_layer(case):
    """Checks C11 for layers: arguments, and inputs with one axis too many or too few."""
    check_arguments(case)
    inputs = case.make_inputs()
    if isinstance(inputs, np.ndarray):
        for array in (np.expand_dims(inputs, 1), inputs[:, 0] if inputs.ndim > 1 else None):
            if array is not None:
                _require_rank(case, array)


def check_arguments(case):
    """Checks C11 for everything that has a constructor with its own arguments."""
    for name, parameter in case.own_arguments().items():
        value = case.init_kwargs.get(name, parameter.default)
        optional = parameter.default is None
        for bad in refusals.bad_values(name, value, optional=optional):
            _require_refusal(lambda name=name, bad=bad: case.make(**{name: bad}), name, bad)


def check_loss(case):
    """Checks C11 for losses: arguments of the constructor, and labels that are no class."""
    check_arguments(case)
    labels.require_refusals(case)


def check_model(case):
    """Checks C11 for models: the arguments are those of the built model's config."""
    model = case.make()
    cls, config = type(model), model.get_config()
    if signature.is_from_keras(cls):
        return
    parameters = signature.own_arguments(cls, case.kind)
    given = {name: config[name] for name in parameters}
    for name, parameter in parameters.items():
        for bad in refusals.bad_values(name, given[name], optional=parameter.default is None):
            _require_refusal(lambda name=name, bad=bad: cls(**{**given, name: bad}), name, bad)


def _require_refusal(make, name, bad):
    try:
        make()
    except ValueError as error:
        message = str(error)
    except Exception as error:
        what = f"{name}={bad!r} raises {type(error).__name__} ({error}) instead of ValueError"
        raise Broken(what, CHECK) from error
    else:
        raise Broken(f"{name}={bad!r} is accepted", CHECK)
    named = name in message or refusals.is_identifier(name)
    if not named or not refusals.names_value(message, bad):
        what = f"the error for {name}={bad!r} does not name the argument and the value: {message!r}"
        raise Broken(what, CHECK)


def _require_rank(case, array):
    """Raises `Broken` unless a rank is refused with ValueError before `call` runs, or works."""
    component = case.make()
    try:
        component.build(array.shape)
    except ValueError:
        return
    except Exception as error:
        what = f"build raises {type(error).__name__} ({error}) for input of shape {array.shape}"
        raise Broken(what, CHECK_RANK) from error
    component = case.make()
    declared = component.input_spec
    try:
        case.call(component, array)
    except ValueError as error:
        if declared is not None:
            return  # Keras compares the input with `input_spec` before it calls.
        what = f"input of shape {array.shape} fails in `call` only ({error})"
        raise Broken(what, CHECK_RANK) from error
    except Exception as error:
        what = f"input of shape {array.shape} raises {type(error).__name__} ({error}) in `call`"
        raise Broken(what, CHECK_RANK) from error
