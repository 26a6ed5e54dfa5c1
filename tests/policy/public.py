"""The public names of the project, for the policy tests and the API snapshot."""

import importlib
import importlib.util
import inspect

from keras_cnn_zoo import catalog

# Without `catalog` and `drawing`, which have no `__all__`.
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
    """Yields pairs (dotted name, module) of the public packages that exist."""
    for name in PACKAGES:
        dotted = f"keras_cnn_zoo.{name}"
        if importlib.util.find_spec(dotted) is not None:
            yield dotted, importlib.import_module(dotted)


def names():
    """Yields triples (dotted package, name, object) of everything public."""
    for dotted, module in packages():
        for name in module.__all__:
            yield dotted, name, getattr(module, name)


def parameters(item):
    """Returns the parameters of a function or of a class's constructor, without self and `**kwargs`."""
    target = item.__init__ if inspect.isclass(item) else item
    if target is object.__init__:
        return []
    found = list(inspect.signature(target).parameters.values())
    if inspect.isclass(item):
        found = found[1:]
    return [parameter for parameter in found if parameter.kind is not parameter.VAR_KEYWORD]


def signature(item):
    """Returns the signature as text, without self, in the form of the snapshot."""
    if not (inspect.isclass(item) or inspect.isroutine(item)):
        return type(item).__name__
    if inspect.isclass(item) and item.__init__ is object.__init__:
        return "()"
    found = inspect.signature(item.__init__ if inspect.isclass(item) else item)
    kept = list(found.parameters.values())[1 if inspect.isclass(item) else 0 :]
    kept = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in kept]
    return str(inspect.Signature(kept))
