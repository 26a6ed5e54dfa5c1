"""The steps of a worker, case by case: numbers (C8), dtypes (C4), and compilation for a TPU (C9)."""

import sys
import time
import traceback

from keras_cnn_zoo.testing import memory
from keras_cnn_zoo.testing.backends.checks import CaseOnBackend, Failed
from keras_cnn_zoo.testing.backends.job import BackendOutcome
from keras_cnn_zoo.testing.guarantees import NotRun

LARGE = 1800
"""Memory in MB from which it is given back between cases, and from which a batch for the TPU is compiled
before it is full: compiling takes memory too."""


class Stages:
    """Works off the pairs (case, guarantee) that a job has left, a record before and after each step."""

    def __init__(self, job, journal):
        self.job = job
        self.journal = journal
        self.backend = job["backend"]
        self.float64 = job["lane"].endswith("float64")
        self.left = {tuple(pair) for pair in job["left"]}
        self.alone = {tuple(pair) for pair in job["alone"]}
        self.ready_for_tpu = []

    def run(self):
        """Runs C8 and C4 case by case; what lowers is compiled in batches as soon as there are enough."""
        if self.backend == "jax":
            from keras_cnn_zoo.testing.backends import compilation

            compilation.compile_quickly(self.job["options"]["cache"])
        for address in self.job["cases"]:
            pairs = [pair for pair in self.left if pair[0] == address["id"]]
            if pairs:
                self._one_case(address, {guarantee for _, guarantee in pairs})
            if not self.ready_for_tpu:
                memory.release(above=LARGE)
            elif len(self.ready_for_tpu) >= self.job["options"]["batch"] or memory.used() > LARGE:
                self._compile()
        self._compile()

    def _one_case(self, address, guarantees):
        checks = CaseOnBackend(address, self.job, self.journal)
        for guarantee, check in (("C8", checks.same_numbers), ("C4", checks.dtypes)):
            if guarantee in guarantees:
                self._step(guarantee, address["id"], check)
        if "C9" in guarantees:
            self._queue(address["id"], checks)

    def _queue(self, case_id, checks):
        """Puts a case up for compilation; one that crashed a batch is compiled by itself."""
        self.journal.write(at=[case_id], guarantee="C9")
        try:
            case = checks.jax_case()
        except Exception:
            self._tell(case_id, "C9", "fail", short_traceback())
            return
        if (case_id, "C9") in self.alone:
            self._compile([case])
        else:
            self.ready_for_tpu.append(case)
            self.journal.write(finished=[case_id], guarantee="C9")

    def _step(self, guarantee, case_id, check):
        begun = time.process_time()
        self.journal.write(at=[case_id], guarantee=guarantee)
        status, detail = "pass", ""
        try:
            check()
        except Failed as failure:
            status, detail = "fail", str(failure)
        except NotRun as reason:
            status, detail = "not run", str(reason)
        except Exception:
            status, detail = "fail", short_traceback()
        self._tell(case_id, guarantee, status, detail)
        cpu = time.process_time() - begun
        self.journal.write(finished=[case_id], guarantee=guarantee, cpu=cpu, peak=memory.peak())

    def _compile(self, cases=None):
        from keras_cnn_zoo.testing.backends import compilation

        if cases is None:
            cases, self.ready_for_tpu = self.ready_for_tpu, []
        if not cases:
            return
        names = [case.case.id for case in cases]
        begun = time.process_time()
        self.journal.write(at=names, guarantee="C9")
        compiler = compilation.TpuCompiler(self.job["options"]["cache"])
        problems = {}
        # Small programs go together, which is much cheaper. The large ones of a model take a gigabyte each.
        together = [case.parts[0] for case in cases if len(case.parts) == 1]
        for parts in (together, *([part] for case in cases if len(case.parts) > 1 for part in case.parts)):
            problems |= compilation.find_problems(parts, compilation.lowering_problem)
            if compiler.missing is None:
                lowered = [part for part in parts if part.case.id not in problems and part.suits_tpu]
                problems |= compilation.find_problems(lowered, compiler.problem)
            if parts is not together:
                memory.release()
        for name in names:
            if name in problems:
                self._tell(name, "C9", "fail", problems[name])
            elif compiler.missing is not None:
                self._tell(name, "C9", "not run", compiler.missing)
            else:
                self._tell(name, "C9", "pass", "")
        cpu = time.process_time() - begun
        self.journal.write(finished=names, guarantee="C9", cpu=cpu, peak=memory.peak())
        memory.release()

    def _tell(self, case_id, guarantee, status, detail):
        if status != "pass":
            detail = f"on {self.backend}{' in float64' if self.float64 else ''}: {detail}"
        self.journal.outcome(BackendOutcome(case_id, guarantee, status, detail, backend=self.backend))


def short_traceback(frames=3):
    """Returns the innermost frames and the message of the exception that is being handled."""
    kind, error, trace = sys.exc_info()
    return "".join(traceback.format_exception(kind, error, trace, limit=-frames, chain=False)).strip()
