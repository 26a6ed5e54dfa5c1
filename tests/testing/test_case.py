"""Cases: what they refuse, how they are named, and the inputs and components that they make."""

import inspect

import keras
import numpy as np
import pytest

from keras_cnn_zoo.testing import (
    LayerCase,
    Outcome,
    case_from_dict,
    check_layer,
    check_loss,
    check_metric,
    check_model,
)
from keras_cnn_zoo.testing.inputs import make_inputs
from tests.testing.parts import DENSE, ScaledDense, small_model

LAYER = {"cls": ScaledDense, "init_kwargs": DENSE, "input_shape": (2, 4)}


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        (LAYER, "layer"),
        ({"cls": ScaledDense, "inputs": np.ones((2, 4))}, "layer"),
        ({"cls": keras.losses.Huber, "y_true": 1, "y_pred": 2}, "loss"),
        ({"cls": keras.regularizers.L2, "weight": 1}, "regularizer"),
        ({"cls": keras.metrics.Mean, "updates": [], "expected": 0}, "metric"),
        ({"cls": keras.initializers.Zeros, "shape": (2,)}, "initializer"),
        ({"cls": keras.callbacks.TerminateOnNaN, "logs": [], "expected": 0}, "callback"),
        ({"build": small_model, "input_shape": (2, 8, 8, 1)}, "model"),
    ],
)
def test_the_kind_follows_from_the_keys(declared, kind):
    assert case_from_dict(declared).kind == kind


def test_the_identity_names_kind_class_and_place():
    assert case_from_dict(LAYER, "tests.somewhere", 3).id == "layers.ScaledDense[3]"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refrence": None}, "Received: refrence"),
        ({"exempt": {"C1": "because"}}, "never C1, C2, C10, C11, C13"),
        ({"exempt": {"C14": "because"}}, "`exempt` may name C3 to C9"),
        ({"exempt": {"C9": " "}}, "reason in words"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        case_from_dict({**LAYER, **changes})


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"cls": ScaledDense}, r"must have .* `input_shape` .*Received: \['cls'\] in a\[1\]"),
        ({"input_shape": (2, 4)}, r"must have .* `input_shape` .*Received: \['input_shape'\] in a\[1\]"),
        (
            {"cls": keras.losses.Huber, "y_pred": 2},
            r"of a loss must have .*Received none for y_true in a\[1\]",
        ),
        (
            {"cls": keras.metrics.Mean, "updates": []},
            r"of a metric must .*Received none for expected in a\[1\]",
        ),
        ({"build": small_model}, "A model needs `input_shape` or `inputs`. Received neither for small_model"),
    ],
)
def test_a_case_with_nothing_to_check_is_refused(declared, message):
    with pytest.raises(ValueError, match=message):
        case_from_dict(declared, "a", 1)


@pytest.mark.parametrize("check", [check_layer, check_loss, check_metric, check_model])
def test_an_argument_that_a_check_does_not_have_is_refused_by_name(check):
    required = [one.name for one in inspect.signature(check).parameters.values() if one.default is one.empty]
    with pytest.raises(TypeError, match="unexpected keyword argument 'refrence'"):
        check(**dict.fromkeys(required), refrence=None)


def test_a_check_describes_its_arguments_as_its_case_does():
    parameters = list(inspect.signature(check_layer).parameters)
    assert parameters[:3] == ["cls", "init_kwargs", "input_shape"] and parameters[-1] == "exempt"
    for documented in (check_layer, LayerCase):
        assert "    reference: Function `reference(inputs, weights, **init_kwargs)`" in documented.__doc__


def test_an_unknown_status_is_refused():
    with pytest.raises(ValueError, match="status='good'"):
        Outcome("a", "C1", "good")


def test_no_exemption_from_the_config():
    with pytest.raises(ValueError, match="never C1"):
        check_layer(ScaledDense, DENSE, (2, 4), exempt={"C1": "too hard"})


def test_inputs_have_no_ties_and_no_zeros():
    values = make_inputs((2, 8, 9, 3))
    assert values.dtype == "float32"
    assert len(np.unique(np.abs(values))) == values.size and np.abs(values).min() > 0


def test_inputs_follow_the_structure_of_shapes_and_dtypes():
    made = make_inputs(
        {"image": (2, 3), "box": ((2, 4), (2,))}, {"image": "float64", "box": ("uint8", "bool")}
    )
    assert made["image"].dtype == "float64"
    assert [array.dtype for array in made["box"]] == ["uint8", "bool"]
    assert not np.array_equal(made["image"].ravel()[:2], made["box"][0].ravel()[:2])


def test_inputs_depend_on_the_seed_only():
    np.testing.assert_array_equal(make_inputs((3, 4), seed=1), make_inputs((3, 4), seed=1))
    assert not np.array_equal(make_inputs((3, 4), seed=1), make_inputs((3, 4), seed=2))


def test_layers_among_the_arguments_are_cloned():
    inner = keras.layers.Dense(3)
    case = LayerCase(cls=keras.layers.TimeDistributed, init_kwargs={"layer": inner}, input_shape=(2, 5, 4))
    first, second = case.make(), case.make()
    assert first.layer is not inner and first.layer is not second.layer


def test_a_ready_component_has_no_zero_weight_and_prepare_has_the_last_word():
    case = LayerCase(cls=ScaledDense, init_kwargs=DENSE, input_shape=(2, 4))
    assert np.abs(case.ready().get_weights()[1]).min() > 0
    prepared = LayerCase(**LAYER, prepare=lambda layer: layer.bias.assign(np.full(3, 7.0))).ready()
    np.testing.assert_array_equal(prepared.get_weights()[1], np.full(3, 7.0))
