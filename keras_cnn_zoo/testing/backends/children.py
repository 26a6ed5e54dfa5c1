"""One worker process at a time: started, watched, started again after a crash without what it crashed at."""

import collections
import dataclasses
import json
import os
import re
import subprocess
import sys
import time

from keras_cnn_zoo.testing.backends.job import BackendOutcome, read_journal

POLL_SECONDS = 0.1

Step = collections.namedtuple("Step", "guarantee ids")


@dataclasses.dataclass(frozen=True)
class Lane:
    """One process to run: a backend, the guarantees that it checks there, and its environment."""

    name: str
    backend: str
    guarantees: tuple
    environment: dict = dataclasses.field(default_factory=dict)
    worker: str = "keras_cnn_zoo.testing.backends.worker"


def child_environment(lane):
    """Returns the environment of a worker: this one, the backend, the import path, and no accelerator."""
    return {
        **os.environ,
        "KERAS_BACKEND": lane.backend,
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **lane.environment,
    }


def run_lane(lane, cases, folder, *, wanted, options, step_seconds, deadline, publish, stopped=lambda: False):
    """Runs the worker of `lane` over `cases` (addresses) until all `wanted` pairs have an outcome.

    `wanted` holds pairs (case id, guarantee), and `publish(outcome)` is called once for each as it becomes
    known. A step that takes longer than `step_seconds` for each of its cases, or runs past `deadline` (of
    `time.monotonic`), is a failure, as a crash is; the others go on in a new process.
    """
    settled, alone, attempt = set(), [], 0
    while len(settled) < len(wanted) and not stopped():
        left = [pair for pair in wanted if pair not in settled]
        journal = folder / f"{lane.name}_{attempt}.jsonl"
        job = folder / f"{lane.name}_{attempt}.json"
        job.write_text(
            json.dumps(
                {
                    "parent": os.getpid(),
                    "backend": lane.backend,
                    "lane": lane.name,
                    "folder": str(folder),
                    "journal": str(journal),
                    "cases": cases,
                    "left": left,
                    "alone": alone,
                    "options": options,
                }
            ),
            encoding="utf-8",
        )
        errors = folder / f"{lane.name}_{attempt}.stderr"
        watch = _Watch(publish, settled)
        ending = _run_worker(lane, job, journal, errors, watch, step_seconds, deadline, stopped)
        if ending is None or stopped():
            return
        reason = f"{ending}; its last lines: {tail(errors)}"
        step = watch.step
        if step is not None and len(step.ids) > 1 and time.monotonic() < deadline:
            alone = alone + [[name, step.guarantee] for name in step.ids]
        elif step is not None and time.monotonic() < deadline:
            _fail(lane, [pair for pair in left if pair[0] in step.ids], reason, publish, settled)
        else:
            _fail(lane, left, reason, publish, settled)
        attempt += 1


class _Watch:
    """Follows a journal: publishes outcomes, and knows the step that the worker is at."""

    def __init__(self, publish, settled):
        self.publish = publish
        self.settled = settled
        self.seen = 0
        self.step = None
        self.done = False

    def size(self):
        """Returns how many cases the worker is at: one before and between steps."""
        return len(self.step.ids) if self.step else 1

    def read(self, journal):
        """Takes in what is new; True where there was something."""
        records = read_journal(journal)[self.seen :]
        self.seen += len(records)
        for record in records:
            if "outcome" in record:
                outcome = BackendOutcome(**record["outcome"])
                self.settled.add((outcome.case_id, outcome.guarantee))
                self.publish(outcome)
            elif "at" in record:
                self.step = Step(record["guarantee"], record["at"])
            elif "finished" in record:
                self.step = None
            elif "done" in record:
                self.done = True
        return bool(records)


def _run_worker(lane, job, journal, errors, watch, step_seconds, deadline, stopped):
    """Runs one process to its end; None where it finished its work, else how it ended."""
    command = [sys.executable, "-m", lane.worker, str(job)]
    with open(errors, "wb") as stderr:
        process = subprocess.Popen(
            command, env=child_environment(lane), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
        )
        moved = time.monotonic()
        killed = None
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                now = time.monotonic()
                if watch.read(journal):
                    moved = now
                elif now - moved > (limit := step_seconds * watch.size()):
                    killed = f"the {lane.name} process was stopped after {limit:g} s without a result"
                elif now > deadline:
                    killed = f"the {lane.name} process was stopped, its time for all components over"
                if killed or stopped():
                    break
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    watch.read(journal)
    if watch.done:
        return None
    return killed or f"the {lane.name} process ended with code {process.returncode}"


def _fail(lane, pairs, reason, publish, settled):
    for case_id, guarantee in pairs:
        if (case_id, guarantee) in settled:
            continue
        settled.add((case_id, guarantee))
        publish(BackendOutcome(case_id, guarantee, "fail", reason, backend=lane.backend))


def tail(path, lines=12, characters=1500):
    """Returns the last lines of a text file, without those that TensorFlow and libtpu log at every start."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    kept = [line for line in text.strip().splitlines() if not re.match(r"WARNING: |[IW]0000 ", line)]
    return "\n".join(kept[-lines:])[-characters:] or "(none)"
