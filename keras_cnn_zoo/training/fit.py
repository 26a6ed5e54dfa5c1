"""fit: written once for all tasks."""

import os

from keras_cnn_zoo import distribution
from keras_cnn_zoo.training import logs, results
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
    distribution.set_up(precision=options.precision, distribute=options.distribute, seed=options.seed)
    source = task.load(options.data, seed=options.seed, **options.data_options)
    announce(source)
    epochs = task.recipe.epochs
    with distribution.model_scope(options.distribute):
        model = starting_model(task, source, options)
        trainer = task.trainer(model)
        batches = task.batches(model, source, "train", seed=options.seed, training=True)
        optimizer = task.optimizer(epochs * len(batches))
        trainer.compile(optimizer, task.loss(), jit_compile=jit)
        optimizer.build(trainer.trainable_variables)
    # Every option and the data have been checked; only now is anything written.
    folder.start(options.record(task), resume=options.resume)
    keeper = Keeper(task, model, source, folder, epochs)
    first = keeper.restore(trainer) if options.resume else 0
    train(trainer, batches, keeper, first=first, epochs=epochs, callbacks=logs.tensorboard(folder))
    keeper.load_best()
    folder.save_model(model)
    metrics = results.measure(task, model, source, keeper)
    results.write(folder, task, model, source, keeper.history, metrics)
    return model, metrics
