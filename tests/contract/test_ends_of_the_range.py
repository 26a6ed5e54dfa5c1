"""Values and gradients near the ends of float32, compared with float64 on the same numbers."""

import numpy as np
import pytest

from keras_cnn_zoo.layers.base_wrapper import BaseWrapper
from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.testing.backends import programs, reference
from keras_cnn_zoo.testing.draws import fixed_draws
from tests.contract.collection import collect

pytestmark = pytest.mark.slow

LARGEST = float(np.finfo("float32").max)
NORMAL = float(np.finfo("float32").tiny)

USUAL = (1e15, 1e-15)
"""Every component is right for inputs of these magnitudes, unless it is in `OUTSIDE`."""

WHOLE = {
    "GeneralizedMeanPooling2D",
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
    "Maxout",
    "Probout",
    "RReLU",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "StochasticPooling3D",
}
"""These give the right values up to the largest number of float32."""

OUTSIDE = {
    "GaussianKLDivergence": "log-variances are not to be as large as that",
    "JensenShannon": "takes probabilities",
    "LDA": "an eigenvalue problem of scaled matrices",
    "LovaszSoftmax": "takes probabilities",
    "MultiScaleOrderlessPooling2D": "centers have their own scale",
    "MulticlassHinge": "scores of 1e-15 tie in float32",
    "NonMaxSuppression": "selects by scores, which are probabilities",
    "VLAD": "centers have their own scale",
}
"""Magnitudes of 1e15 or 1e-15 lie outside their domain."""


def cases():
    """Returns the first case of each component that is not made of other layers."""
    for item in collect():
        case = item.case
        if not item.first or case.name in OUTSIDE:
            continue
        if case.kind == "loss" or (
            case.kind == "layer" and not issubclass(case.cls, (CompositeLayer, BaseWrapper))
        ):
            yield case


CHECKED = [pytest.param(case, id=case.id) for case in cases()]


class Pair:
    """One case in float32 and float64 with the same weights and the same random draws."""

    def __init__(self, case):
        self.narrow = programs.make_program(case, "float32")
        self.wide = programs.make_program(case, "float64")
        self.weights = self.narrow.get_weights()
        if case.kind == "loss":
            # Not the reduced loss, which the program of float64 leaves out.
            self.narrow.apply = lambda flat, mode: [self.narrow.per_sample(*self.narrow.pack(flat))]

    def inputs(self, magnitude):
        """Returns the inputs in float32, the differentiable ones scaled to a largest entry of `magnitude`."""
        arrays = [np.asarray(array) for array in self.narrow.inputs]
        for place in self.narrow.differentiable:
            array = arrays[place].astype("float64")
            arrays[place] = (array / np.abs(array).max() * magnitude).astype("float32")
        return arrays

    def evaluate(self, magnitude, mode):
        """Returns the results of float32 and of float64."""
        results = []
        for program, dtype in ((self.narrow, "float32"), (self.wide, "float64")):
            program.inputs = [
                array.astype(dtype) if array.dtype.kind == "f" else array for array in self.inputs(magnitude)
            ]
            program.set_weights(self.weights)
            with fixed_draws():
                results.append(reference.evaluate(program, mode))
        return results


def assert_close(found, wanted, floor, what):
    """Compares what fits into float32; `floor` is the size of numbers of which only rounding may be left."""
    for one, other in zip(found, wanted, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        if other.dtype.kind != "f":
            continue
        fits = np.isfinite(other) & (np.abs(other) < LARGEST)
        one, other = one.astype("float64")[fits], other[fits]
        assert np.isfinite(one).all(), f"{what}: not finite, e.g. for {other[~np.isfinite(one)][0]:.3g}"
        allowed = 1e-3 * np.abs(other) + 1e-4 * np.abs(other).max(initial=0.0) + 1e-5 * floor + 2 * NORMAL
        worst = (np.abs(one - other) - allowed).argmax() if one.size else 0
        assert (np.abs(one - other) <= allowed).all(), f"{what}: {one[worst]:.6g} for {other[worst]:.6g}"


def check(pair, magnitude, *, gradients=True):
    """Compares both dtypes in every mode."""
    for mode in pair.narrow.modes:
        found, wanted = pair.evaluate(magnitude, mode)
        size = max(np.abs(array[np.isfinite(array)]).max(initial=0.0) for array in wanted["output"])
        floors = {"output": 0.0, "weight gradient": size, "input gradient": size / magnitude}
        for kind in reference.KINDS if gradients else ("output",):
            assert_close(found[kind], wanted[kind], floors[kind], f"{mode} {kind} at {magnitude:g}")


@pytest.mark.parametrize("case", CHECKED)
def test_float32_is_right_for_large_and_small_inputs(case):
    pair = Pair(case)
    for magnitude in USUAL:
        check(pair, magnitude)


@pytest.mark.parametrize("case", [case for case in CHECKED if case.values[0].name in WHOLE])
def test_these_are_right_up_to_the_largest_number(case):
    pair = Pair(case)
    for magnitude in (3e38, 2e38):
        check(pair, magnitude, gradients=False)
    check(pair, 1e36)
    for magnitude in (1e-38, 1e-44):
        check(pair, magnitude, gradients=False)
