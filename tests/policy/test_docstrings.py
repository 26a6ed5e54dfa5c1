"""Docstrings list the arguments of the signature, have ordered sections, and have examples that run."""

import doctest
import inspect
import re

import keras
import numpy as np
import pytest

import keras_cnn_zoo
from keras_cnn_zoo import catalog
from tests.policy import public

NAMES = {f"{dotted.partition('.')[2]}.{name}": item for dotted, name, item in public.names()}
COMPONENTS = catalog.components()
SECTIONS = ("Reference:", "Differs from the paper:", "Args:", "Call arguments:", "Input shape:")
SECTIONS += ("Output shape:", "Returns:", "Raises:", "Example:", "Examples:")
EXAMPLE_LINES = 8


def described(docstring, section="Args:"):
    """Returns the argument names that a section lists, in order, or None if there is no such section."""
    lines = docstring.splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip() == section]
    if not starts:
        return None
    margin = len(lines[starts[0]]) - len(lines[starts[0]].lstrip())
    names, indent = [], None
    for line in lines[starts[0] + 1 :]:
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth <= margin:
            break
        entry = re.match(r"\s*(`?\*{0,2}\w+`?(?:, `?\*{0,2}\w+`?)*):(\s|$)", line)
        indent = depth if indent is None and line.strip() else indent
        if entry and depth == indent:
            names += [name.strip("` ") for name in entry[1].split(",")]
    return names


def order_of_sections(docstring):
    """Returns the known section titles in their order."""
    starts = (re.match(r"[A-Z][\w ]+:", line) for line in docstring.splitlines())
    return [start[0] for start in starts if start and start[0] in SECTIONS]


def has_docstring(item):
    """Returns whether an object is a class or function, and not a constant."""
    return inspect.isclass(item) or inspect.isroutine(item)


def is_called(item):
    """Returns whether the docstring must list arguments. Errors are only caught, never called."""
    return has_docstring(item) and not (inspect.isclass(item) and issubclass(item, Exception))


@pytest.mark.parametrize("name", [name for name, item in NAMES.items() if is_called(item)])
def test_args_equal_the_signature(name):
    item = NAMES[name]
    inherited = inspect.isclass(item) and "__doc__" not in vars(item)
    docstring = None if inherited else inspect.getdoc(item)
    assert docstring, f"{name} has no docstring, or an inherited one"
    expected = [parameter.name for parameter in public.parameters(item)]
    found = [entry.lstrip("*") for entry in described(docstring) or [] if not entry.startswith("**")]
    assert found == [entry.lstrip("*") for entry in expected]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_is_one_sentence(name):
    if not has_docstring(NAMES[name]):
        pytest.skip("a constant")
    lines = inspect.getdoc(NAMES[name]).splitlines()
    assert lines[0].endswith("."), lines[0]
    assert len(lines) == 1 or lines[1] == ""


@pytest.mark.parametrize("name", COMPONENTS)
def test_sections_are_in_order(name):
    package, item = COMPONENTS[name]
    found = order_of_sections(inspect.getdoc(item))
    ranks = [SECTIONS.index(section) for section in found]
    assert ranks == sorted(ranks), found
    assert "Reference:" in found
    if package == "layers":
        assert {"Input shape:", "Output shape:"} <= set(found), found


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_example_runs(name):
    item = COMPONENTS[name][1]
    examples = run_examples(name, item)
    shown = inspect.getdoc(item).splitlines()
    lines = [line for line in shown if line.strip().startswith((">>>", "..."))]
    assert examples > 0, f"{name} has no example"
    assert len(lines) <= EXAMPLE_LINES


@pytest.mark.parametrize("name", sorted(set(NAMES) - {f"{p}.{n}" for n, (p, _) in COMPONENTS.items()}))
def test_other_examples_run(name):
    if has_docstring(NAMES[name]):
        run_examples(name, NAMES[name])


def run_examples(name, item):
    """Runs the examples in the docstring of an object and returns their number."""
    keras.utils.set_random_seed(0)
    names = {"keras": keras, "np": np, "keras_cnn_zoo": keras_cnn_zoo, item.__name__: item}
    names |= {part: getattr(keras_cnn_zoo, part) for part in keras_cnn_zoo.__all__ if part[0] != "_"}
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(item), names, name, None, 0)
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    failed, attempted = runner.run(test, out=report.append)
    assert failed == 0, "".join(report)
    return attempted


def test_arguments_are_read_from_a_docstring():
    docstring = """Pools.

    Args:
        size, strides: Integers; a colon: does not
            start: an entry here.
        `p`: The exponent.
        **kwargs: Of the layer.

    Raises:
        ValueError: Always.
    """
    assert described(inspect.cleandoc(docstring)) == ["size", "strides", "p", "**kwargs"]
    assert described("No arguments.") is None


def test_a_wrong_example_fails():
    def broken():
        """Adds.

        >>> 1 + 1
        3
        """

    with pytest.raises(AssertionError, match="Expected"):
        run_examples("broken", broken)
