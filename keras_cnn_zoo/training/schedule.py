"""How long a run trains, decided once before its first step and recorded in its folder."""

import contextlib
import dataclasses
import math
import statistics
import time

import keras

from keras_cnn_zoo.training import checkpoint
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

# A run is validated at most this many times, because each validation is a pass over the whole split.
MEASUREMENTS = 40
# Least fraction of `minutes` that is kept for measuring the test split and for pictures.
_KEPT = 0.1
# Most epochs, least steps, and about the seconds that are timed, after the step that compiles the program.
_EPOCHS, _LEAST, _SECONDS = 6, 3, 3.0
# Steps from which a run is long enough to time some of them before it starts.
_WORTH_TIMING = 300


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Length of a run.

    Args:
        epochs: passes over the training split.
        every: epochs from one validation to the next.
    """

    epochs: int
    every: int

    @classmethod
    def of(cls, epochs):
        """Returns the schedule with the usual number of validations."""
        return cls(epochs, math.ceil(epochs / MEASUREMENTS))

    def validates(self, epoch):
        """Returns whether validation follows an epoch, counted from 1."""
        return epoch % self.every == 0 or epoch == self.epochs

    def seconds(self, epoch, validation):
        """Returns the duration of the run for the durations of an epoch and of a validation."""
        return self.epochs * epoch + math.ceil(self.epochs / self.every) * validation


def recorded(content, path):
    """Returns the `Schedule` and the dict of the recipe that a run has recorded.

    Args:
        content: contents of `schedule.json`.
        path: the run, for messages.

    Raises:
        InputError: if something is missing.
    """
    try:
        plan, recipe = Schedule(int(content["epochs"]), int(content["every"])), dict(content["recipe"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}/schedule.json is damaged: it has no {error}") from error
    if min(plan.epochs, plan.every) < 1:
        raise InputError(f"{path}/schedule.json is damaged: its numbers must be at least 1")
    return plan, recipe


def usual(task, options, steps):
    """Returns the `Schedule` of the recipe, with more epochs where they would have too few steps.

    Args:
        task: a `Task`.
        options: `FitOptions`; a number of epochs that was asked for is kept. With `minutes` the schedule is
            only the first, and is not reported.
        steps: steps per epoch.
    """
    epochs, least = task.recipe.epochs, task.recipe.least_steps
    asked = options.epochs is not None or options.minutes is not None or "epochs" in options.recipe_options
    if not asked and epochs * steps < least:
        epochs = math.ceil(least / steps)
        say(f"few training data: {epochs} epochs of {steps} steps instead of {task.recipe.epochs}")
    return Schedule.of(epochs)


def fitting(minutes, elapsed, epoch, validation, testing=0.0):
    """Returns the longest `Schedule` that fits into a time.

    Args:
        minutes: minutes for the whole run.
        elapsed: seconds of them that have passed or are needed for something else.
        epoch: seconds per epoch.
        validation: seconds per validation.
        testing: seconds to measure the test split. More is kept if a tenth of the time is more.
    """
    kept = max(_KEPT * 60 * minutes, testing)
    left = 60 * minutes - kept - elapsed
    # From above: 41 epochs may take less time than 40, because they are validated every other time.
    for epochs in range(int(left // epoch), 0, -1):
        plan = Schedule.of(epochs)
        if plan.seconds(epoch, validation) <= left:
            return plan
    plan = Schedule.of(1)
    seconds = elapsed + plan.seconds(epoch, validation) + kept
    say(f"not even one epoch fits into `minutes` {minutes:g}: about {duration(seconds)} in all")
    return plan


def timed(trainer, batches, validate, save):
    """Measures how long training takes, and leaves the trainer as it was.

    Args:
        trainer: a compiled model with a built optimizer.
        batches: training `Batches`.
        validate: function without arguments that measures the validation split.
        save: function without arguments that writes a checkpoint, as after each epoch.

    Returns:
        (seconds per epoch, seconds per validation, seconds to compile the training step).
    """
    with unchanged(trainer):
        per_epoch, compiling = _timed_steps(trainer, batches)
        validate()  # Compiles the program.
        per_validation, per_save = (_seconds(function) for function in (validate, save))
    return per_epoch + per_save, per_validation, compiling


def announce(trainer, batches, plan):
    """Says before the first step how long a long run will take. It leaves the trainer as it was.

    A few steps are timed. `Forecast` says it again when a validation has been timed too.

    Args:
        trainer: a compiled model with a built optimizer.
        batches: training `Batches`.
        plan: the `Schedule`.
    """
    steps = plan.epochs * len(batches)
    if steps < _WORTH_TIMING:
        return
    with unchanged(trainer):
        per_epoch, _ = _timed_steps(trainer, batches)
    seconds = plan.epochs * per_epoch
    if seconds >= Forecast.least:
        validations = sum(plan.validates(epoch) for epoch in range(1, plan.epochs + 1))
        say(
            f"training will take about {duration(seconds)}: {plan.epochs} epochs of {len(batches)} steps, "
            f"{per_epoch / len(batches):.2g} s each, and {validations} validations on top"
        )


@contextlib.contextmanager
def unchanged(trainer):
    """Gives a compiled trainer its weights, optimizer, and random state back after the context."""
    state = checkpoint.state_of(trainer)
    before = {name: keras.ops.convert_to_numpy(variable).copy() for name, variable in state.items()}
    try:
        yield
    finally:
        for name, variable in state.items():
            variable.assign(before[name])
        trainer.reset_metrics()


def _timed_steps(trainer, batches):
    """Returns (seconds per epoch, seconds to compile the training step)."""
    began = time.monotonic()
    watch = _Stopwatch()
    # Whole epochs, because what comes between them can take longer than a few small steps.
    with batches.own_errors():
        trainer.fit(batches, epochs=_EPOCHS, shuffle=False, verbose=0, callbacks=[batches.clock(), watch])
    return watch.per_epoch(len(batches)), watch.times[0] - began


def _seconds(function):
    started = time.monotonic()
    function()
    return time.monotonic() - started


class _Stopwatch(keras.callbacks.Callback):
    """Notes the end of each step, and ends training after `_SECONDS`."""

    def __init__(self):
        super().__init__()
        self.times, self.epochs = [], []
        self.epoch = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.monotonic())
        self.epochs.append(self.epoch)
        # The first step compiles the program.
        if len(self.times) > _LEAST and self.times[-1] - self.times[0] > _SECONDS:
            self.model.stop_training = True

    def per_epoch(self, steps):
        """Returns the seconds of an epoch of so many steps, from medians over what was seen of it."""
        within, across = [], []
        for i in range(1, len(self.times)):
            same = self.epochs[i] == self.epochs[i - 1]
            (within if same else across).append(self.times[i] - self.times[i - 1])
        step = statistics.median(within or across)
        return (steps - 1) * step + (statistics.median(across) if across else step)


class Forecast(keras.callbacks.Callback):
    """Says once how long the rest of the run will take, if it is longer than 30 seconds.

    Args:
        schedule: the `Schedule`.
        steps: steps per epoch.
        keeper: the `Keeper` of the run. This callback comes after it.
    """

    least = 30.0

    def __init__(self, schedule, steps, keeper):
        super().__init__()
        self.schedule = schedule
        self.steps = steps
        self.keeper = keeper
        self.epoch = None
        self.counted = 0
        self.started = None
        self.said = False

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.said:
            return
        if self.started is None:
            # The first step of a process compiles the program, and is not counted.
            self.started = time.monotonic()
            return
        self.counted += 1
        passed = time.monotonic() - self.started
        if passed >= self.least:
            self._say(passed / self.counted, batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        if self.said or not self.counted:
            # A run with one step per epoch is timed in its second epoch.
            return
        training = time.monotonic() - self.started - self.keeper.seconds_of_validation
        self._say(training / self.counted, self.steps, validated=1)

    def _say(self, step, done, validated=0):
        self.said = True
        steps = (self.schedule.epochs - self.epoch) * self.steps - done
        measured = self.keeper.validations
        first = self.epoch + 1 + validated
        left = [e for e in range(first, self.schedule.epochs + 1) if self.schedule.validates(e)]
        validation = self.keeper.seconds_of_validation / measured if measured else 0.0
        seconds = steps * step + len(left) * validation
        if seconds >= self.least:
            say(f"about {duration(seconds)} for the {steps} steps that remain, {step:.2g} s each")


def duration(seconds):
    """Returns seconds, minutes, or hours in words."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
