"""fit: written once for all tasks."""

import dataclasses
import functools
import math
import os
import time

from keras_cnn_zoo import distribution
from keras_cnn_zoo.training import few_images, logs, old_runs, rate_finder, rates, results, schedule
from keras_cnn_zoo.training.run_folder import RunFolder, announce
from keras_cnn_zoo.training.start import starting_model
from keras_cnn_zoo.training.validation import Keeper, train


def fit(task, options):
    """Trains a model of `task` and leaves a run folder.

    Args:
        task: a `Task`.
        options: `FitOptions`.

    Returns:
        (model, metrics): the trained model with its best weights, and the contents of `metrics.json`.

    Raises:
        InputError: for an option, a file, or a folder that cannot be used; nothing is overwritten.
    """
    started = time.monotonic()
    options.check()
    task = options.configured(task)
    distribution.jit_argument(options.jit)
    folder = RunFolder(options.out or os.path.join("runs", task.name))
    record = options.record(task)
    folder.check(record, resume=options.resume)
    resumed = options.resume and folder.exists
    task, plan = _as_recorded(task, options, folder) if resumed else (task, None)
    distribution.set_up(precision=options.precision, distribute=options.distribute, seed=options.seed)
    splits = folder.splits_to_continue(resume=options.resume)
    source = task.load(options.data, **{**options.data_options, "seed": options.seed, **splits})
    announce(source)
    if not resumed:
        task = few_images.configured(task, options, source)
    baseline = results.check_data(task, source)
    with distribution.model_scope(options.distribute):
        model = starting_model(task, source, options)
        trainer = task.trainer(model)
        batches = task.batches(model, source, "train", seed=options.seed, training=True)
        if options.workers is not None:
            batches.workers = options.workers
        if plan is None:
            task = _with_found_rate(task, model, trainer, batches, options)
        old = resumed and plan is None
        timed = plan is None and options.minutes is not None
        plan = plan or schedule.usual(task, options, len(batches))
        _compile(task, model, trainer, plan.epochs * len(batches), options)
    if "old_draw" in splits:
        old_runs.check_run(folder, source, baseline, steps=len(batches))
    keeper = Keeper(task, model, source, folder, plan, first_of_equals=old)
    if timed:
        plan = keeper.schedule = _fitted(task, trainer, batches, keeper, options, started)
    # Every option and the data have been checked; only now is anything written.
    recorded = {**dataclasses.asdict(plan), "recipe": dataclasses.asdict(task.recipe)}
    folder.start(record, resume=options.resume, source=source, schedule=recorded)
    first = keeper.restore(trainer) if options.resume else 0
    if not resumed and options.minutes is None:
        schedule.announce(trainer, batches, plan)
    callbacks = [*logs.tensorboard(folder), schedule.Forecast(plan, len(batches), keeper)]
    train(trainer, batches, keeper, first=first, callbacks=callbacks)
    return model, _finished(task, model, source, keeper, folder, baseline)


def _as_recorded(task, options, folder):
    """Returns the task and the `Schedule` of the run that is resumed; None for one that recorded none."""
    content = folder.schedule()
    if content is None:
        return old_runs.as_then(task, options), None
    plan, recipe = schedule.recorded(content, folder.path)
    return task.configured(recipe=recipe), plan


def _with_found_rate(task, model, trainer, batches, options):
    """Returns the task with the learning rate that a test finds, where one is asked for."""
    if options.learning_rate != rate_finder.AUTO:
        return task
    found = rate_finder.find(task, model, trainer, batches, options)
    return task.configured(recipe={"learning_rate": found})


def _fitted(task, trainer, batches, keeper, options, started):
    """Returns the `Schedule` that fits into `options.minutes`, with `trainer` compiled for it."""
    save = functools.partial(keeper.try_saving, trainer)
    epoch, validation, compiling = schedule.timed(trainer, batches, keeper.validate, save)
    adjustable = rates.schedules(trainer.optimizer)
    # Else the number of steps is a constant of the program, which is compiled again.
    passed = time.monotonic() - started + (0.0 if adjustable else compiling)
    testing = validation * _answered(task, keeper.source, "test") / _answered(task, keeper.source, "val")
    plan = schedule.fitting(options.minutes, passed, epoch, validation, testing)
    steps = plan.epochs * len(batches)
    for one in adjustable:
        one.set_steps(steps)
    if not adjustable:
        with distribution.model_scope(options.distribute):
            _compile(task, keeper.network, trainer, steps, options)
    return plan


def _answered(task, source, split):
    """Returns the number of inputs that are answered to measure a split; the last batch is padded."""
    count = len(source.split(split))
    size = min(task.batch_size, count)
    return math.ceil(count / size) * size


def _finished(task, model, source, keeper, folder, baseline):
    """Saves the best weights, measures them, and returns the contents of `metrics.json`."""
    keeper.load_best()
    folder.save_model(model)
    with results.after_saving(folder.file("model.keras")):
        metrics, tally = results.measure(task, model, source, keeper, baseline)
        results.write(folder, task, model, source, keeper.history, metrics, tally)
    return metrics


def _compile(task, model, trainer, steps, options):
    """Compiles a trainer with a new optimizer for a number of steps."""
    optimizer = rates.optimizer_of(task, model, steps)
    trainer.compile(optimizer, task.loss(), jit_compile=distribution.jit_argument(options.jit, model))
    # Not the one above: in half precision, `compile` wraps it in one with further state.
    trainer.optimizer.build(trainer.trainable_variables)
