"""Runs the epochs; after each, measures validation, keeps the best weights, and writes a checkpoint."""

import contextlib
import math
import operator
import os
import tempfile
import time

import keras

from keras_cnn_zoo.training import checkpoint
from keras_cnn_zoo.utils.console import say


def train(trainer, batches, keeper, *, first, callbacks=()):
    """Runs the epochs after `first` up to the last of the schedule, in the order that `batches` fixes.

    Args:
        trainer: a compiled model, as `Task.trainer` returns it.
        batches: training `Batches`.
        keeper: the `Keeper` of the run.
        first: number of finished epochs.
        callbacks: further Keras callbacks.
    """
    epochs = keeper.schedule.epochs
    if first >= epochs or keeper.has_stopped:
        return
    # On JAX, batches are prepared before the clock says which epoch begins.
    batches.epoch = first + 1
    with batches.own_errors():
        trainer.fit(
            batches,
            initial_epoch=first,
            epochs=epochs,
            shuffle=False,
            callbacks=[batches.clock(), keeper, *callbacks],
        )


class Keeper(keras.callbacks.Callback):
    """Measures validation, keeps the best weights, writes the checkpoint, and stops a run that stalls.

    With an exponential moving average (`Recipe.ema`), the average is measured and kept. Training goes on from
    the weights themselves.

    Args:
        task: a `Task`.
        network: the model whose weights are measured and kept; `fit` may train it inside another model.
        source: the data.
        folder: the `RunFolder`.
        schedule: the `Schedule`.
        first_of_equals: whether the first of equal results is kept, as in runs and searches of version 0.1.
            Otherwise it is the last one: with few images, the first epochs may be right by chance.
    """

    def __init__(self, task, network, source, folder, schedule, *, first_of_equals=False):
        super().__init__()
        self.task = task
        self.network = network
        self.source = source
        self.folder = folder
        self.schedule = schedule
        self.first_of_equals = first_of_equals
        self.history = []
        self.best = None
        self.best_epoch = None
        self.validations = 0
        self.seconds_of_validation = 0.0

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "loss": float(logs["loss"])}
        if self.schedule.validates(epoch + 1):
            started = time.monotonic()
            with self._averaged():
                row.update(self._validate(epoch))
            self.validations += 1
            self.seconds_of_validation += time.monotonic() - started
            # Keras' other callbacks (TensorBoard) read the logs.
            logs.update({name: value for name, value in row.items() if name.startswith("val_")})
        self.history.append(row)
        record = {
            "epoch": epoch + 1,
            "history": self.history,
            "best": self.best,
            "best_epoch": self.best_epoch,
        }
        checkpoint.save(self.folder.file("checkpoint.npz"), self.model, record)
        self.folder.write_history(self.history)
        if self.has_stopped:
            self.model.stop_training = True
            say(
                f"no better {self.task.metric} in {self.task.recipe.patience} validations: "
                f"stopped after epoch {epoch + 1} of {self.schedule.epochs}"
            )

    @staticmethod
    def try_saving(trainer):
        """Writes a checkpoint of a trainer to a temporary folder, to see how long it takes."""
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.save(os.path.join(folder, "checkpoint.npz"), trainer, {})

    def validate(self):
        """Returns the metrics of the network on the validation split."""
        return self.task.evaluate(self.network, self.source, "val")

    def _validate(self, epoch):
        """Measures validation, keeps the weights if they are the best, and returns columns of the history."""
        measured = self.validate()
        value = measured[self.task.metric]
        better = operator.gt if self.first_of_equals else operator.ge
        if self.best is None or math.isnan(self.best) or better(value, self.best):
            self.best, self.best_epoch = value, epoch + 1
            with checkpoint.atomic_path(self.folder.file("best.weights.h5")) as temporary:
                self.network.save_weights(temporary)
        return {f"val_{name}": value for name, value in measured.items()}

    @contextlib.contextmanager
    def _averaged(self):
        """Gives the trained variables their averages, if the recipe asks for them, and takes them back."""
        if not self.task.recipe.ema:
            yield
            return
        variables = self.model.trainable_variables
        held = [keras.ops.convert_to_numpy(variable).copy() for variable in variables]
        self.model.optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for variable, value in zip(variables, held, strict=True):
                variable.assign(value)

    @property
    def has_stopped(self):
        """Whether the metric has not risen in `Recipe.patience` validations.

        They count from the first change: a detector may find nothing in its first epochs.
        """
        name = f"val_{self.task.metric}"
        values = [-math.inf if math.isnan(row[name]) else row[name] for row in self.history if name in row]
        if not self.task.recipe.patience or len(set(values)) < 2:
            return False
        unchanged = next(i for i, value in enumerate(values) if value != values[0])
        last = max(values.index(max(values)), unchanged - 1)
        return len(values) - 1 - last >= self.task.recipe.patience

    def restore(self, trainer):
        """Loads the checkpoint if there is one; returns the number of finished epochs."""
        path = self.folder.file("checkpoint.npz")
        if not os.path.exists(path):
            say("nothing to resume yet: starting from the beginning")
            return 0
        record = checkpoint.load(path, trainer)
        self.history = record["history"]
        self.best, self.best_epoch = record["best"], record["best_epoch"]
        say(f"resuming after epoch {record['epoch']} of {self.schedule.epochs}")
        return record["epoch"]

    def load_best(self):
        """Loads the best weights into the network."""
        self.network.load_weights(self.folder.file("best.weights.h5"))
