"""The answers of `predict` on disk: written one by one, read as a sequence."""

import collections.abc
import glob
import json
import os

from keras_cnn_zoo.training.run_folder import check_new_folder
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import atomic_path, write_text

FINAL = "predictions.json"
PART = "predictions.jsonl.part"
SETTINGS = "predictions.settings.json"


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

    The first line of the file holds what the answers depend on; after the end, `predictions.settings.json`
    holds it. A call is resumed only with the same. `require` adds to it, before the first answer.

    Args:
        folder: the output folder.
        resume: continue the file of an interrupted call, or return the answers of a finished one.

    Attributes:
        finished: whether the folder holds all answers.

    Raises:
        InputError: if the folder holds other files, or a prediction that is not to be resumed.
    """

    def __init__(self, folder, *, resume):
        self.folder = os.fspath(folder)
        self.part = os.path.join(self.folder, PART)
        self.final = os.path.join(self.folder, FINAL)
        self.settings = os.path.join(self.folder, SETTINGS)
        self.setting = {}
        self.failed = 0
        self.done = 0
        self._file = None
        # Size of the whole lines of an interrupted call, until the file is cut off there.
        self._resumed, self._before, self._whole = False, None, 0
        check_new_folder(folder, own=lambda name: os.path.exists(self.final) or os.path.exists(self.part))
        self.finished = os.path.exists(self.final)
        if self.finished:
            if not resume:
                raise InputError(f"`out` {self.folder} already holds {FINAL}: choose another folder")
            self._before = self._kept()
        elif os.path.exists(self.part):
            if not resume:
                raise InputError(
                    f"`out` {self.folder} holds an interrupted prediction: "
                    f"choose another folder or add `resume`"
                )
            self._resumed = True
            self._recover()

    def _kept(self):
        """Returns what the answers of a finished call depend on."""
        if not os.path.exists(self.settings):
            raise InputError(
                f"`resume` {self.folder}: the model and options of the finished prediction are not known, "
                f"because {SETTINGS} is missing, as in older versions. Choose another folder"
            )
        with open(self.settings, "rb") as file:
            return self._parsed(file.read(), self.settings)

    def _recover(self):
        """Counts the answers of an interrupted call, up to a line that was not finished."""
        with open(self.part, "rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                content = self._parsed(line, self.part)
                if number == 0:
                    self._before = content
                else:
                    self.done += 1
                    self.failed += "error" in content
                self._whole += len(line)

    @staticmethod
    def _parsed(line, path):
        try:
            content = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path} is damaged: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path} is damaged: a line is not an object")
        return content

    def require(self, **setting):
        """Adds to what the answers depend on; an earlier call must have been started with the same."""
        for name, value in setting.items():
            if self._before is not None and self._before.get(name) != value:
                raise InputError(
                    f"`resume` {self.folder}: the prediction was started with other {name}. "
                    f"Choose another folder"
                )
        self.setting |= setting

    def start(self):
        """Creates the folder and opens the file, unless that is done; before it nothing is written."""
        if self._file is not None:
            return
        os.makedirs(self.folder, exist_ok=True)
        # Of two calls that start at once, one fails: their answers must not mix.
        mode = "a" if self._resumed else "x"
        # Without a buffer: what a full disk refuses must not come again when the file is closed.
        self._file = open(self.part, mode + "b", buffering=0)  # noqa: SIM115 (closed by `close`)
        if self._whole is not None:
            self._file.truncate(self._whole)
            self._whole = None
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
        """Writes `predictions.json`, unless that is done, and returns its `Predictions`."""
        if not self.finished:
            self.start()
            self.close()
            self._write_final()
            self.finished = True
        # Killed between the two files, a call leaves both.
        if os.path.exists(self.part):
            os.remove(self.part)
        return Predictions(self.final)

    def _write_final(self):
        # Of a call that was killed right here.
        for partial in glob.glob(os.path.join(glob.escape(self.folder), "predictions.*.partial")):
            os.remove(partial)
        # First: a folder with the answers is complete.
        write_text(self.settings, json.dumps(self.setting) + "\n")
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
