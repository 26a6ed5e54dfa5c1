"""fit: written once for all tasks."""

import dataclasses
import os

import keras

from keras_cnn_zoo import distribution
from keras_cnn_zoo.models import presets
from keras_cnn_zoo.tasks import pictures
from keras_cnn_zoo.tasks.keeper import Keeper, train
from keras_cnn_zoo.tasks.run_folder import RunFolder, announce, say
from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass
class FitOptions:
    """What `fit` can be told; None means the task's own recipe.

    Args:
        data: a `--data` spec.
        data_options: dict of reader options (skip_bad, split_file, ignore_label, class_names, encoding).
        model: name of a new model.
        preset: preset to start from instead.
        variant: variant of a new model.
        width: channel scale of a new model.
        backbone: preset that a new model's backbone starts from.
        model_options: dict of further constructor arguments of a new model, JSON values.
        epochs: passes over the training data.
        batch_size: examples a step.
        learning_rate: peak learning rate.
        image_size: (height, width), or None.
        precision: dtype policy.
        jit: "auto", "on" or "off".
        distribute: "none" or "auto".
        seed: integer that fixes weights, order and augmentation.
        out: run folder.
        resume: go on with a run that was cut off.
    """

    data: str | None = None
    data_options: dict = dataclasses.field(default_factory=dict)
    model: str | None = None
    preset: str | None = None
    variant: str | None = None
    width: float | None = None
    backbone: str | None = None
    model_options: dict = dataclasses.field(default_factory=dict)
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    image_size: tuple | None = None
    precision: str = "float32"
    jit: str = "auto"
    distribute: str = "none"
    seed: int = 0
    out: str | None = None
    resume: bool = False

    def check(self, task):
        """Raises InputError for the first option that cannot be."""
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be at least 1. Received: {value}")
        for name in ("learning_rate", "width"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"--{name.replace('_', '-')} must be positive. Received: {value}")
        if self.preset is not None:
            for name in ("model", "variant", "width", "backbone"):
                if getattr(self, name) is not None:
                    raise InputError(f"--{name} and --preset exclude each other: a preset is a whole model")
            if self.model_options:
                raise InputError("--set and --preset exclude each other: a preset is a whole model")
        if self.resume and self.out is None:
            raise InputError("--resume needs --out DIR, the run to go on with")

    def record(self, task):
        """What `config.json` holds: enough to run the same again."""
        content = {"task": task.name, "backend": keras.backend.backend(), **dataclasses.asdict(self)}
        for name in ("out", "resume"):
            content.pop(name)
        content["data_options"] = {"spec": content.pop("data"), **content.pop("data_options")}
        if content["image_size"] is not None:
            content["image_size"] = list(content["image_size"])
        return content


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
    options.check(task)
    jit = distribution.jit_argument(options.jit)
    folder = RunFolder(options.out or os.path.join("runs", task.name))
    distribution.set_up(precision=options.precision, distribute=options.distribute, seed=options.seed)
    source = task.load(options.data, seed=options.seed, **options.data_options)
    announce(source)
    with distribution.model_scope(options.distribute):
        model = _start_model(task, source, options)
        batches = _training_batches(task, model, source, options)
        epochs = options.epochs or task.recipe.epochs
        rate = options.learning_rate
        if rate is None and options.preset is not None:
            rate = task.recipe.fine_tune_learning_rate
        model.compile(task.optimizer(epochs * len(batches), learning_rate=rate), task.loss(), jit_compile=jit)
    # Only now is anything written: every option and the data have been found good.
    folder.start(options.record(task), resume=options.resume)
    keeper = Keeper(task, source, folder, epochs)
    model.optimizer.build(model.trainable_variables)
    first = keeper.restore(model) if options.resume else 0
    logs = keras.callbacks.TensorBoard(folder.file("tensorboard"), write_graph=False)
    train(model, batches, keeper, first=first, epochs=epochs, callbacks=[logs])
    keeper.load_best(model)
    metrics = {
        **task.evaluate(model, source, "test"),
        "baseline": task.baseline(source, "test"),
        "split": "test",
        "best_epoch": keeper.best_epoch,
    }
    folder.save_model(model)
    folder.write_json("metrics.json", metrics)
    folder.save_figure("curves.png", pictures.curves(keeper.history))
    folder.save_figure("samples.png", task.draw(model, source))
    say(f"{folder.path}: " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items() if isinstance(v, float)))
    return model, metrics


def _start_model(task, source, options):
    if options.preset is None:
        return task.build(
            source,
            model=options.model,
            variant=options.variant,
            width=options.width,
            image_size=options.image_size,
            backbone=options.backbone,
            **options.model_options,
        )
    card = presets.describe(options.preset)
    if card["class"] not in {cls.__name__ for cls in task.models.values()}:
        raise InputError(f"--preset {options.preset} is a {card['class']}, not a model of {task.name}")
    model = task.adapt(options.preset, source)
    channels = model.input_shape[-1] if source.channels is not None else None
    if channels != source.channels:
        say(f"pictures have {source.channels} channels, the preset takes {channels}: converted")
    return model


def _training_batches(task, model, source, options):
    extra = {} if options.image_size is None else {"image_size": options.image_size}
    return task.batches(
        model,
        source,
        "train",
        batch_size=options.batch_size or task.recipe.batch_size,
        seed=options.seed,
        training=True,
        **extra,
    )
