"""`parametrize_with_checks`: a pytest decorator that gives one test per case and guarantee."""

import collections
import dataclasses

from keras_cnn_zoo.testing import registry
from keras_cnn_zoo.testing.backends import APPLICABLE, run_elsewhere
from keras_cnn_zoo.testing.case import Case
from keras_cnn_zoo.testing.guarantees import GUARANTEES
from keras_cnn_zoo.testing.runner import elsewhere_error, run_guarantee


def parametrize_with_checks(cases):
    """Returns a pytest decorator that runs a test once per case and guarantee.

    The test gets a case and a check, and calls one with the other:

        @parametrize_with_checks([LayerCase(MyLayer, {"units": 3}, (2, 4))])
        def test_contract(case, check):
            check(case)

    Its ids are "MyLayer-C1 config", "MyLayer-C2 save and load", and so on; `pytest -k "MyLayer and C5"`
    selects one. A guarantee that does not apply to a kind of component has no test. One that cannot run here
    is skipped with the reason. The first test that needs another backend (C4, C8, C9) runs all cases of the
    decorator there, in one process per backend.

    Args:
        cases: List of cases, such as `LayerCase` or `LossCase`.

    Returns:
        A decorator of a function with the arguments `case` and `check`.

    Raises:
        ValueError: if something in `cases` is not a case.
    """
    import pytest

    cases = list(cases)
    wrong = [case for case in cases if not isinstance(case, Case)]
    if wrong:
        raise ValueError(f"`cases` must be a list of cases, such as LayerCase(...). Received: {wrong[0]!r}")
    # Ids of cases must differ, in messages and for the other processes.
    cases = [
        dataclasses.replace(case, index=position) if case.module is None else case
        for position, case in enumerate(cases)
    ]
    elsewhere = Elsewhere(cases)
    counts, parameters = collections.Counter(), []
    for case in cases:
        counts[case.name] += 1
        name = case.name if counts[case.name] == 1 else f"{case.name} {counts[case.name]}"
        for guarantee in guarantees_of(case):
            check = Check(guarantee, case.titles[guarantee], elsewhere)
            parameters.append(pytest.param(case, check, id=f"{name}-{check}"))
    return pytest.mark.parametrize(("case", "check"), parameters)


def guarantees_of(case):
    """Returns the guarantees that apply to a case, in their order."""
    applicable = {*registry.CHECKS[case.kind], *APPLICABLE.get(case.kind, ())}
    return [guarantee for guarantee in GUARANTEES if guarantee in applicable]


class Elsewhere:
    """The outcomes of some cases on the other backends, which are run when the first is asked for."""

    def __init__(self, cases):
        self.cases = [case for case in cases if case.kind in APPLICABLE]
        self._outcomes = None

    def outcomes(self, case, guarantee):
        """Returns the outcomes of a guarantee on a case."""
        if self._outcomes is None:
            self._outcomes = run_elsewhere(self.cases) if self.cases else []
        return [one for one in self._outcomes if (one.case_id, one.guarantee) == (case.id, guarantee)]


class Check:
    """One guarantee as a function of a case."""

    def __init__(self, guarantee, title, elsewhere):
        self.guarantee = guarantee
        self.title = title
        self._elsewhere = elsewhere

    def __repr__(self):
        return f"{self.guarantee} {self.title}"

    def __call__(self, case):
        """Raises `ContractError` if the guarantee is broken; skips the test if it was checked nowhere."""
        import pytest

        outcomes = []
        check = registry.CHECKS[case.kind].get(self.guarantee)
        if check is not None:
            outcome, error = run_guarantee(case, self.guarantee, check)
            if error is not None:
                raise error
            outcomes.append(outcome)
        if self.guarantee in APPLICABLE.get(case.kind, ()):
            outcomes += self._elsewhere.outcomes(case, self.guarantee)
        for outcome in outcomes:
            if outcome.status == "fail":
                raise elsewhere_error(case, outcome)
        if all(outcome.status != "pass" for outcome in outcomes):
            pytest.skip("; ".join(dict.fromkeys(outcome.detail for outcome in outcomes)))
