"""A learning rate from a range test: a few steps at growing rates, before the first step of a run."""

import math

import keras
import numpy as np

from keras_cnn_zoo import distribution
from keras_cnn_zoo.training import rates, schedule
from keras_cnn_zoo.utils.console import say

# Value of `FitOptions.learning_rate` that asks for the test.
AUTO = "auto"
# The test covers four decades, from a hundredth of the recipe's rate to a hundred times it.
_STEPS, _REACH = 80, 100.0
# The chosen rate is this much below that of the lowest loss, where training is about to diverge.
_BELOW = 10.0
# Weight of the newest loss in the moving average, and how far that may rise before the test ends.
_NEWEST, _RISE = 0.2, 4.0


def find(task, model, trainer, batches, options):
    """Returns a learning rate for a run, and leaves the weights as they were.

    The rate grows from step to step by a constant factor. Where the loss is lowest, larger rates begin to
    diverge; a tenth of that rate trains fast and is safe.

    Reference: Smith, 2017, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186, section
    3.3. Differs from the paper: the schedule of a run has one peak, a tenth of the rate with the lowest loss.

    Args:
        task: the configured `Task`; its recipe has the usual rate.
        model: the model.
        trainer: the `keras.Model` that trains it.
        batches: training `Batches`.
        options: `FitOptions`.
    """
    usual = task.recipe.learning_rate
    growth = _REACH ** (2 / (_STEPS - 1))
    lowest = usual / _REACH

    def optimizer(factor, name):
        rising = keras.optimizers.schedules.ExponentialDecay(factor * lowest, 1, growth)
        return keras.optimizers.AdamW(rising, weight_decay=task.recipe.weight_decay, name=name)

    trainer.compile(
        rates.two_rates(optimizer, model, task.backbone_rate),
        task.loss(),
        jit_compile=distribution.jit_argument(options.jit, model),
    )
    trainer.optimizer.build(trainer.trainable_variables)
    watch = _Losses()
    with schedule.unchanged(trainer), batches.own_errors():
        epochs = math.ceil(_STEPS / len(batches))
        trainer.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[batches.clock(), watch])
    place = best_step(watch.losses)
    if place is None:
        say(f"learning rate: the loss did not fall at any rate, so it stays {usual:g}")
        return usual
    found = float(f"{lowest * growth**place / _BELOW:.2g}")
    say(f"learning rate: {found:g}, from {len(watch.losses)} steps at rising rates; {usual:g} is usual")
    return found


def smoothed(losses):
    """Returns the moving averages of losses, without a bias to the first."""
    average, found = 0.0, []
    for step, loss in enumerate(losses, start=1):
        average += _NEWEST * (loss - average)
        found.append(average / (1 - (1 - _NEWEST) ** step))
    return np.array(found)


def best_step(losses):
    """Returns the step with the lowest moving average, or None if that is the first."""
    if not len(losses):
        return None
    place = int(smoothed(losses).argmin())
    return place or None


class _Losses(keras.callbacks.Callback):
    """Keeps the loss of each step, and ends training when they rise far above the lowest, or at the end."""

    def __init__(self):
        super().__init__()
        self.losses = []
        self.total = 0.0

    def on_train_batch_end(self, batch, logs=None):
        # Keras reports the mean over the steps of the epoch so far.
        total = float(logs["loss"]) * (batch + 1)
        loss = total - (self.total if batch else 0.0)
        self.total = total
        if np.isfinite(loss):
            self.losses.append(loss)
            averages = smoothed(self.losses)
            risen = averages[-1] - averages.min() > _RISE * abs(averages.min())
        if not np.isfinite(loss) or risen or len(self.losses) >= _STEPS:
            self.model.stop_training = True
