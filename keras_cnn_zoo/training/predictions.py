"""The answers of `predict` on disk: written one by one, read as a sequence."""

import collections.abc
import glob
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

    Raises:
        InputError: if the file was not written by `predict`, or was reformatted.
    """

    def __init__(self, path):
        self.path = str(path)
        self._starts = []
        with open(self.path, "rb") as file:
            start, line = 0, b""
            for number, line in enumerate(file):
                if not line.startswith((b"{", b"]") if number else b"["):
                    break
                if line.startswith(b"{"):
                    self._starts.append(start)
                start += len(line)
        if line.rstrip() != b"]":
            raise InputError(
                f"{self.path} must be a JSON list with one object per line, as predict writes it"
            )

    def __len__(self):
        return len(self._starts)

    def __iter__(self):
        with open(self.path, "rb") as file:
            for line in file:
                if line.startswith(b"{"):
                    yield json.loads(line.rstrip(b",\n"))

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        with open(self.path, "rb") as file:
            file.seek(self._starts[index])
            return json.loads(file.readline().rstrip(b",\n"))


class PredictionLog:
    """Appends answers to `predictions.jsonl.part`, and turns it into `predictions.json` at the end.

    The first line of the file holds what the answers depend on. A run is resumed only with the same. What is
    known later, such as the weights, is added with `require` before the first answer.

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
        self._resumed, self._before = False, None
        if os.path.exists(self.folder) and not os.path.isdir(self.folder):
            raise InputError(f"`out` {self.folder} is a file, not a folder")
        if os.path.exists(self.part):
            if not resume:
                raise InputError(
                    f"`out` {self.folder} holds an interrupted prediction: "
                    f"choose another folder or add `resume`"
                )
            self._resumed = True
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
                    self._before = content
                    self._check(self.setting)
                else:
                    self.done += 1
                    self.failed += "error" in content
                whole += len(line)
        os.truncate(self.part, whole)

    def _parsed(self, line):
        try:
            content = json.loads(line)
        except ValueError as error:
            raise InputError(f"{self.part} is damaged: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{self.part} is damaged: a line is not an object")
        return content

    def require(self, **setting):
        """Adds to what the answers depend on; an interrupted run must have been started with the same."""
        if self._before is not None:
            self._check(setting)
        self.setting |= setting

    def _check(self, setting):
        for name, value in setting.items():
            if self._before.get(name) != value:
                raise InputError(
                    f"`resume` {self.folder}: the prediction was started with other {name}. "
                    f"Choose another folder"
                )

    def start(self):
        """Creates the folder and opens the file, unless that is done; before it nothing is written."""
        if self._file is not None:
            return
        os.makedirs(self.folder, exist_ok=True)
        # Of two calls that start at once, one fails: their answers must not mix.
        mode = "a" if self._resumed else "x"
        # Without a buffer: what a full disk refuses must not come again when the file is closed.
        self._file = open(self.part, mode + "b", buffering=0)  # noqa: SIM115 (closed by `close`)
        if self._before is None:
            self._write(self.setting)
        self._resumed, self._before = True, self.setting

    def append(self, answer):
        """Writes one answer, a dict of JSON values."""
        self._write(answer)
        self.done += 1
        self.failed += "error" in answer

    def _write(self, content):
        try:
            line = json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            # The name of a file need not be valid UTF-8; JSON can escape what is not.
            line = json.dumps(content).encode("utf-8")
        left = line + b"\n"
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.part) from error

    def close(self):
        """Closes the file; the answers stay for a resumed run."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def finish(self):
        """Writes `predictions.json` and returns its `Predictions`."""
        self.start()
        self.close()
        # Of a call that was killed right here.
        for partial in glob.glob(glob.escape(self.final) + ".*.partial"):
            os.remove(partial)
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
