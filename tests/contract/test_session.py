"""Exemptions: in force where needed, noticed where not; and what counts as a failure in CI."""

import concurrent.futures.process

import keras
import pytest

from keras_cnn_zoo.testing import Outcome, case_from_dict
from tests.contract import session as sessions
from tests.contract.collection import Item, collect, declares_cases
from tests.contract.separate import SeparateProcess
from tests.contract.session import ContractSession, failures
from tests.testing.backends import samples


class Part(keras.layers.Layer):
    """Nothing; its checks are replaced in these tests."""


def item(exemptions=None):
    return Item(case_from_dict({"cls": Part, "input_shape": (2, 3)}), True, exemptions or {})


class FakeElsewhere:
    """Gives the same status for every guarantee of a backend."""

    def __init__(self, status):
        self.status = status

    def outcomes(self, case, backend):
        return [Outcome(case.id, guarantee, self.status, "as faked") for guarantee in ("C4", "C8")]


def run(monkeypatch, *, here, there, exemptions):
    """Returns a session after one component ran everywhere; `here` is the bare status of C7 and C4."""

    def run_case(case, *, thorough):
        return [
            Outcome(case.id, name, "exempt", case.exempt[name])
            if name in case.exempt
            else Outcome(case.id, name, here, "as faked")
            for name in ("C4", "C7")
        ]

    monkeypatch.setattr(sessions, "run_case", run_case)
    session = ContractSession()
    session.elsewhere = FakeElsewhere(there)
    part = item(exemptions)
    outcomes = session.run_here(part)
    for backend in ("jax", "torch"):
        outcomes += session.run_there(part, backend)
    session.elsewhere = None
    return session, outcomes


def test_exempted_failures_are_exempt_and_not_stale(monkeypatch):
    exemptions = {"C4": "why 4", "C7": "why 7", "C8": "why 8"}
    session, outcomes = run(monkeypatch, here="fail", there="fail", exemptions=exemptions)
    assert {outcome.status for outcome in outcomes} == {"exempt"}
    assert failures(outcomes) == []
    assert not any(session.stale("Part", guarantee) for guarantee in exemptions)


def test_exemptions_from_what_holds_are_stale(monkeypatch):
    exemptions = {"C4": "why 4", "C7": "why 7", "C8": "why 8"}
    session, _ = run(monkeypatch, here="pass", there="pass", exemptions=exemptions)
    assert all(session.stale("Part", guarantee) for guarantee in exemptions)
    assert session.stale("Part", "C7 finite differences")


def test_one_backend_that_needs_it_keeps_an_exemption(monkeypatch):
    session, _ = run(monkeypatch, here="pass", there="fail", exemptions={"C4": "why", "C7": "why"})
    assert session.stale("Part", "C4") is False
    assert session.stale("Part", "C7") is True


def test_what_did_not_run_is_not_called_stale():
    session = ContractSession()
    assert session.stale("Part", "C8") is None


@pytest.mark.parametrize("status", ["fail", "pass", "not run"])
def test_failures(monkeypatch, status):
    outcomes = [Outcome("layers.Part[0]", "C8", status, "the detail")]
    monkeypatch.delenv("CI", raising=False)
    assert failures(outcomes) == (["the detail"] if status == "fail" else [])
    monkeypatch.setenv("CI", "true")
    assert bool(failures(outcomes)) == (status != "pass")


def test_collect_marks_the_first_case_of_a_component():
    items = collect(exemptions={})
    firsts = [found.case.name for found in items if found.first]
    assert len(firsts) == len(set(firsts)) == len({found.case.name for found in items})
    assert len({found.case.id for found in items}) == len(items)


def test_declares_cases_reads_the_top_level_only(tmp_path):
    path = tmp_path / "test_x.py"
    path.write_text("def f():\n    CASES = []\n")
    assert not declares_cases(path)
    path.write_text("CASES = []\n")
    assert declares_cases(path)


def test_a_model_is_checked_in_a_separate_process(monkeypatch):
    def run_case(case, *, thorough):
        raise AssertionError("ran in this process")

    monkeypatch.setattr(sessions, "run_case", run_case)
    session = ContractSession()
    ran = []
    monkeypatch.setattr(session.separate, "run_case", lambda case, thorough: ran.append(case.name) or [])
    model = case_from_dict({"build": keras.Sequential, "input_shape": (2, 3)})
    session.run_here(Item(model, True, {}))
    assert ran == ["Sequential"]


def test_the_thorough_checks_of_models_begin_at_once(monkeypatch):
    session, begun = ContractSession(), []
    monkeypatch.setattr(session.separate, "begin", lambda case, thorough: begun.append((case, thorough)))
    model = case_from_dict({"build": keras.Sequential, "input_shape": (2, 3)})
    session.begin_models([item(), Item(model, True, {"C6": "why"}), Item(model, False, {})])
    assert [(case.name, case.exempt, thorough) for case, thorough in begun] == [
        ("Sequential", {"C6": "why"}, True)
    ]


def sample(cls):
    """Returns the case of `samples` with a class."""
    place = next(place for place, case in enumerate(samples.CASES) if case.get("cls") is cls)
    return case_from_dict(samples.CASES[place], module=samples.__name__, index=place)


@pytest.mark.slow
def test_a_crash_of_a_separate_process_is_that_of_one_case():
    separate = SeparateProcess()
    crashing, good = sample(samples.CrashesInAPool), sample(samples.Square)
    for case in (crashing, good):
        separate.begin(case, thorough=False)
    with pytest.raises(concurrent.futures.process.BrokenProcessPool):
        separate.run_case(crashing, thorough=False)
    outcomes = separate.run_case(good, thorough=False)
    separate.stop()
    assert {outcome.guarantee: outcome.status for outcome in outcomes}["C10"] == "pass"
    assert separate.peak > 100
