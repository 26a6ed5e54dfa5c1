"""`check_reader`: whether a reader of data keeps what training and prediction rely on."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
import typing

from keras_cnn_zoo.data import loading
from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.data.readers import READERS
from keras_cnn_zoo.testing.case import Case
from keras_cnn_zoo.testing.check import check_of
from keras_cnn_zoo.testing.fields import argument, documented

TITLES = {
    "C1": "class names and labels",
    "C3": "examples",
    "C10": "splits and second load",
    "C11": "damaged data",
}


@documented
@dataclasses.dataclass(eq=False)
class ReaderCase(Case):
    """A reader and the data with which the contract checks it."""

    kind = "reader"
    folder = "readers"
    titles = TITLES

    format: typing.Any = argument(
        'Name of a format of `keras_cnn_zoo.data`, such as "images", or a module or object with `TASKS` and '
        "`read(path, options)`."
    )
    data: typing.Any = argument(
        "Path of a small data set, which is copied and never changed, or a function that writes one into the "
        "folder that it is given and returns its path (None for the folder itself)."
    )
    tasks: tuple | None = argument(
        "Names of the tasks for which the data are read. Defaults to all that the reader serves.",
        default=None,
        kw_only=True,
    )
    class_names: tuple | None = argument(
        "The class names in the order that the data give. Defaults to None: they must be sorted.",
        default=None,
        kw_only=True,
    )
    damage: typing.Callable | None = argument(
        "Function that damages one file of the data at the path that it is given, and returns the file's "
        "name. By default the file of the first example, or the data if they are one file, is overwritten.",
        default=None,
        kw_only=True,
    )
    options: dict | None = argument(
        "Dict of further arguments of `keras_cnn_zoo.data.load`, or of `ReadOptions` for an object as "
        "`format`. Defaults to none.",
        default=None,
        kw_only=True,
    )

    def __post_init__(self):
        super().__post_init__()
        self.options = dict(self.options or {})
        if isinstance(self.format, str) and self.format not in READERS:
            known = ", ".join(sorted(READERS))
            raise ValueError(f"`format` must be one of {known}, or a reader. Received: {self.format!r}")

    @property
    def name(self):
        """The name of the format, or of the reader's module or class."""
        if isinstance(self.format, str):
            return self.format
        return getattr(self.format, "__name__", type(self.format).__name__).rpartition(".")[2]

    def all_tasks(self):
        """Returns the names of the tasks to check."""
        served = READERS[self.format].tasks if isinstance(self.format, str) else self.format.TASKS
        return tuple(self.tasks or served)

    @contextlib.contextmanager
    def written(self):
        """Gives the path of a fresh copy of the data, which is deleted afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            if callable(self.data):
                yield os.fspath(self.data(pathlib.Path(folder)) or folder)
                return
            source = os.fspath(self.data)
            target = os.path.join(folder, os.path.basename(os.path.normpath(source)))
            if os.path.isdir(source):
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
            yield target

    def load(self, path, task, **options):
        """Returns the `Source` of the data at `path`."""
        options = {**self.options, **options}
        if isinstance(self.format, str):
            return loading.load(f"{self.format}:{path}", task=task, **options)
        read_options = ReadOptions(task=task, **options)
        return loading.build_source(self.format.read(path, read_options), self.name, read_options)


check_reader = check_of(
    ReaderCase,
    """Checks that a reader of data meets the guarantees that apply to it.

    A second load gives the same examples and splits. No example is in two splits. A file that is added is an
    example, or is reported, or is refused; other examples stay what and where they were. The names of splits
    may be in capitals. Every class has an example, if `class_names` is None. An example is the same each
    time that it is read, and shares no memory with what was given out before. It has the keys, dtypes, and
    shapes of its task. Class names are unique and sorted, and labels are in their range. A damaged file gives
    one `InputError` that names it, or is left out and counted with `skip_bad`; an unknown path gives one
    `InputError`.""",
)
