"""The order of the tests: slow ones first in the part of each process."""

import collections

import pytest

from tests.conftest import pytest_collection_modifyitems

Item = collections.namedtuple("Item", "nodeid slow")
Item.get_closest_marker = lambda self, name: self.slow or None


@pytest.mark.parametrize("processes", [1, 2, 3, 20])
def test_each_part_begins_with_slow_tests_and_no_test_is_lost(monkeypatch, processes):
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(processes))
    given = [
        Item(f"tests/test_{module}.py::test[{number}]", slow=number % 4 == module % 4)
        for module in range(6)
        for number in range(10)
    ]
    items = list(given)
    pytest_collection_modifyitems(items)
    assert sorted(items) == sorted(given)
    size = len(given) // processes
    if processes <= 3:
        parts = [items[place * size : (place + 1) * size] for place in range(processes)]
        for part in parts:
            marks = [item.slow for item in part]
            assert any(marks) and marks == sorted(marks, reverse=True)
        modules = [{item.nodeid.partition("::")[0] for item in part if item.slow} for part in parts]
        assert sum(map(len, modules)) == 6, "the slow tests of a module are in several parts"
