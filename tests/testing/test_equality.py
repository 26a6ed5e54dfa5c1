"""Structures are compared part by part, and the message names the first part that differs."""

import dataclasses
import re

import keras
import numpy as np
import pytest

from keras_cnn_zoo.testing.equality import difference


@dataclasses.dataclass
class Answer:
    name: str
    scores: object


class Frames(list):
    """A sequence of its class."""


@pytest.mark.parametrize(
    "value",
    [
        1,
        "text",
        None,
        float("nan"),
        np.array([1.0, np.nan]),
        np.array(["a", "b"]),
        {"a": [1, (2, 3)], "b": np.arange(3)},
        Answer("a", np.zeros(2)),
        Frames([np.ones(2)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_structure_equals_itself(value):
    assert difference(value, value) is None


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (1, 2, "it is 1 against 2"),
        (1, True, "it is 1 against True"),
        ([1], (1,), r"it is \[1\] against \(1,\)"),
        ({"a": 1}, {"b": 1}, r"it has \['a'\] against \['b'\]"),
        ([1, 2], [1], r"it has \[0, 1\] against \[0\]"),
        ({"a": [1, 2]}, {"a": [1, 3]}, r"\['a'\]\[1\] is 2 against 3"),
        (Answer("a", 1), Answer("a", 2), r"\['scores'\] is 1 against 2"),
        (np.zeros(2), np.zeros(3), r"it is float64\(2,\) against float64\(3,\)"),
        (np.zeros(2), np.zeros(2, "float32"), "it is float64.* against float32"),
        (np.zeros(2), np.array([0.0, np.nan]), "it is array"),
        (np.zeros(99), np.ones(99), r"it is array.* \.\.\. \(\d+ characters\) against"),
        (1.0, 1.0 + 1e-9, "it is array"),
    ],
)
def test_a_difference_is_named(one, other, words):
    found = difference(one, other)
    assert found is not None and re.match(words, found), found


def test_the_tolerance_is_relative_to_the_largest_number():
    one, other = np.array([100.0, 1e-3]), np.array([100.0, 0.0])
    assert difference(one, other, tolerance=1e-4) is None
    assert difference(one, other, tolerance=1e-6) is not None
    assert difference(1.0, 1.0 + 1e-9, tolerance=1e-6) is None


def test_tensors_are_compared_as_arrays():
    assert difference(keras.ops.ones(2), keras.ops.ones(2)) is None
    assert difference(keras.ops.ones(2), keras.ops.zeros(2)) is not None
