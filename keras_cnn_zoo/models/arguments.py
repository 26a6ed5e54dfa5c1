"""The arguments that a model was built with: recorded once, as given, and written into its config."""

import copy
import inspect

import keras
import numpy as np

# What every model takes beside its own arguments.
COMMON = ("name", "trainable")
# How an object was built and compiled before it came here is no argument of it.
_HISTORY = ("build_config", "compile_config")


class Arguments:
    """A dict of arguments in an object that Keras does not look into.

    Keras tracks layers in a model's attributes, in lists and dicts too: a prototype would become a part of
    the model.

    Args:
        values: dict from the name of an argument to its value.
    """

    def __init__(self, values):
        self.values = values
        # Paths of the layers that the constructor itself freezes, and how the model was quantized.
        self.frozen = set()
        self.quantization = None


def recorded(cls, args, kwargs):
    """Returns the `Arguments` of a constructor call, defaults included.

    Args:
        cls: the class that is called.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Raises:
        TypeError: for an argument that the class does not have. Keras' own base classes ignore it.
    """
    signature = inspect.signature(cls.__init__)
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:
        # Keras calls `__new__` without arguments too; a wrong call is refused by `__init__`.
        return Arguments({})
    bound.apply_defaults()
    values = dict(list(bound.arguments.items())[1:])
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            _check_common(cls, values.pop(parameter.name, {}))
    return Arguments({name: _own_copy(value) for name, value in values.items()})


def serialized(value):
    """Returns a recorded value as JSON values; layers as Keras serializes them."""
    if isinstance(value, (list, tuple)):
        return [serialized(item) for item in value]
    if isinstance(value, dict):
        return {key: serialized(item) for key, item in value.items()}
    if isinstance(value, keras.Layer):
        content = keras.saving.serialize_keras_object(value)
        return {key: item for key, item in content.items() if key not in _HISTORY}
    return value


def revived(value, custom_objects=None):
    """Returns the object of a value that `serialized` wrote; any other value is returned as it is."""
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    # Of a copy: Keras empties the config of a functional model while it builds one from it.
    return keras.saving.deserialize_keras_object(copy.deepcopy(value), custom_objects=custom_objects)


def _check_common(cls, others):
    if "dtype" in others:
        raise TypeError(
            f"{cls.__name__} takes no `dtype`: its layers have the global policy, which "
            f"`keras.config.set_dtype_policy` sets. Received: dtype={others['dtype']!r}"
        )
    unknown = sorted(set(others) - set(COMMON))
    if unknown:
        own = [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "kwargs")]
        raise TypeError(f"{cls.__name__} takes {', '.join([*own, *COMMON])}. Received: {', '.join(unknown)}")


def _own_copy(value):
    """The value, unchanged by what happens to the caller's lists and arrays later; lists become tuples.

    Of a model only its config is kept: the graph has its layers, and its weights need no second place.
    """
    if isinstance(value, (list, tuple)):
        return tuple(_own_copy(item) for item in value)
    if isinstance(value, dict):
        return {key: _own_copy(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return _own_copy(value.tolist())
    return serialized(value) if isinstance(value, keras.Model) else value
