"""Everything that `fit` can be told."""

import dataclasses

import keras

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

    def check(self):
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

    def peak_learning_rate(self, recipe):
        """Returns what was asked for, else the recipe's for a preset; None leaves it to the task."""
        if self.learning_rate is None and self.preset is not None:
            return recipe.fine_tune_learning_rate
        return self.learning_rate
