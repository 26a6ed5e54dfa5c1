"""Records the arguments that a model was built with, as given, and writes them into its config."""

import collections.abc
import copy
import inspect

import keras

# Arguments that every model takes.
COMMON = ("name", "trainable")
# Entries of a config that are not arguments.
RESERVED = ("frozen", "preprocessing", "quantization")
# Entries of a serialized object about how it was built and compiled, which are not arguments.
_HISTORY = ("build_config", "compile_config")


class Arguments:
    """A dict of arguments in an object that Keras does not track.

    Keras tracks the layers in a model's attributes, including lists and dicts. A layer that is only a
    prototype would become a part of the model.

    Args:
        values: dict from the name of an argument to its value.
    """

    def __init__(self, values):
        self.values = values
        # Paths of the layers that the constructor itself freezes, and how the model was quantized.
        self.frozen = set()
        self.quantization = None


def recorded(cls, args, kwargs):
    """Returns the `Arguments` of a constructor call, including defaults.

    A subclass may pass on arguments in its `*args` and `**kwargs`. These are looked up in the constructors of
    its base classes, and recorded if they were given.

    Args:
        cls: the class that is called.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Raises:
        TypeError: for an argument that no constructor has. Keras' own base classes would ignore it.
    """
    constructors = _constructors(cls)
    try:
        values, args, kwargs = _bound(constructors[0], args, kwargs, defaults=True)
    except TypeError:
        # Keras also calls `__new__` without arguments. `__init__` refuses a wrong call.
        return Arguments({})
    for constructor in constructors[1:]:
        if not args and not kwargs:
            break
        known = set(inspect.signature(constructor).parameters)
        own = {name: value for name, value in kwargs.items() if name in known}
        given, args, more = _bound(constructor, args, own, defaults=False)
        values = {**given, **values}
        kwargs = {**more, **{name: value for name, value in kwargs.items() if name not in known}}
    _check_common(cls, constructors, kwargs)
    reserved = sorted(set(RESERVED) & set(values))
    if reserved:
        raise TypeError(
            f"{cls.__name__} must not have arguments of these names, which its config uses. "
            f"Received: {', '.join(reserved)}"
        )
    return Arguments({name: plain(value) for name, value in values.items() if name not in COMMON})


def _constructors(cls):
    """Returns the constructors of a class and its base classes, up to the base of all models."""
    found = []
    for base in cls.__mro__:
        if base.__dict__.get("__new__") is not None:
            break
        if "__init__" in base.__dict__:
            found.append(base.__init__)
    return found or [cls.__init__]


def _bound(constructor, args, kwargs, *, defaults):
    """Returns the (arguments by name, `*args`, `**kwargs`) of a constructor's call."""
    signature = inspect.signature(constructor)
    bound = (
        signature.bind(None, *args, **kwargs) if defaults else signature.bind_partial(None, *args, **kwargs)
    )
    if defaults:
        bound.apply_defaults()
    values = dict(list(bound.arguments.items())[1:])
    further_args, further_kwargs = (), {}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            further_kwargs = values.pop(parameter.name, {})
        elif parameter.kind is parameter.VAR_POSITIONAL:
            further_args = values.pop(parameter.name, ())
    return values, further_args, further_kwargs


def serialized(value):
    """Returns a recorded value as JSON values, with layers as Keras serializes them."""
    if isinstance(value, (list, tuple)):
        return [serialized(item) for item in value]
    if isinstance(value, dict):
        return {key: serialized(item) for key, item in value.items()}
    if isinstance(value, keras.Layer):
        content = keras.saving.serialize_keras_object(value)
        return {key: item for key, item in content.items() if key not in _HISTORY}
    return value


def revived(value, custom_objects=None):
    """Returns the object that `serialized` wrote. Any other value is returned unchanged."""
    if isinstance(value, (list, tuple)):
        return type(value)(revived(item, custom_objects) for item in value)
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    # A copy, because Keras empties the config of a functional model while it builds the model.
    return keras.saving.deserialize_keras_object(copy.deepcopy(value), custom_objects=custom_objects)


def _check_common(cls, constructors, others):
    if "dtype" in others:
        raise TypeError(
            f"{cls.__name__} does not accept `dtype`: its layers use the global policy. Set it with "
            f"`keras.config.set_dtype_policy`. Received: dtype={others['dtype']!r}"
        )
    unknown = sorted(set(others) - set(COMMON))
    if unknown:
        parameters = [
            parameter
            for constructor in constructors
            for parameter in list(inspect.signature(constructor).parameters.values())[1:]
        ]
        own = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        known = dict.fromkeys([*own, *COMMON])
        raise TypeError(f"{cls.__name__} accepts {', '.join(known)}. Received: {', '.join(unknown)}")


def plain(value):
    """Returns a copy, which changes of the caller's lists do not affect. Sequences become tuples.

    A model is replaced by its config, because the graph already has its layers and weights.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    # NumPy's arrays and numbers, and what is like them, such as a pandas index.
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes)):
        return tuple(plain(item) for item in value)
    return serialized(value) if isinstance(value, keras.Model) else value
