"""Layers that are right here and wrong elsewhere are caught under their guarantee, by real workers."""

import dataclasses
import importlib.util
import json
import sys
import threading

import keras
import numpy as np
import pytest

from keras_cnn_zoo.testing import LayerCase, case_from_dict
from keras_cnn_zoo.testing.backends import Elsewhere, elsewhere, run_elsewhere
from keras_cnn_zoo.testing.backends.job import receive_case, send_case
from tests.helpers import run_python
from tests.testing.backends import samples

SAMPLES = [
    case_from_dict(declared, module=samples.__name__, index=index)
    for index, declared in enumerate(samples.CASES)
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Returns {(component, backend, guarantee): outcomes} of all samples."""
    found = {}
    for outcome in run_elsewhere(SAMPLES, cache=tmp_path_factory.mktemp("cache"), step_seconds=120):
        name = outcome.case_id.split(".")[1].split("[")[0]
        found.setdefault((name, outcome.backend, outcome.guarantee), []).append(outcome)
    return found


def broken(outcomes, name, backend):
    """Returns {guarantee: what broke} of one component."""
    return {
        guarantee: " | ".join(outcome.detail for outcome in found if outcome.status == "fail")
        for (component, where, guarantee), found in outcomes.items()
        if component == name and where == backend and any(outcome.status == "fail" for outcome in found)
    }


needs_jax = pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")
needs_tpu = pytest.mark.skipif(not importlib.util.find_spec("libtpu"), reason="libtpu is not installed")
needs_torch = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")

RIGHT = ("Scale", "Noisy", "Double", "Square", "HeNormal", "MeanSquaredError", "small_model")


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize(
    "backend", [pytest.param("jax", marks=needs_jax), pytest.param("torch", marks=needs_torch)]
)
def test_what_is_right_passes(outcomes, name, backend):
    assert broken(outcomes, name, backend) == {}
    statuses = {o.status for key, found in outcomes.items() if key[:2] == (name, backend) for o in found}
    assert "pass" in statuses


@pytest.mark.slow
@needs_jax
@pytest.mark.parametrize(
    ("name", "guarantee", "message"),
    [
        ("WrongOnJax", "C8", "inference output 0"),
        ("WrongGradientOnJax", "C8", "inference weight gradient 0"),
        ("SameDrawOnJax", "C8", "of the draws at"),
        ("CrashesOnJax", "C8", "the last words of the process"),
        ("Demotes", "C4", "in float64: inference output 0"),
        ("NotFiniteInHalf", "C4", "is not finite under mixed_float16"),
        pytest.param("NotForTpu", "C9", "translation rule for primitive 'eig' not found", marks=needs_tpu),
    ],
)
def test_what_is_wrong_on_jax_is_caught(outcomes, name, guarantee, message):
    assert message in broken(outcomes, name, "jax").get(guarantee, "")


@pytest.mark.slow
@needs_jax
@pytest.mark.parametrize("name", ["Demotes", "NotFiniteInHalf", "NotForTpu"])
def test_one_fault_breaks_one_guarantee(outcomes, name):
    assert len(broken(outcomes, name, "jax")) == 1


@pytest.mark.slow
@needs_torch
@pytest.mark.parametrize(
    ("name", "guarantee", "message"),
    [
        ("Demotes", "C4", "inference output 0"),
        ("WarnsOnTorch", "C8", "UserWarning: "),
    ],
)
def test_what_is_wrong_on_torch_is_caught(outcomes, name, guarantee, message):
    assert message in broken(outcomes, name, "torch").get(guarantee, "")


@pytest.mark.slow
@needs_torch
@pytest.mark.parametrize("name", ["WrongOnJax", "WrongGradientOnJax", "SameDrawOnJax", "CrashesOnJax"])
def test_what_is_wrong_on_jax_only_passes_on_torch(outcomes, name):
    assert broken(outcomes, name, "torch") == {}


def without(monkeypatch, library):
    """As if `library` were not installed."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        elsewhere.importlib.util, "find_spec", lambda name: None if name == library else find_spec(name)
    )


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_missing_backend_is_not_run_with_the_reason(monkeypatch, tmp_path, backend):
    without(monkeypatch, backend)
    found = run_elsewhere(SAMPLES[:2], backends=(backend,), cache=tmp_path)
    assert {outcome.status for outcome in found} == {"not run"}
    assert all(f"{backend} is not installed" in outcome.detail for outcome in found)
    assert {outcome.case_id for outcome in found} == {case.id for case in SAMPLES[:2]}


