"""parametrize_with_checks: one test per case and guarantee, with an id that names both."""

import pytest

from keras_cnn_zoo.testing import CallbackCase, ContractError, LayerCase, Outcome, parametrize_with_checks
from keras_cnn_zoo.testing import parametrize as module
from tests.helpers import run_python
from tests.testing.parts import DENSE, LOGS, Patience, ScaledDense, register, scaled_dense

LAYER = LayerCase(ScaledDense, DENSE, (2, 4), reference=scaled_dense)


@register
class WrongDense(ScaledDense):
    """A wrong formula."""

    def call(self, inputs, training=False):
        return 2 * super().call(inputs)


def parameters(cases):
    """Returns {id: (case, check)} of the decorator."""
    (_, values) = parametrize_with_checks(cases).mark.args
    return {parameter.id: parameter.values for parameter in values}


def test_ids_name_the_case_and_the_guarantee():
    found = parameters([LAYER, CallbackCase(Patience, {"epochs": 2}, LOGS, expected=6), LAYER])
    assert [name for name in found if name.startswith("ScaledDense-")] == [
        "ScaledDense-C1 config",
        "ScaledDense-C2 save and load",
        "ScaledDense-C3 output shapes",
        "ScaledDense-C4 precision",
        "ScaledDense-C5 channels_first",
        "ScaledDense-C6 XLA",
        "ScaledDense-C7 gradients",
        "ScaledDense-C8 backends",
        "ScaledDense-C9 CUDA and TPU",
        "ScaledDense-C10 reproducibility",
        "ScaledDense-C11 bad arguments",
        "ScaledDense-C12 export",
        "ScaledDense-C13 reference",
    ]
    assert [name for name in found if name.startswith("Patience")] == [
        "Patience-C10 reproducibility",
        "Patience-C11 bad arguments",
        "Patience-C13 reference",
    ]
    assert "ScaledDense 2-C1 config" in found
    assert len({case.id for case, _ in found.values()}) == 3


@parametrize_with_checks([CallbackCase(Patience, {"epochs": 2}, LOGS, expected=6)])
def test_the_decorator_runs_here_too(case, check):
    check(case)


def test_a_broken_guarantee_fails_its_test_only():
    found = parameters([LayerCase(WrongDense, DENSE, (2, 4), reference=scaled_dense)])
    for name, (case, check) in found.items():
        if "C13" in name:
            with pytest.raises(ContractError, match="^C13 reference: WrongDense: inference differs"):
                check(case)
        elif "C1 " in name or "C10" in name:
            check(case)


def test_what_cannot_run_or_does_not_apply_is_skipped_with_the_reason():
    found = parameters([LayerCase(ScaledDense, DENSE, (2, 4), exempt={"C12": "no file is needed"})])
    for name, message in (
        ("C13 reference", "no reference was given"),
        ("C5 channels_first", "not applicable: inputs of rank 2"),
        ("C12 export", "no file is needed"),
    ):
        case, check = found[f"ScaledDense-{name}"]
        with pytest.raises(pytest.skip.Exception, match=message):
            check(case)


@pytest.mark.parametrize(("status", "error"), [("pass", None), ("fail", ContractError), ("not run", "skip")])
def test_all_cases_run_on_the_other_backends_once(monkeypatch, status, error):
    calls = []

    def run_elsewhere(cases):
        calls.append([case.id for case in cases])
        return [Outcome(case.id, key, status, "as faked") for case in cases for key in ("C8", "C9")]

    monkeypatch.setattr(module, "run_elsewhere", run_elsewhere)
    found = parameters([LAYER, CallbackCase(Patience, {"epochs": 2}, LOGS, expected=6), LAYER])
    for name in ("ScaledDense-C8 backends", "ScaledDense 2-C9 CUDA and TPU"):
        case, check = found[name]
        if error is None:
            check(case)
        else:
            expected = pytest.skip.Exception if error == "skip" else error
            with pytest.raises(expected, match="as faked"):
                check(case)
    assert calls == [["layers.ScaledDense[0]", "layers.ScaledDense[2]"]]


def test_what_is_not_a_case_is_refused():
    with pytest.raises(ValueError, match="`cases` must be a list of cases, .* Received: <class"):
        parametrize_with_checks([ScaledDense])


SUITE = """
import keras
from keras_cnn_zoo.testing import LayerCase, parametrize_with_checks
from tests.helpers import run_python
from tests.testing.parts import DENSE, ScaledDense, scaled_dense


@parametrize_with_checks([LayerCase(ScaledDense, DENSE, (2, 4), reference=scaled_dense)])
def test_contract(case, check):
    check(case)
"""


@pytest.mark.slow
def test_a_suite_of_a_third_party_runs(tmp_path):
    path = tmp_path / "test_mine.py"
    path.write_text(SUITE, encoding="utf-8")
    chosen = "not C4 and not C8 and not C9"  # The other backends run in test_scripts.py.
    done = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, path)
    assert "9 passed, 1 skipped, 3 deselected" in done.stdout, done.stdout
