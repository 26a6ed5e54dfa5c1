"""What a child process is told (a job and its cases) and what it tells back (a journal, line by line)."""

import dataclasses
import importlib
import json
import os
import pathlib
import pickle
import time

import numpy as np

from keras_cnn_zoo.testing.case import Outcome, case_from_dict


@dataclasses.dataclass(frozen=True)
class BackendOutcome(Outcome):
    """An `Outcome` that says on which backend it was seen: "jax" or "torch"."""

    backend: str = ""


def send_case(case, folder, number):
    """How another process finds `case`: the module that declares it, else a pickle in `folder`.

    Raises TypeError where neither is possible, as for a class defined inside a function.
    """
    if case.module is not None and case.module != "__main__":
        return {"id": case.id, "number": number, "module": case.module, "index": case.index}
    path = pathlib.Path(folder) / f"case_{number}.pickle"
    try:
        path.write_bytes(pickle.dumps(dataclasses.replace(case, reference=None, expected=None)))
    except Exception as error:
        raise TypeError(f"{case.name} cannot be imported by another process ({error})") from error
    return {"id": case.id, "number": number, "pickle": str(path)}


def receive_case(address):
    """The `Case` that `send_case` described."""
    if "pickle" in address:
        return pickle.loads(pathlib.Path(address["pickle"]).read_bytes())
    module = importlib.import_module(address["module"])
    return case_from_dict(module.CASES[address["index"]], module=address["module"], index=address["index"])


def reference_path(folder, number):
    """Where the reference arrays of case `number` are."""
    return pathlib.Path(folder) / f"reference_{number}.npz"


def write_reference(folder, number, arrays):
    """Writes the reference of case `number`, or, for a text in place of the arrays, why there is none."""
    path = reference_path(folder, number)
    if isinstance(arrays, str):
        arrays = {"error": np.array(arrays)}
    with open(path.with_suffix(".writing"), "wb") as file:
        np.savez(file, **{name.replace("/", "|"): array for name, array in arrays.items()})
    os.replace(path.with_suffix(".writing"), path)


def wait_for_reference(folder, number, seconds, beat):
    """The arrays of case `number` as soon as the other process has written them; calls `beat()` meanwhile."""
    path, end = reference_path(folder, number), time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"no reference within {seconds:g} s")
        beat()
        time.sleep(0.2)
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name.replace("|", "/"): stored[name] for name in stored.files}
    if "error" in arrays:
        raise RuntimeError(f"the reference process could not run it: {arrays['error']}")
    return arrays


class Journal:
    """Appends records to a file, each closed at once, so that they outlive the process."""

    def __init__(self, path):
        self._path = path

    def write(self, **record):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def outcome(self, outcome):
        self.write(outcome=dataclasses.asdict(outcome))


def read_journal(path):
    """The records so far; a last line that the process did not finish is left out."""
    path = pathlib.Path(path)
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
