"""The answers of `predict` on disk: written one by one, read as a sequence."""

import collections.abc
import json
import os

from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import atomic_path

FINAL = "predictions.json"
PART = "predictions.jsonl.part"


class Predictions(collections.abc.Sequence):
    """The answers in a finished `predictions.json`, read from disk when they are asked for.

    Args:
        path: a `predictions.json` as `predict` writes it: a JSON list with one object per line.
    """

    def __init__(self, path):
        self.path = str(path)
        self._starts = []
        with open(self.path, "rb") as file:
            start = 0
            for line in file:
                if line.startswith(b"{"):
                    self._starts.append(start)
                start += len(line)

    def __len__(self):
        return len(self._starts)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        with open(self.path, "rb") as file:
            file.seek(self._starts[index])
            return json.loads(file.readline().rstrip(b",\n"))


class PredictionLog:
    """Appends answers to `predictions.jsonl.part`, and turns it into `predictions.json` at the end.

    The first line of the file holds what the answers depend on. A run is resumed only with the same.

    Args:
        folder: the output folder.
        setting: dict of JSON values: model, inputs, and options.
        resume: continue the file of an interrupted run.

    Raises:
        InputError: if the folder holds other files, or answers of another model or of other inputs.
    """

    def __init__(self, folder, setting, *, resume):
        self.folder = str(folder)
        self.part = os.path.join(self.folder, PART)
        self.final = os.path.join(self.folder, FINAL)
        self.setting = setting
        self.failed = 0
        self.done = 0
        self._file = None
        if os.path.exists(self.folder) and not os.path.isdir(self.folder):
            raise InputError(f"`out` {self.folder} is a file, not a folder")
        if os.path.exists(self.part):
            if not resume:
                raise InputError(
                    f"`out` {self.folder} holds an interrupted prediction: "
                    f"choose another folder or add `resume`"
                )
            self._recover()
        elif os.path.isdir(self.folder) and os.listdir(self.folder):
            raise InputError(f"`out` {self.folder} is not empty: choose another folder")

    def _recover(self):
        """Counts the answers of an interrupted run, and cuts off a line that was not finished."""
        whole = 0
        with open(self.part, "rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                content = self._parsed(line)
                if number == 0:
                    self._check(content)
                else:
                    self.done += 1
                    self.failed += "error" in content
                whole += len(line)
        os.truncate(self.part, whole)

    def _parsed(self, line):
        try:
            return json.loads(line)
        except ValueError as error:
            raise InputError(f"{self.part} is damaged: {error}") from error

    def _check(self, before):
        for name, value in self.setting.items():
            if before.get(name) != value:
                raise InputError(
                    f"`resume` {self.folder}: the prediction was started with other {name}. "
                    f"Choose another folder"
                )

    def start(self):
        """Creates the folder and opens the file, unless that is done; before it nothing is written."""
        if self._file is not None:
            return
        os.makedirs(self.folder, exist_ok=True)
        new = not os.path.exists(self.part) or os.path.getsize(self.part) == 0
        self._file = open(self.part, "a", encoding="utf-8")  # noqa: SIM115 (closed by `close`)
        if new:
            self._write(self.setting)

    def append(self, answer):
        """Writes one answer, a dict of JSON values."""
        self._write(answer)
        self.done += 1
        self.failed += "error" in answer

    def _write(self, content):
        self._file.write(json.dumps(content, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self):
        """Closes the file; the answers stay for a resumed run."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self):
        """Writes `predictions.json` and returns its `Predictions`."""
        self.start()
        self.close()
        with (
            atomic_path(self.final) as temporary,
            open(temporary, "w", encoding="utf-8") as target,
            open(self.part, encoding="utf-8") as lines,
        ):
            next(lines)
            target.write("[")
            for number, line in enumerate(lines):
                target.write((",\n" if number else "\n") + line.rstrip("\n"))
            target.write("\n]\n")
        os.remove(self.part)
        return Predictions(self.final)
