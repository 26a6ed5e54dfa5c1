"""Messages between processes: a job and its cases to a worker, and a journal, line by line, back from it."""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import pickle
import sys
import time

import keras
import numpy as np

from keras_cnn_zoo.testing.cases import case_from_dict
from keras_cnn_zoo.testing.guarantees import Outcome


@dataclasses.dataclass(frozen=True)
class BackendOutcome(Outcome):
    """An `Outcome` that says on which backend it was seen: "jax" or "torch"."""

    backend: str = ""


def send_case(case, folder, number):
    """Returns how another process finds `case`: the module that declares it, else a pickle in `folder`.

    Classes and functions that no other process can import, because they were defined in a script, a
    notebook, or a function, are pickled by value, together with their names in Keras' registry.

    Raises:
        TypeError: if the case cannot be pickled, or only with cloudpickle and that is not installed.
    """
    if case.module is not None and case.module != "__main__":
        return {"id": case.id, "number": number, "module": case.module, "index": case.index}
    path = pathlib.Path(folder) / f"case_{number}.pickle"
    try:
        path.write_bytes(_pickled(case.for_worker()))
    except Exception as error:
        raise TypeError(f"{case.name} cannot be sent to another process ({error})") from error
    return {"id": case.id, "number": number, "pickle": str(path)}


def receive_case(address):
    """Returns the `Case` that `send_case` described."""
    if "pickle" in address:
        case, registered = pickle.loads(pathlib.Path(address["pickle"]).read_bytes())
        keras.saving.get_custom_objects().update(registered)
        for name, cls in registered.items():
            package, _, name = name.rpartition(">")
            if package:
                keras.saving.register_keras_serializable(package, name)(cls)
        return case
    module = importlib.import_module(address["module"])
    return case_from_dict(module.CASES[address["index"]], module=address["module"], index=address["index"])


def _pickled(case):
    """Returns the bytes of a pair: the case, and the registered classes that only this process can import."""
    try:
        import cloudpickle
    except ImportError:
        component = getattr(case, "cls", None) or getattr(case, "build", None)
        if not is_importable(component):
            raise TypeError(
                "sending what no other process can import needs cloudpickle: install it"
            ) from None
        return pickle.dumps((case, {}))

    registered = {}
    for name, cls in keras.saving.get_custom_objects().items():
        if not is_importable(cls):
            # Left out: a class that the case does not use may hold something that cannot be pickled.
            with contextlib.suppress(Exception):
                cloudpickle.dumps(cls)
                registered[name] = cls
    return cloudpickle.dumps((case, registered))


def is_importable(item):
    """Returns whether another process finds a class or function under its module and name."""
    found = sys.modules.get(item.__module__) if item.__module__ != "__main__" else None
    for name in item.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is item


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
    """Waits for the arrays of case `number` from the other process, calling `beat()`; returns them."""
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
    """Returns the records so far; a last line that the process did not finish is left out."""
    path = pathlib.Path(path)
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
