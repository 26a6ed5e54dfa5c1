"""The options of how data are read, which several commands share."""

import functools
import inspect
from typing import Annotated

import typer

# The names are those of `data.load`.
OPTIONS = {
    "skip_bad": (bool, False, "leave out files that cannot be read, and count them"),
    "split_file": (str, None, "file of lines SPLIT<TAB>NAME that replaces the splits"),
    "ignore_label": (int, None, "mask value to ignore in loss and metrics; 255 if not given"),
    "class_names": (str, None, "names of the classes, as a,b,c"),
    "encoding": (str, None, "encoding of text files; utf-8 if not given"),
    "palette": (str, None, "file of lines R G B NAME, the colors in masks:PATH"),
}


def with_data_options(function):
    """Gives a command an option for each of `OPTIONS`; it takes those that were given as `data_options`."""
    signature = inspect.signature(function)
    others = [value for name, value in signature.parameters.items() if name != "data_options"]
    rest = [value for value in others if value.kind == value.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=_annotation(name, kind, text)
        )
        for name, (kind, default, text) in OPTIONS.items()
    ]

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        given = {name: kwargs.pop(name, default) for name, (_, default, _) in OPTIONS.items()}
        if given["class_names"] is not None:
            given["class_names"] = [name.strip() for name in given["class_names"].split(",")]
        chosen = {name: value for name, value in given.items() if value != OPTIONS[name][1]}
        return function(*args, data_options=chosen, **kwargs)

    parameters = [value for value in others if value not in rest] + added + rest
    wrapper.__signature__ = signature.replace(parameters=parameters)
    wrapper.__annotations__ = {value.name: value.annotation for value in parameters}
    return wrapper


def _annotation(name, kind, text):
    flag = f"--{name.replace('_', '-')}"
    # With its flag named here, typer adds no --no-NAME to a truth value.
    return Annotated[kind if kind is bool else kind | None, typer.Option(flag, help=text)]
