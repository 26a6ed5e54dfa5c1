"""The package's concrete model classes by name.

Presets name classes, and `presets` lies below `models`: it finds a class here, and never imports one. The
base class of the models fills the registry as each class is defined.
"""

PACKAGE = "keras_cnn_zoo"

_models = {}


def register_model(cls):
    """Enters a model class of the package; abstract classes and classes of users are left alone.

    A class is abstract where its own body says `abstract = True`.

    Raises:
        ValueError: for a second class with the same name. The same class defined again, as a reloaded module
            does, replaces the first.
    """
    if cls.__module__.split(".")[0] != PACKAGE or vars(cls).get("abstract", False):
        return
    known = _models.get(cls.__name__)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(
            f"Two models are named {cls.__name__}, in {known.__module__} and {cls.__module__}: "
            "a preset could mean either. Rename one"
        )
    _models[cls.__name__] = cls


def models():
    """Returns the concrete model classes of the package: a new dict from name to class, sorted."""
    return dict(sorted(_models.items()))


def tasks():
    """Returns the names of the tasks that have a model, sorted."""
    return sorted({cls.task for cls in _models.values() if cls.task is not None})
