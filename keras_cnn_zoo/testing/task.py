"""`check_task`: whether a task does what the training engine and the commands rely on."""

import copy
import dataclasses
import typing

from keras_cnn_zoo.testing.case import Case
from keras_cnn_zoo.testing.check import check_of
from keras_cnn_zoo.testing.fields import argument, documented

TITLES = {
    "C1": "description of the task",
    "C2": "trainer",
    "C3": "batches and answers",
    "C10": "pure functions",
    "C11": "bad arguments",
    "C12": "deployable form and files",
    "C13": "measures",
}


@documented
@dataclasses.dataclass(eq=False)
class TaskCase(Case):
    """A task and the data with which the contract checks it."""

    kind = "task"
    folder = "tasks"
    titles = TITLES

    task: typing.Any = argument("The task, for example an instance of a subclass of `tasks.Task`.")
    spec: typing.Any = argument(
        "Data for `task.load`, small. Defaults to None, the embedded set of the task.", default=None
    )
    build_kwargs: dict | None = argument(
        "Dict of arguments of `task.build` besides the data, such as a small width. Defaults to none.",
        default=None,
        kw_only=True,
    )
    arguments: dict | None = argument(
        "Dict of arguments of `task.configured`, other than those that the task has. Defaults to none.",
        default=None,
        kw_only=True,
    )
    split: str = argument(
        'Split from which examples are taken and on which the model is measured. Defaults to "test".',
        default="test",
        kw_only=True,
    )
    examples: int = argument("How many examples are in a batch. Defaults to 3.", default=3, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self.build_kwargs = dict(self.build_kwargs or {})
        self.arguments = dict(self.arguments or {})
        self._made = None

    @property
    def name(self):
        """The name of the task, or of its class."""
        return str(getattr(self.task, "name", None) or type(self.task).__name__)

    def made(self):
        """Returns the source and the model, made once for all checks, and copies of the examples."""
        if self._made is None:
            source = self.task.load(self.spec)
            model = self.task.build(source, **self.build_kwargs)
            split = source.split(self.split)
            self._made = source, model, [split[i] for i in range(min(self.examples, len(split)))]
        source, model, examples = self._made
        return source, model, copy.deepcopy(examples)


check_task = check_of(
    TaskCase,
    """Checks that a task meets the guarantees that apply to it.

    It loads the same data each time. Its model has the classes of the data. Its batches are pure functions
    of the examples and the seed, which change no example. It gives one answer per item, the same for one item
    alone as in a batch. Measures and their baseline are plain finite numbers under the same names. A
    description can be written as JSON, and its files can be saved. `configured` gives a new task, changes
    nothing in the old one, and refuses unknown arguments by name.""",
)
