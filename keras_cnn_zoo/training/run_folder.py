"""The folder that `fit` writes."""

import csv
import io
import json
import os

import keras

from keras_cnn_zoo.data.recorded_splits import SPLITS_FILE, RecordedSplits, text_of
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import atomic_path, write_text

# What was decided before the first step: the length of the run and its recipe.
SCHEDULE_FILE = "schedule.json"
# The name of the embedded data on a preset's card, for every task.
EMBEDDED = "embedded"


def announce(source):
    """Prints the notes on the data, and a line for each example that was left out."""
    for line in (*source.notes, *(f"left out: {line}" for line in source.skipped)):
        say(line)


def check_new_folder(out, *, kind=None, own=lambda name: False):
    """Raises an `InputError` unless `out` is a new or empty folder, so that nothing is overwritten.

    Args:
        out: path of the folder.
        kind: noun of what the folder could hold instead, for the message; or None.
        own: function of the name of a file that returns whether the folder may hold it.
    """
    out = os.fspath(out)
    if not out:
        raise InputError("`out` must not be empty")
    if not os.path.isdir(out):
        if os.path.exists(out):
            raise InputError(f"`out` {out} is a file, not a folder")
        return
    if not all(own(name) for name in os.listdir(out)):
        held = "" if kind is None else f" and holds no {kind}"
        raise InputError(f"`out` {out} is not empty{held}: choose another folder")


class RunFolder:
    """Reader and writer of the files of one run.

    Args:
        path: the folder.
    """

    def __init__(self, path):
        self.path = str(path)

    def file(self, name):
        """Returns the path of a file of the run."""
        return os.path.join(self.path, name)

    def check(self, config, *, resume):
        """Raises an `InputError` unless the folder is free or has the same run, to be resumed."""
        # A kill may leave these before there is a config.json.
        check_new_folder(
            self.path,
            kind="run",
            own=lambda name: self.exists or name in (SPLITS_FILE, SCHEDULE_FILE) or name.endswith(".partial"),
        )
        if not self.exists:
            return
        if not resume:
            raise InputError(f"`out` {self.path} holds another run: choose another folder or add `resume`")
        before = self.config()
        changed = sorted(k for k in config.keys() | before.keys() if config.get(k) != before.get(k))
        if changed:
            name = changed[0]
            raise InputError(
                f"`resume` {self.path}: the run was started with {name}={before.get(name)!r}. "
                f"Received: {name}={config.get(name)!r}"
            )

    def start(self, config, *, resume, source=None, schedule=None):
        """Creates the folder after the same check, and records the splits of `source`.

        Args:
            config: contents of `config.json`.
            resume: whether to continue a run in the folder.
            source: the data, or None if the run has none.
            schedule: contents of `schedule.json`, or None if the run has none.
        """
        self.check(config, resume=resume)
        os.makedirs(self.path, exist_ok=True)
        if source is not None and not (self.exists and self.has_splits):
            # Before config.json: a run without this file is one of version 0.1.
            with atomic_path(self.file(SPLITS_FILE)) as temporary, open(temporary, "wb") as file:
                file.write(text_of(source).encode("utf-8", "surrogateescape"))
        if schedule is not None and not self.exists:
            self.write_json(SCHEDULE_FILE, schedule)
        if not self.exists:
            self.write_json("config.json", config)

    @property
    def exists(self):
        """Whether the folder holds a run."""
        return os.path.exists(self.file("config.json"))

    @property
    def has_splits(self):
        """Whether the splits of the run are recorded, as in all runs since version 0.2."""
        return os.path.exists(self.file(SPLITS_FILE))

    def splits_text(self):
        """Returns the contents of `splits.tsv`."""
        with open(self.file(SPLITS_FILE), "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")

    def recorded_splits(self, **rules):
        """Returns the arguments of `data.load` for the splits of the run, as a dict."""
        if not self.has_splits:
            return {"old_draw": True}
        path = self.file(SPLITS_FILE)
        return {"recorded": RecordedSplits.parse(self.splits_text(), path, **rules)}

    def splits_to_continue(self, *, resume):
        """Returns the arguments of `data.load` for a new or a resumed run, as a dict."""
        return self.recorded_splits(fixed=True) if resume and self.exists else {}

    def schedule(self):
        """Returns what was decided when the run was started, or None for an older run without it."""
        return self.read_json(SCHEDULE_FILE) if os.path.exists(self.file(SCHEDULE_FILE)) else None

    def config(self):
        """Returns the arguments of `fit`, as it recorded them."""
        return self.read_json("config.json")

    def read_json(self, name):
        """Returns the contents of a JSON file of the run."""
        try:
            with open(self.file(name), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError as error:
            raise InputError(f"{self.path} is not a run folder: it has no {name}") from error
        except json.JSONDecodeError as error:
            raise InputError(f"{self.file(name)} is damaged: {error}") from error

    def write_json(self, name, content):
        """Writes a JSON file of the run atomically."""
        write_text(self.file(name), json.dumps(content, indent=2) + "\n")

    def write_history(self, history):
        """Writes `history.csv` from a list of dicts; a value that an epoch did not measure stays empty."""
        columns = list(dict.fromkeys(name for row in history for name in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.file("history.csv"), buffer.getvalue())

    def save_model(self, model):
        """Writes `model.keras` atomically."""
        with atomic_path(self.file("model.keras")) as temporary:
            model.save(temporary)

    def load_model(self):
        """Returns the trained model of the run."""
        path = self.file("model.keras")
        if not os.path.exists(path):
            raise InputError(
                f"{self.path} has no model.keras: is the run finished? Continue it with fit and `resume`"
            )
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InputError(f"{path} cannot be read as a model: {reason}") from error

    def save_figure(self, name, figure):
        """Writes a matplotlib figure as PNG."""
        with atomic_path(self.file(name)) as temporary:
            figure.savefig(temporary, format="png", dpi=110)
