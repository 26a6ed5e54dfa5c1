"""The public names of the package, and the page of the site that describes each of them."""

import functools
import importlib
import inspect
import re

from docs.generate import pages
from keras_cnn_zoo import catalog
from keras_cnn_zoo.models import base

LIBRARY = "keras_cnn_zoo"
# Page of the site: packages whose public names it describes, if no other page does. An object with two names,
# such as `tasks.fit` and `training.fit`, is on the page of the first package.
PACKAGES = {
    "families/losses": ("losses",),
    "families/metrics": ("metrics",),
    "families/training": ("initializers", "callbacks"),
    "families/regularization": ("regularizers",),
    "families/visualization": ("visualization",),
    "reference/presets": ("presets",),
    "reference/models": ("models",),
    "reference/training": ("training",),
    "reference/tasks": ("tasks",),
    "reference/data": ("data",),
    "reference/search": ("search",),
    "reference/distribution": ("distribution",),
    "reference/testing": ("testing",),
    "reference/ops": ("ops",),
}
TITLES = {
    "reference/presets": (
        "Presets",
        "Loading, saving, and listing trained models. See [the guide](../presets.md).",
    ),
    "reference/models": ("Models", "Networks of each task. See [the list](../components.md#models)."),
    "reference/training": (
        "Training",
        "The engine of the commands `fit`, `evaluate`, `predict`, and `export`.",
    ),
    "reference/tasks": ("Tasks", "Data, loss, decoding, and metrics of each task."),
    "reference/data": ("Data", "Reading data. See [the formats](../data.md)."),
    "reference/search": ("Searches", "The engine of `tune`. See [the guide](../tuning.md)."),
    "reference/distribution": ("Devices and precision", "Compilation, precision, and several devices."),
    "reference/testing": (
        "Checks",
        "The contract for any Keras code. See [the guide](../check_your_own_layer.md).",
    ),
    "reference/ops": ("Operations", "Functions on tensors."),
}
# Classes whose methods are described too, with those of their bases in this package.
WITH_METHODS = (
    "layers",
    "losses",
    "metrics",
    "data",
    "tasks.Task",
    "models.base.ZooModel",
    "search.SearchSpace",
)
# Methods of Keras that a component overrides, and those that other parts of the package call.
NOT_DESCRIBED = {
    "build",
    "call",
    "compute_output_shape",
    "compute_loss",
    "get_config",
    "from_config",
    "quantize",
}
NOT_DESCRIBED |= {"check_class_names", "normalize", "save", "with_channels"}
NOT_DESCRIBED |= {"deployable", "lsuv_kernels", "of_each_kernel", "prepared", "torch_weights"}


def _is_described(item):
    return inspect.isclass(item) or inspect.isroutine(item)


@functools.cache
def items():
    """Returns a dict from page to a dict from the path of each public name to its object."""
    found, seen = {}, set()
    by_component = {}
    for page in pages.FAMILIES:
        for entry in pages.entries_of(page):
            if not entry.is_keras:
                by_component[f"{entry.module}.{entry.name}"] = f"families/{page}"
    second = catalog.aliases()
    for page, packages in {"families/components": ("layers",), **PACKAGES}.items():
        for package in packages:
            module = importlib.import_module(f"{LIBRARY}.{package}")
            for name in module.__all__:
                path, item = f"{module.__name__}.{name}", getattr(module, name)
                if _is_described(item) and id(item) not in seen and name not in second:
                    seen.add(id(item))
                    found.setdefault(by_component.get(path, page), {})[path] = item
    found["reference/models"][f"{LIBRARY}.models.base.ZooModel"] = base.ZooModel
    return found


def methods(path, item):
    """Returns a dict of the public methods of a class that only this package has."""
    name = path.removeprefix(f"{LIBRARY}.")
    if not inspect.isclass(item) or not name.startswith((*WITH_METHODS, "models.")):
        return {}
    classes = [cls for cls in item.__mro__ if cls.__module__.startswith(LIBRARY)]
    found = {}
    # A model's page has the methods of all models once.
    for cls in reversed(classes if name.startswith(WITH_METHODS) else [item]):
        for method, value in vars(cls).items():
            function = getattr(value, "__func__", value)
            if inspect.isfunction(function) and method[0] != "_" and method not in NOT_DESCRIBED:
                found[method] = function
    return {method: found[method] for method in sorted(found) if found[method].__doc__}


def parameters(item):
    """Returns the parameters of a function or of a class's constructor, with `self`."""
    target = item.__init__ if inspect.isclass(item) else item
    if target is object.__init__ or (inspect.isclass(item) and issubclass(item, Exception)):
        return []
    return list(inspect.signature(target).parameters.values())


def directive(path, level):
    """Returns the line that mkdocstrings replaces with the description of a name."""
    return f"::: {path}\n    options:\n      heading_level: {level}\n"


def in_order(page):
    """Returns the paths of a page, those that differ only in their rank together, 2D first."""

    def place(path):
        name = path.rpartition(".")[2]
        stem, rank = re.fullmatch(r"(.*?)([123]D)?", name).groups()
        return order[stem], rank != "2D", rank or ""

    order = {}
    for path in items()[page]:
        order.setdefault(re.sub(r"[123]D$", "", path.rpartition(".")[2]), len(order))
    return sorted(items()[page], key=place)


def page_text(page):
    """Returns the text of a page that has nothing but the reference."""
    title, first = TITLES[page]
    lines = [f"# {title}", "", first, ""]
    for path in in_order(page):
        lines += [directive(path, 2)]
    return "\n".join(lines)
