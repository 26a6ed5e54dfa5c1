"""An extension of griffe, which mkdocstrings uses: public names as they are after importing the package.

Several docstrings are filled in when a class is created, and several constructors are made from tables. The
source alone therefore does not show them.
"""

import inspect

import griffe

from docs.generate import docstrings, reference

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: griffe.ParameterKind.positional_only,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.VAR_POSITIONAL: griffe.ParameterKind.var_positional,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
    inspect.Parameter.VAR_KEYWORD: griffe.ParameterKind.var_keyword,
}


def shown(default):
    """Returns the default of a parameter as text, or None."""
    if default is inspect.Parameter.empty:
        return None
    if inspect.isclass(default) or inspect.isroutine(default):
        return default.__name__
    text = repr(default)
    return "..." if text.startswith("<") else text


def function(name, item):
    """Returns a function for griffe."""
    found = [
        griffe.Parameter(one.name, kind=KINDS[one.kind], default=shown(one.default))
        for one in reference.parameters(item)
    ]
    made = griffe.Function(name, parameters=griffe.Parameters(*found))
    made.docstring = _docstring(item, made)
    return made


def _docstring(item, parent):
    text = item.__doc__ if inspect.isclass(item) else inspect.getdoc(item)
    return griffe.Docstring(docstrings.markdown(text), parent=parent) if text else None


def described(path, item):
    """Returns a class or function for griffe."""
    name = path.rpartition(".")[2]
    if not inspect.isclass(item):
        return function(name, item)
    made = griffe.Class(name)
    made.docstring = _docstring(item, made)
    constructor = function("__init__", item)
    constructor.docstring = None
    made.set_member("__init__", constructor)
    for method, value in reference.methods(path, item).items():
        made.set_member(method, function(method, value))
    return made


class AsImported(griffe.Extension):
    """Replaces the public names of the package by descriptions of their objects."""

    def on_package(self, *, pkg, loader, **kwargs):
        if pkg.name != reference.LIBRARY:
            return
        for found in reference.items().values():
            for path, item in found.items():
                package, _, name = path.removeprefix(f"{pkg.name}.").rpartition(".")
                pkg[package].set_member(name, described(path, item))
