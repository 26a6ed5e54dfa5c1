"""Options of a command that a task declares."""

import functools
import inspect
from typing import Annotated

import typer

from keras_cnn_zoo.cli.parsing import PARSERS


def with_arguments(arguments):
    """Returns a decorator that gives a command an option per `Argument`, passed on as keywords.

    Args:
        arguments: `Task.fit_arguments` or `Task.predict_arguments`. The command takes those that were given
            as `**given`.
    """

    def decorate(function):
        signature = inspect.signature(function)
        own = [value for value in signature.parameters.values() if value.kind != value.VAR_KEYWORD]
        added = [
            inspect.Parameter(
                argument.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=argument.default,
                annotation=_annotation(argument),
            )
            for argument in arguments
        ]

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for argument in arguments:
                value = kwargs.pop(argument.name, None)
                if value is not None and argument.type in PARSERS:
                    value = PARSERS[argument.type](value, _flag(argument))
                if value != argument.default:
                    kwargs[argument.name] = value
            return function(*args, **kwargs)

        wrapper.__signature__ = signature.replace(parameters=[*own, *added])
        wrapper.__annotations__ = {
            name: value.annotation for name, value in wrapper.__signature__.parameters.items()
        }
        return wrapper

    return decorate


def _flag(argument):
    return f"--{argument.name.replace('_', '-')}"


def _annotation(argument):
    kind = str if argument.type in PARSERS else argument.type
    return Annotated[kind | None, typer.Option(_flag(argument), help=argument.help)]
