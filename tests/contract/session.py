"""The state of one pytest session: runs on other backends, outcomes, exemptions that were needed."""

import dataclasses
import os

from keras_cnn_zoo.testing import memory, run_case
from keras_cnn_zoo.testing.backends import Elsewhere
from keras_cnn_zoo.testing.backends.elsewhere import BACKENDS
from tests.contract.collection import ROOT
from tests.contract.matrix import Matrix, unavailable
from tests.contract.separate import SeparateProcess

CACHE = ROOT / ".cache" / "contract"

MOST_MEMORY = 2500
"""Memory in MB from which this process gives some back after a component, which takes a third of a second."""

SOURCES = {"C4": ("here", *BACKENDS), "C8": BACKENDS, "C9": ("jax",)}
"""Where each guarantee is checked; those not named, in this process only."""


class ContractSession:
    """Runs items and keeps the matrix; `start` begins the background runs."""

    def __init__(self):
        self.matrix = Matrix()
        self.elsewhere = None
        self.separate = SeparateProcess()
        self.bare = {}
        self.peaks = {}
        """Peak memory in MB of each process that finished, known after `stop`."""

    def begin_models(self, items):
        """Starts the thorough checks of models, which `run_here` waits for."""
        for item in items:
            if _runs_separately(item):
                self.separate.begin(item.exempted(), thorough=True)

    def start(self, items, backends):
        """Starts the other backends on `items`, and writes the numbers that they are to compare with."""
        cases = [dataclasses.replace(item.case, exempt={}) for item in items]
        self.elsewhere = Elsewhere(cases, backends=backends, cache=CACHE)
        self.elsewhere.__enter__()
        self.elsewhere.write_references(between=lambda: memory.release(above=MOST_MEMORY))

    def stop(self):
        """Ends the background runs, finished or not."""
        if self.elsewhere is not None:
            self.elsewhere.__exit__(None, None, None)
            self.peaks.update(self.elsewhere.peaks)
            self.elsewhere = None
        self.separate.stop()
        self.peaks |= {"pytest": memory.peak(), "models": self.separate.peak}

    def run_here(self, item):
        """Returns the outcomes of the in-process checks."""
        if item.exemptions:
            bare = dataclasses.replace(item.case, exempt={})
            self._note_bare(item, self._run(item, bare), "here")
        outcomes = self._run(item, item.exempted())
        self.matrix.add(item.component, outcomes)
        if item.first:
            memory.release(above=MOST_MEMORY)
        return outcomes

    def _run(self, item, case):
        run = self.separate.run_case if _runs_separately(item) else run_case
        return run(case, thorough=item.first)

    def run_there(self, item, backend):
        """Returns the outcomes on another backend, waited for."""
        outcomes = self.elsewhere.outcomes(item.case, backend)
        self._note_bare(item, outcomes, backend)
        outcomes = [self._exempted(item, outcome) for outcome in outcomes]
        self.matrix.add(item.component, outcomes, backend)
        return outcomes

    def stale(self, component, guarantee):
        """Returns whether every check of an exempted guarantee passed without it; None if not all ran."""
        guarantee = guarantee.split()[0]
        sources = SOURCES.get(guarantee, ("here",))
        seen = [self.bare.get((component, guarantee, source)) for source in sources]
        if "fail" in seen:
            return False
        return None if None in seen else all(status == "pass" for status in seen)

    def _exempted(self, item, outcome):
        reason = item.exemptions.get(outcome.guarantee)
        if outcome.status == "fail" and reason is not None:
            return dataclasses.replace(outcome, status="exempt", detail=reason)
        return outcome

    def _note_bare(self, item, outcomes, source):
        for outcome in outcomes:
            key = (item.case.name, outcome.guarantee, source)
            if self.bare.get(key) != "fail":
                self.bare[key] = outcome.status


def _runs_separately(item):
    """Returns whether a case compiles the training step of a model, which takes most memory."""
    return item.case.kind == "model" and item.first


def failures(outcomes):
    """Returns what makes a test fail: broken guarantees, and in CI those not run without an excuse."""
    broken = [outcome.detail for outcome in outcomes if outcome.status == "fail"]
    if os.environ.get("CI", "").lower() in ("true", "1"):
        broken += [
            f"{outcome.guarantee} was not run: {outcome.detail}"
            for outcome in outcomes
            if outcome.status == "not run" and unavailable(outcome.guarantee) is None
        ]
    return broken
