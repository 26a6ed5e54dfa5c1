"""Running a case through the table of checks, and turning what happens into outcomes."""

from keras_cnn_zoo.testing import registry
from keras_cnn_zoo.testing.case import GUARANTEES, Case, ContractError, NotApplicable, NotRun, Outcome, Waived


def run_guarantee(case, guarantee, check):
    """The `Outcome` of one check, and the `ContractError` where it failed, else None.

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
    except ContractError as error:
        return Outcome(case.id, guarantee, "fail", str(error)), error
    except Exception as error:
        wrapped = ContractError(
            guarantee, case, f"raises {type(error).__name__}: {error}", "see the traceback above this one"
        )
        wrapped.__cause__ = error
        return Outcome(case.id, guarantee, "fail", str(wrapped)), wrapped
    return Outcome(case.id, guarantee, "pass"), None


def run_case(case, *, thorough=True):
    """Every guarantee that this process can check on the current backend, failures collected.

    Args:
        case: A `Case`, for example from `case_from_dict`.
        thorough: False for the eager checks only (C1, C2 from the config, C3, C4 in float32, C10, C13), which
            is what further cases of a component need. Defaults to True.

    Returns:
        List of `Outcome`, in the order of the guarantees.
    """
    return _ordered(outcome for outcome, _ in _outcomes(case, thorough))


def check_case(case):
    """Every guarantee here and, where the component can be imported there, on the other backends.

    Returns:
        List of `Outcome`, in the order of the guarantees.

    Raises:
        ContractError: At the first guarantee that is broken.
    """
    outcomes = []
    for outcome, error in _outcomes(case, thorough=True):
        if error is not None:
            raise error
        outcomes.append(outcome)
    elsewhere = _run_elsewhere(case)
    for outcome in elsewhere:
        if outcome.status == "fail":
            advice = "run the component on that backend, with KERAS_BACKEND set, to see more"
            raise ContractError(outcome.guarantee, case, outcome.detail, advice)
    return _ordered([*outcomes, *elsewhere])


def _outcomes(case, thorough):
    if not isinstance(case, Case):
        raise ValueError(f"`case` must be a Case. Received: case={case!r}")
    for guarantee, reason in registry.NOT_APPLICABLE.get(case.kind, {}).items():
        yield Outcome(case.id, guarantee, "exempt", f"not applicable: {reason}"), None
    table = registry.CHECKS if thorough else registry.EAGER_CHECKS
    for guarantee, check in table[case.kind].items():
        yield run_guarantee(case, guarantee, check)


def _run_elsewhere(case):
    """The guarantees that need other processes."""
    from keras_cnn_zoo.testing.backends import run_elsewhere

    return list(run_elsewhere([case]))


def _ordered(outcomes):
    names = list(GUARANTEES)
    return sorted(outcomes, key=lambda outcome: names.index(outcome.guarantee))
