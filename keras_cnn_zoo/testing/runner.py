"""Running a case through the table of checks, and turning what happens into outcomes."""

from keras_cnn_zoo.testing import registry
from keras_cnn_zoo.testing.backends import run_elsewhere
from keras_cnn_zoo.testing.case import Case
from keras_cnn_zoo.testing.guarantees import (
    GUARANTEES,
    Broken,
    ContractError,
    NotApplicable,
    NotRun,
    Outcome,
    Waived,
)


def run_guarantee(case, guarantee, check):
    """Returns the `Outcome` of one check, and the `ContractError` if it failed, else None.

    An exception of any other kind is a broken guarantee too: the check met something that must not happen.
    """
    if guarantee in case.exempt:
        return Outcome(case.id, guarantee, "exempt", case.exempt[guarantee]), None
    try:
        check(case)
    except NotApplicable as reason:
        return Outcome(case.id, guarantee, "exempt", f"not applicable: {reason}"), None
    except NotRun as reason:
        return Outcome(case.id, guarantee, "not run", str(reason)), None
    except Waived as reason:
        return Outcome(case.id, guarantee, "exempt", str(reason)), None
    except Exception as cause:
        error = contract_error(guarantee, case, cause)
        return Outcome(case.id, guarantee, "fail", str(error)), error
    return Outcome(case.id, guarantee, "pass"), None


def contract_error(guarantee, case, cause):
    """Returns the `ContractError` for what a check raised, with that as its cause."""
    if isinstance(cause, Broken):
        error = ContractError(guarantee, case, cause.what, cause.advice, topic=cause.topic)
    else:
        what = f"raises {type(cause).__name__}: {cause}"
        error = ContractError(guarantee, case, what, "see the traceback above this one")
    error.__cause__ = cause
    return error


def run_case(case, *, thorough=True):
    """Checks every guarantee that this process can check on the current backend, and collects failures.

    Args:
        case: A `Case`, for example from `case_from_dict`.
        thorough: False for the eager checks only (C1, C2 from the config, C3, C4 in float32, C10, C13), which
            is what further cases of a component need. Defaults to True.

    Returns:
        List of `Outcome`, in the order of the guarantees.
    """
    return _ordered(outcome for outcome, _ in _outcomes(case, thorough))


def check_case(case):
    """Checks every guarantee in this process and, if the component can be sent there, on the other backends.

    Returns:
        List of `Outcome`, in the order of the guarantees.

    Raises:
        ContractError: at the first guarantee that is broken.
    """
    outcomes = []
    for outcome, error in _outcomes(case, thorough=True):
        if error is not None:
            raise error
        outcomes.append(outcome)
    elsewhere = run_elsewhere([case])
    for outcome in elsewhere:
        if outcome.status == "fail":
            raise elsewhere_error(case, outcome)
    return _ordered([*outcomes, *elsewhere])


def elsewhere_error(case, outcome):
    """Returns the `ContractError` for a failure on another backend."""
    advice = "run the component on that backend, with KERAS_BACKEND set, to see more"
    return ContractError(outcome.guarantee, case, outcome.detail, advice)


def _outcomes(case, thorough):
    if not isinstance(case, Case):
        raise ValueError(f"`case` must be a Case. Received: case={case!r}")
    for guarantee, reason in registry.NOT_APPLICABLE.get(case.kind, {}).items():
        yield Outcome(case.id, guarantee, "exempt", f"not applicable: {reason}"), None
    table = registry.CHECKS if thorough else registry.EAGER_CHECKS
    for guarantee, check in table[case.kind].items():
        yield run_guarantee(case, guarantee, check)


def _ordered(outcomes):
    names = list(GUARANTEES)
    return sorted(outcomes, key=lambda outcome: names.index(outcome.guarantee))
