"""Runs the epochs; after each, measures validation, keeps the best weights, and writes a checkpoint."""

import os

import keras

from keras_cnn_zoo.training import checkpoint
from keras_cnn_zoo.utils.console import say

# A long run is validated about this many times, because each validation is a pass over the whole split.
MEASUREMENTS = 40


def train(trainer, batches, keeper, *, first, epochs, callbacks=()):
    """Runs the epochs after `first` up to `epochs`, in the order that `batches` fixes.

    Args:
        trainer: a compiled model, as `Task.trainer` returns it.
        batches: training `Batches`.
        keeper: the `Keeper` of the run.
        first: number of finished epochs.
        epochs: number of epochs in total.
        callbacks: further Keras callbacks.
    """
    if first >= epochs:
        return
    try:
        trainer.fit(
            batches,
            initial_epoch=first,
            epochs=epochs,
            shuffle=False,
            callbacks=[batches.clock(), keeper, *callbacks],
        )
    except Exception as error:
        # If an image could not be read, raise that one-line error instead of the error of Keras.
        if batches.failure is not None:
            raise batches.failure from error
        raise


class Keeper(keras.callbacks.Callback):
    """After each epoch, measures validation, keeps the best weights, and writes the checkpoint.

    Args:
        task: a `Task`.
        network: the model whose weights are measured and kept; `fit` may train it inside another model.
        source: the data.
        folder: the `RunFolder`.
        epochs: number of epochs in total.
    """

    def __init__(self, task, network, source, folder, epochs):
        super().__init__()
        self.task = task
        self.network = network
        self.source = source
        self.folder = folder
        self.every = max(1, epochs // MEASUREMENTS)
        self.epochs = epochs
        self.history = []
        self.best = None
        self.best_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "loss": float(logs["loss"])}
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs:
            measured = self.task.evaluate(self.network, self.source, "val")
            row.update({f"val_{name}": value for name, value in measured.items()})
            if self.best is None or measured[self.task.metric] > self.best:
                self.best, self.best_epoch = measured[self.task.metric], epoch + 1
                with checkpoint.atomic_path(self.folder.file("best.weights.h5")) as temporary:
                    self.network.save_weights(temporary)
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

    def restore(self, trainer):
        """Loads the checkpoint if there is one; returns the number of finished epochs."""
        path = self.folder.file("checkpoint.npz")
        if not os.path.exists(path):
            say("nothing to resume yet: starting from the beginning")
            return 0
        record = checkpoint.load(path, trainer)
        self.history = record["history"]
        self.best, self.best_epoch = record["best"], record["best_epoch"]
        say(f"resuming after epoch {record['epoch']} of {self.epochs}")
        return record["epoch"]

    def load_best(self):
        """Loads the best weights into the network."""
        self.network.load_weights(self.folder.file("best.weights.h5"))
