"""Starts the other backends as soon as the tests are collected; prints the matrix and peak memory at the end.

CONTRACT_MATRIX=PATH.md also writes it there, which refreshes `docs/contract_matrix.md` (`make matrix`).
"""

import os
import pathlib

import pytest

from tests.contract.session import CACHE, ContractSession

KEY = pytest.StashKey()
LAST = ("test_elsewhere", "test_no_exemption_is_stale")


@pytest.fixture(scope="session")
def contract(pytestconfig):
    """Returns the one `ContractSession` of this run."""
    return pytestconfig.stash[KEY]


def pytest_configure(config):
    config.stash[KEY] = ContractSession()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Tests that wait for another backend come last, so that everything else runs meanwhile."""
    items.sort(key=lambda item: getattr(item, "originalname", "") in LAST)


def pytest_collection_finish(session):
    """Starts what was selected."""
    contract = session.config.stash[KEY]
    here, chosen, backends = [], {}, {}
    for test in session.items:
        name = getattr(test, "originalname", "")
        if name == "test_here":
            here.append(test.callspec.params["item"])
        elif name == "test_elsewhere":
            item = test.callspec.params["item"]
            chosen[item.case.id] = item
            backends[test.callspec.params["backend"]] = None
    if session.config.option.collectonly:
        return
    contract.begin_models(here)
    if chosen:
        contract.start(list(chosen.values()), list(backends))


def pytest_sessionfinish(session):
    session.config.stash[KEY].stop()


def pytest_terminal_summary(terminalreporter, config):
    """Prints the matrix, and writes it."""
    matrix = config.stash[KEY].matrix
    if not matrix.rows():
        return
    terminalreporter.section("contract")
    for line in matrix.lines():
        terminalreporter.write_line(line)
    peaks = config.stash[KEY].peaks
    terminalreporter.write_line(
        "peak memory: " + ", ".join(f"{name} {size} MB" for name, size in peaks.items())
    )
    matrix.write(CACHE)
    terminalreporter.write_line(f"written to {CACHE / 'matrix.md'} and matrix.json")
    page = os.environ.get("CONTRACT_MATRIX")
    if page and (matrix.counts()["fail"] or matrix.counts()["not run"]):
        terminalreporter.write_line(f"{page} is left as it was: the matrix has failures, or gaps")
    elif page:
        pathlib.Path(page).write_text(matrix.as_markdown(), encoding="utf-8")
        terminalreporter.write_line(f"written to {page}")
