"""The contract on every public component: guarantees C1 to C13, here and on the other backends.

The first case of a component meets every check, further ones the eager checks only. The JAX and PyTorch
processes run in the background from the end of collection on.
"""

import pytest

from keras_cnn_zoo.testing.backends.elsewhere import BACKENDS
from tests.contract.collection import MOST_EXEMPTIONS, collect, read_exemptions
from tests.contract.session import failures

pytestmark = pytest.mark.contract

ITEMS = collect()


def by_id(items):
    return [pytest.param(item, id=item.case.id) for item in items]


@pytest.mark.parametrize("item", by_id(ITEMS))
def test_here(contract, item):
    broken = failures(contract.run_here(item))
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("item", by_id(item for item in ITEMS if item.first))
@pytest.mark.parametrize("backend", BACKENDS)
def test_elsewhere(contract, item, backend):
    outcomes = contract.run_there(item, backend)
    broken = failures(outcomes)
    assert not broken, "\n".join(broken)
    if outcomes and all(outcome.status == "not run" for outcome in outcomes):
        pytest.skip(outcomes[0].detail)


def test_exemptions_are_few_and_name_components():
    exemptions = read_exemptions()
    unknown = set(exemptions) - {item.case.name for item in ITEMS}
    assert not unknown, f"exemptions.json names components without a case: {sorted(unknown)}"
    count = sum(len(reasons) for reasons in exemptions.values())
    assert count <= MOST_EXEMPTIONS, f"{count} exemptions; {MOST_EXEMPTIONS} are allowed"


def test_exemptions_are_in_the_committed_file_only():
    own = [item.case.id for item in ITEMS if item.case.exempt]
    assert not own, f"move `exempt` of {own} to tests/contract/exemptions.json"


def test_no_exemption_is_stale(contract):
    stale = [
        f"{component} {guarantee}"
        for component, reasons in read_exemptions().items()
        for guarantee in reasons
        if contract.stale(component, guarantee)
    ]
    assert not stale, f"these pass without their exemption; delete it from exemptions.json: {stale}"
