"""The library calls nothing of Keras that rounds a Python number to float32 next to a float64 tensor."""

import ast

import numpy as np
import pytest

from tests.policy.sources import LIBRARY, python_files

ROUNDING = {
    "ops.power": "rounds the exponent on PyTorch: write `x**p`",
    "ops.multiply": "rounds a number on PyTorch: write `x * y`",
    "ops.add": "rounds a number on PyTorch: write `x + y`",
    "ops.subtract": "rounds a number on PyTorch: write `x - y`",
    "initializers.Constant": "rounds its value on every backend: use `ExactConstant`",
}
"""Calls, by their last two names, and what to write instead."""

FOLDERS = ("initializers", "layers", "losses", "ops", "regularizers")


def roundings(source):
    """Returns the lines and the names of calls that round."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ".".join(ast.unparse(node.func).split(".")[-2:])
        literal = any(_is_fraction(argument) for argument in node.args)
        if name in ROUNDING or (name in ("ops.cast", "ops.where") and literal):
            found.append((node.lineno, name))
    return found


def _is_fraction(node):
    """Returns whether a literal is a number that float32 does not hold exactly."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return False
    return isinstance(value, float) and float(np.float32(value)) != value


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_number_is_rounded_to_float32(folder):
    for path in python_files(f"{LIBRARY}/{folder}"):
        found = roundings(path.read_text(encoding="utf-8"))
        advice = [f"line {line}, {name} {ROUNDING.get(name, 'rounds a literal')}" for line, name in found]
        assert not found, f"{path}: {advice}"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("ops.power(x, p)", 1),
        ("keras.initializers.Constant(3.7)", 1),
        ("ops.where(x > 0, x, 0.1)", 1),
        ("ops.where(x > 0, x, 0.5)", 0),
        ("x**p", 0),
    ],
)
def test_such_calls_are_found(source, count):
    assert len(roundings(source)) == count
