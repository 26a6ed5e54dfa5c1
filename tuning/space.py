"""What a search varies, as one object per task."""

import dataclasses
import math

import keras_tuner

from keras_cnn_zoo.tasks import Task


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """The choices that a search has for a task's model, and for its learning rate.

    Args:
        task: the task object, such as `Classification()`.
        model: a name in `task.models`.
        choices: dict from an argument of the model to what it may be: a tuple of plain values, or a dict from
            a label to a function without arguments that makes the part. Tables, plots and the search itself
            know a part by its label.
        learning_rate: (lowest, highest) peak learning rate, searched on a logarithmic scale.
        epochs: epochs of a trial when nobody says otherwise.
        max_trials: trials of a search when nobody says otherwise.
    """

    task: Task
    model: str
    choices: dict
    learning_rate: tuple
    epochs: int
    max_trials: int

    @property
    def names(self):
        """Names of everything searched, in the order of the table."""
        return (*self.choices, "learning_rate")

    def hyperparameters(self):
        """The space in KerasTuner's terms."""
        found = keras_tuner.HyperParameters()
        for name, values in self.choices.items():
            found.Choice(name, list(values))
        low, high = self.learning_rate
        found.Float("learning_rate", low, high, sampling="log", default=math.sqrt(low * high))
        return found

    def build(self, source, values):
        """A new model for `source`; `values` is a dict from name to choice and may hold more."""
        arguments = {}
        for name, choices in self.choices.items():
            arguments[name] = choices[values[name]]() if isinstance(choices, dict) else values[name]
        return self.task.build(source, model=self.model, **arguments)

    def describe(self):
        """The space as `config.json` records it: a search does not go on in another one."""
        return {
            **{name: list(values) for name, values in self.choices.items()},
            "learning_rate": list(self.learning_rate),
        }
