"""The choices of a search, as one object per task."""

import dataclasses
import math

import keras_tuner

from keras_cnn_zoo.tasks import Task


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """The choices of a search for a task's model, data, and training.

    A dict of choices maps the name of an argument to its values: a tuple of plain values, or a dict from a
    label to a function without arguments that makes the part. Tables, plots, and the search use the label.

    Args:
        task: the task object, such as `Classification()`.
        model: a name in `task.models`.
        choices: of arguments of the model.
        learning_rate: (lowest, highest) peak learning rate, searched on a logarithmic scale.
        epochs: epochs of a trial by default.
        max_trials: trials of a search by default.
        task_choices: of arguments of the task: its loss, its augmentation.
        task_arguments: dict of further arguments of the task, the same in every trial.
        recipe_choices: of fields of the task's `Recipe`: batch size, weight decay, warm-up.
        program: the word after `keras-cnn-zoo tune`; None for the task's name.
    """

    task: Task
    model: str
    choices: dict
    learning_rate: tuple
    epochs: int
    max_trials: int
    task_choices: dict = dataclasses.field(default_factory=dict)
    task_arguments: dict = dataclasses.field(default_factory=dict)
    recipe_choices: dict = dataclasses.field(default_factory=dict)
    program: str | None = None

    @property
    def name(self):
        """The word after `keras-cnn-zoo tune`."""
        return self.program or self.task.name

    @property
    def all_choices(self):
        """The choices of model, task, and recipe in one dict."""
        return {**self.choices, **self.task_choices, **self.recipe_choices}

    @property
    def names(self):
        """The names of all hyperparameters, in the order of the table."""
        return (*self.all_choices, "learning_rate")

    def hyperparameters(self):
        """Returns the space as `keras_tuner.HyperParameters`."""
        found = keras_tuner.HyperParameters()
        for name, values in self.all_choices.items():
            found.Choice(name, list(values))
        low, high = self.learning_rate
        found.Float("learning_rate", low, high, sampling="log", default=math.sqrt(low * high))
        return found

    def build(self, source, values):
        """Returns a new model for `source` with the choices in `values`; other entries are ignored."""
        return self.task_for(values).build(source, model=self.model, **_made(self.choices, values))

    def task_for(self, values):
        """Returns the task with the choices in `values`."""
        # A new task draws the seeds of its augmentation: all trials start with the same random state.
        task = type(self.task)(**self.task_arguments, **_made(self.task_choices, values))
        return task.configured(recipe=_made(self.recipe_choices, values))

    def describe(self):
        """Returns the space as `config.json` records it: a search is resumed only with the same space."""
        return {
            **{name: list(values) for name, values in self.all_choices.items()},
            "learning_rate": list(self.learning_rate),
        }


def _made(choices, values):
    """Returns {argument: value} for the choices in `values`; parts are made again."""
    return {
        name: given[values[name]]() if isinstance(given, dict) else values[name]
        for name, given in choices.items()
        if name in values
    }
