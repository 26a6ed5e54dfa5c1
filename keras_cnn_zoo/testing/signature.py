"""Which constructor arguments are a component's own."""

import inspect

BASE_ARGUMENTS = {
    "layer": ("name", "trainable", "dtype"),
    "loss": ("name", "reduction", "dtype"),
    "metric": ("name", "dtype"),
    "model": ("name",),
    "regularizer": (),
    "initializer": (),
    "callback": (),
}


def own_arguments(cls, kind, make=None):
    """Returns the constructor's named parameters without those of Keras' abstract base: name -> `Parameter`.

    A class that takes `**kwargs` passes them up, so the parameters of its parents are its own too, as far as
    `make(**{name: value})` takes them (a 2D class that hands `rank=2` to its parent has no argument `rank`).
    Classes of Keras are not searched, except `cls` itself.
    """
    found = {}
    for parent in cls.__mro__:
        if parent is object or (parent is not cls and is_from_keras(parent)):
            break
        if "__init__" not in vars(parent):
            continue
        parameters = list(inspect.signature(parent.__init__).parameters.values())[1:]
        for parameter in parameters:
            named = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if named and parameter.name not in found and (parent is cls or _is_taken(make, parameter)):
                found[parameter.name] = parameter
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return {name: value for name, value in found.items() if name not in BASE_ARGUMENTS[kind]}


def is_from_keras(cls):
    """Returns whether a class is one of Keras itself."""
    return cls.__module__.split(".")[0] == "keras"


def _is_taken(make, parameter):
    """Returns whether a class takes its parent's parameter: a value that the class fixes is a TypeError."""
    if make is None:
        return True
    try:
        make(**{parameter.name: None if parameter.default is parameter.empty else parameter.default})
    except TypeError:
        return False
    except ValueError:
        return True  # Taken, and refused for its value.
    return True
