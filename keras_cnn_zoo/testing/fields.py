"""The arguments of a case, each with its description: docstrings and signatures are made from them.

field of a dataclass   →  Args of the dataclass           →  signature and Args of the public check
cls: type = argument("The layer class.")
"""

import dataclasses
import inspect
import textwrap

WIDTH = 110
OWN = ("module", "index")
"""Arguments of a case that the public checks do not take."""


def argument(description, **options):
    """Returns a field of a dataclass with its description; options are those of `dataclasses.field`."""
    return dataclasses.field(metadata={"description": description}, **options)


def documented(cls):
    """Adds the section Args to the docstring of a dataclass; a decorator."""
    cls.__doc__ = inspect.cleandoc(cls.__doc__) + "\n\nArgs:\n" + entries(cls, inspect.signature(cls))
    return cls


def entries(cls, signature):
    """Returns the lines of a section Args: a signature's parameters, described by the fields of `cls`."""
    described = {field.name: field.metadata["description"] for field in dataclasses.fields(cls)}
    return "\n".join(
        textwrap.fill(
            f"{name}: {described[name]}",
            WIDTH - 4,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name in signature.parameters
    )


def signature_of_check(cls):
    """Returns the signature of the public check of a case: without the fields of `OWN`, `exempt` last."""
    parameters = [one for name, one in inspect.signature(cls).parameters.items() if name not in OWN]
    parameters.sort(key=lambda parameter: (parameter.kind, parameter.name == "exempt"))
    plain = [parameter.replace(annotation=parameter.empty) for parameter in parameters]
    return inspect.Signature(plain)
