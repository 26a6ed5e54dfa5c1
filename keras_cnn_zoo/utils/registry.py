"""The package's concrete model classes by name.

Presets name classes, but `presets` must not import `models`, so it finds classes here. The base class of the
models registers each class when it is defined.
"""

PACKAGE = "keras_cnn_zoo"

_models = {}


def register_model(cls):
    """Registers a model class of the package, but not abstract classes and classes of users.

    A class is abstract if its body sets `abstract = True`.

    Raises:
        ValueError: for a second class with the same name. If the same class is defined again, as when a
            module is reloaded, it replaces the first.
    """
    if cls.__module__.split(".")[0] != PACKAGE or vars(cls).get("abstract", False):
        return
    known = _models.get(cls.__name__)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(
            f"Two models are named {cls.__name__}, in {known.__module__} and {cls.__module__}, but presets "
            "need unique names. Rename one"
        )
    _models[cls.__name__] = cls


def models():
    """Returns the concrete model classes of the package: a new dict from name to class, sorted."""
    return dict(sorted(_models.items()))


def networks():
    """Returns {name: (class, arguments)} of the package's networks that can be a backbone."""
    return {
        name: (cls, arguments)
        for cls in models().values()
        for name, arguments in getattr(cls, "networks", {}).items()
    }


def tasks():
    """Returns the names of the tasks that have a model, sorted."""
    return sorted({cls.task for cls in _models.values() if cls.task is not None})
