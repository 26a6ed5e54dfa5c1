"""The public names of the project, as the policy tests and the API snapshot see them."""

import importlib
import importlib.util
import inspect

from keras_cnn_zoo import catalog

# `catalog` and `drawing` list no names of their own: they have no `__all__`.
PACKAGES = (
    *sorted(catalog.KINDS),
    "data",
    "distribution",
    "ops",
    "presets",
    "search",
    "tasks",
    "testing",
    "training",
    "visualization",
)


def packages():
    """Pairs (dotted name, module) of the public packages that exist."""
    for name in PACKAGES:
        dotted = f"keras_cnn_zoo.{name}"
        if importlib.util.find_spec(dotted) is not None:
            yield dotted, importlib.import_module(dotted)


def names():
    """Triples (dotted package, name, object) of everything public."""
    for dotted, module in packages():
        for name in module.__all__:
            yield dotted, name, getattr(module, name)


def parameters(item):
    """Parameters of a function or of a class's constructor, without self and `**kwargs`."""
    target = item.__init__ if inspect.isclass(item) else item
    if target is object.__init__:
        return []
    found = list(inspect.signature(target).parameters.values())
    if inspect.isclass(item):
        found = found[1:]
    return [parameter for parameter in found if parameter.kind is not parameter.VAR_KEYWORD]


def signature(item):
    """The signature as text, without self, as it stands in the snapshot."""
    if not (inspect.isclass(item) or inspect.isroutine(item)):
        return type(item).__name__
    if inspect.isclass(item) and item.__init__ is object.__init__:
        return "()"
    found = inspect.signature(item.__init__ if inspect.isclass(item) else item)
    kept = list(found.parameters.values())[1 if inspect.isclass(item) else 0 :]
    kept = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in kept]
    return str(inspect.Signature(kept))
