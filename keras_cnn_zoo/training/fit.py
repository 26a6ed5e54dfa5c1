"""fit: written once for all tasks."""

import os

from keras_cnn_zoo import distribution
from keras_cnn_zoo.training import logs, old_runs, rates, results
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
    options.check()
    task = options.configured(task)
    jit = distribution.jit_argument(options.jit)
    folder = RunFolder(options.out or os.path.join("runs", task.name))
    record = options.record(task)
    folder.check(record, resume=options.resume)
    distribution.set_up(precision=options.precision, distribute=options.distribute, seed=options.seed)
    splits = folder.splits_to_continue(resume=options.resume)
    source = task.load(options.data, **{**options.data_options, "seed": options.seed, **splits})
    announce(source)
    baseline = results.check_data(task, source)
    epochs = task.recipe.epochs
    with distribution.model_scope(options.distribute):
        model = starting_model(task, source, options)
        trainer = task.trainer(model)
        batches = task.batches(model, source, "train", seed=options.seed, training=True)
        optimizer = rates.optimizer_of(task, model, epochs * len(batches))
        trainer.compile(optimizer, task.loss(), jit_compile=jit)
        # Not the one above: in half precision, `compile` wraps it in one with further state.
        trainer.optimizer.build(trainer.trainable_variables)
    if "old_draw" in splits:
        old_runs.check_run(folder, source, baseline, steps=len(batches))
    # Every option and the data have been checked; only now is anything written.
    folder.start(record, resume=options.resume, source=source)
    keeper = Keeper(task, model, source, folder, epochs)
    first = keeper.restore(trainer) if options.resume else 0
    train(trainer, batches, keeper, first=first, epochs=epochs, callbacks=logs.tensorboard(folder))
    keeper.load_best()
    folder.save_model(model)
    with results.after_saving(folder.file("model.keras")):
        metrics = results.measure(task, model, source, keeper, baseline)
        results.write(folder, task, model, source, keeper.history, metrics)
    return model, metrics
