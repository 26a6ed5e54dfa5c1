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
        (model, metrics): the trained model with its best weights, and what `metrics.json` holds.

    Raises:
        InputError: for an option, a file or a folder that cannot be used; nothing is overwritten.
    """
    options.check()
    jit = distribution.jit_argument(options.jit)
    folder = RunFolder(options.out or os.path.join("runs", task.name))
    distribution.set_up(precision=options.precision, distribute=options.distribute, seed=options.seed)
    source = task.load(options.data, seed=options.seed, **options.data_options)
    announce(source)
    with distribution.model_scope(options.distribute):
        model = starting_model(task, source, options)
        batches = task.batches(
            model,
            source,
            "train",
            batch_size=options.batch_size or task.recipe.batch_size,
            seed=options.seed,
            training=True,
            **({} if options.image_size is None else {"image_size": options.image_size}),
        )
        epochs = options.epochs or task.recipe.epochs
        optimizer = task.optimizer(
            epochs * len(batches), learning_rate=options.peak_learning_rate(task.recipe)
        )
        model.compile(optimizer, task.loss(), jit_compile=jit)
        optimizer.build(model.trainable_variables)
    # Only now is anything written: every option and the data have been found good.
    folder.start(options.record(task), resume=options.resume)
    keeper = Keeper(task, source, folder, epochs)
    first = keeper.restore(model) if options.resume else 0
    train(model, batches, keeper, first=first, epochs=epochs, callbacks=logs.tensorboard(folder))
    keeper.load_best(model)
    folder.save_model(model)
    metrics = results.measure(task, model, source, keeper)
    results.write(folder, task, model, source, keeper.history, metrics)
    return model, metrics