@pytest.mark.slow
def test_a_class_that_no_other_process_can_import_is_sent_by_value(tmp_path):
    register = keras.saving.register_keras_serializable(package="keras_cnn_zoo_tests")

    class Local(samples.Scale):
        factor = 3

    case = LayerCase(register(Local), {}, input_shape=(3, 4), prepare=lambda layer: None)
    address = send_case(case, tmp_path, 0)
    code = (
        "import json, sys; from keras_cnn_zoo.testing.backends.job import receive_case;"
        "import keras; layer = receive_case(json.loads(sys.argv[1])).make();"
        "print(layer.factor, type(keras.saving.deserialize_keras_object("
        "keras.saving.serialize_keras_object(layer))) is type(layer))"
    )
    found = run_python("-c", code, json.dumps(address))
    assert found.stdout.split() == ["3", "True"], found.stderr


def test_a_case_that_cannot_be_pickled_is_not_run_with_the_reason(tmp_path):
    lock = threading.Lock()
    case = dataclasses.replace(SAMPLES[0], module=None, prepare=lambda layer: lock)
    found = run_elsewhere([case], backends=("torch",), cache=tmp_path)
    assert {outcome.status for outcome in found} == {"not run"}
    assert "Scale cannot be sent to another process (cannot pickle '_thread.lock'" in found[0].detail


def test_without_cloudpickle_what_can_be_imported_is_still_sent(monkeypatch, tmp_path):
    class Local(samples.Scale):
        pass

    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    case = LayerCase(samples.Scale, {}, (3, 4))
    assert receive_case(send_case(case, tmp_path, 0)).cls is samples.Scale
    with pytest.raises(TypeError, match="Local cannot be sent .* needs cloudpickle: install it"):
        send_case(dataclasses.replace(case, cls=Local), tmp_path, 1)


def test_a_guarantee_that_does_not_apply_is_reported_as_such(monkeypatch, tmp_path):
    without(monkeypatch, "jax")
    initializer = next(case for case in SAMPLES if case.kind == "initializer")
    found = run_elsewhere([initializer], backends=("jax",), cache=tmp_path)
    last = found[-1]
    assert (last.guarantee, last.status) == ("C9", "exempt")
    assert last.detail.startswith("not applicable")


def test_exempted_guarantee_is_exempt_with_its_reason(monkeypatch, tmp_path):
    case = dataclasses.replace(SAMPLES[0], exempt={"C8": "of no use"})
    runs = Elsewhere([case], backends=("torch",), cache=tmp_path)
    monkeypatch.setattr(runs, "_wait", lambda *_: [elsewhere.BackendOutcome(case.id, "C8", "fail", "broken")])
    (outcome,) = runs.outcomes(case, "torch")
    assert (outcome.status, outcome.detail) == ("exempt", "of no use")


def test_refusals():
    with pytest.raises(ValueError, match="`backends` may hold jax, torch. Received: 'numpy'"):
        Elsewhere(SAMPLES[:1], backends=("numpy",))
    with pytest.raises(ValueError, match="`cases` must differ in their ids. Received twice: layers.Scale"):
        Elsewhere([SAMPLES[0], SAMPLES[0]])


def test_pickled_case_keeps_what_a_worker_needs(tmp_path):
    case = dataclasses.replace(SAMPLES[1], module=None, reference=lambda inputs, weights: inputs)
    back = receive_case(send_case(case, tmp_path, 0))
    assert back.cls is samples.Noisy
    assert back.init_kwargs == {"seed": 1}
    np.testing.assert_array_equal(back.make_inputs(), case.make_inputs())


def test_reference_of_a_random_layer_holds_its_draws_statistics():
    from keras_cnn_zoo.testing.backends.reference import reference_arrays

    arrays = reference_arrays(SAMPLES[1])
    inputs, scale = arrays["input/0"], arrays["weight/0"]
    assert arrays["random"]
    np.testing.assert_allclose(arrays["float32/inference/output/0"], inputs * scale, rtol=1e-6)
    assert np.abs(arrays["draws/mean"] - inputs * scale / 2).max() < 0.25
    if keras.backend.backend() == "tensorflow":
        np.testing.assert_allclose(
            arrays["float64/inference/output/0"], inputs.astype("float64") * scale, rtol=1e-15
        )
