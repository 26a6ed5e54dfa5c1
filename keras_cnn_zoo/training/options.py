"""All arguments of `fit`."""

import dataclasses
import json

import keras

from keras_cnn_zoo.presets.sources import check_weights
from keras_cnn_zoo.training import freezing
from keras_cnn_zoo.training.rate_finder import AUTO
from keras_cnn_zoo.utils.errors import InputError

# A preset is a whole model: these build a new one.
_OF_A_NEW_MODEL = ("model", "variant", "width", "backbone", "model_options")
# An unset variable of a shell gives an empty name. It must not mean the default.
_NAMES = ("data", "model", "preset", "variant", "backbone", "weights", "out")
# Fields of the recipe that are options too.
_RECIPE = ("epochs", "batch_size", "learning_rate", "patience", "ema")
# NumPy's generator takes seeds below this.
_SEEDS = 2**32


@dataclasses.dataclass
class FitOptions:
    """Arguments of `fit`; None means the recipe of the task.

    Args:
        data: a data spec, "FORMAT:PATH" or "tfds:NAME"; None for the embedded set.
        data_options: dict of reader options (skip_bad, split_file, ignore_label, class_names, encoding,
            palette).
        model: name of a new model.
        preset: preset to start from instead.
        variant: variant of a new model.
        width: channel scale of a new model.
        backbone: network or preset for the backbone of a new model, or a network of another collection, such
            as "keras/ResNet50".
        model_options: dict of further constructor arguments of a new model, JSON values.
        task_options: dict of constructor arguments of the task, JSON values.
        recipe_options: dict of fields of the task's `Recipe`.
        freeze: "none", "backbone", or N for the stem and the levels of the backbone up to PN.
        epochs: passes over the training data. A number that is given is kept. That of the recipe is raised
            for small data sets.
        minutes: minutes for the whole run instead of a number of epochs. The first steps are timed, and the
            number of epochs that fits is fixed and recorded.
        patience: validations in a row without a better result after which training stops, counted from the
            first change; 0 for never. A run has at most 40 validations.
        ema: whether the exponential moving average of the weights is validated and kept.
        batch_size: examples per step.
        learning_rate: peak learning rate; "auto" finds it by a few steps at rising rates, before the first
            step of the run, and records it.
        image_size: (height, width), or None; short for `task_options["image_size"]`.
        precision: dtype policy.
        jit: "auto", "on", or "off".
        distribute: "none" or "auto".
        seed: integer that fixes weights, order, and augmentation.
        out: run folder.
        resume: continue an interrupted run in `out`.
        weights: file that replaces the download of a `backbone` or `preset` with a slash.
        workers: number of threads that prepare training batches; None for 2, 0 for the training thread. It
            never changes a result, and a resumed run may have another one.
    """

    data: str | None = None
    data_options: dict = dataclasses.field(default_factory=dict)
    model: str | None = None
    preset: str | None = None
    variant: str | None = None
    width: float | None = None
    backbone: str | None = None
    model_options: dict = dataclasses.field(default_factory=dict)
    task_options: dict = dataclasses.field(default_factory=dict)
    recipe_options: dict = dataclasses.field(default_factory=dict)
    freeze: str | int = freezing.NONE
    epochs: int | None = None
    minutes: float | None = None
    patience: int | None = None
    ema: bool | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    image_size: tuple | None = None
    precision: str = "float32"
    jit: str = "auto"
    distribute: str = "none"
    seed: int = 0
    out: str | None = None
    resume: bool = False
    weights: str | None = None
    workers: int | None = None

    @property
    def new_backbone(self):
        """The `backbone` of a new model, as an option or among `model_options`."""
        return self.model_options.get("backbone", self.backbone)

    def check(self):
        """Raises InputError for arguments that are out of range or exclude each other."""
        for name in _NAMES:
            if getattr(self, name) == "":
                raise InputError(f"`{name}` must not be empty")
        if not 0 <= self.seed < _SEEDS:
            raise InputError(f"`seed` must be at least 0 and below {_SEEDS}. Received: {self.seed}")
        freezing.check(self.freeze)
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be at least 1. Received: {value}")
        if self.workers is not None and (
            isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 0
        ):
            raise InputError(f"`workers` must be an integer of at least 0. Received: {self.workers!r}")
        for name in ("learning_rate", "width", "minutes"):
            value = getattr(self, name)
            if name == "learning_rate" and isinstance(value, str):
                if value != AUTO:
                    raise InputError(f"`learning_rate` must be a number or {AUTO}. Received: {value!r}")
            elif value is not None and not 0 < value < float("inf"):
                raise InputError(f"`{name}` must be positive. Received: {value}")
        if self.preset is not None:
            for name in _OF_A_NEW_MODEL:
                if getattr(self, name) not in (None, {}):
                    raise InputError(f"`{name}` and `preset` exclude each other: a preset is a whole model")
        weights = self.model_options.get("weights", self.weights)
        check_weights(self.new_backbone if self.preset is None else self.preset, weights)
        for name in _RECIPE:
            if getattr(self, name) is not None and name in self.recipe_options:
                raise InputError(f"`{name}` and `recipe.{name}` exclude each other")
        if self.minutes is not None and (self.epochs is not None or "epochs" in self.recipe_options):
            raise InputError("`minutes` and `epochs` exclude each other: one follows from the other")
        if "fine_tune_learning_rate" in self.recipe_options:
            if self.preset is None:
                raise InputError("`recipe.fine_tune_learning_rate` needs `preset`")
            if self.learning_rate is not None or "learning_rate" in self.recipe_options:
                raise InputError("`learning_rate` and `recipe.fine_tune_learning_rate` exclude each other")
        if self.image_size is not None and "image_size" in self.task_options:
            raise InputError("`image_size` and `task.image_size` exclude each other")
        if self.resume and self.out is None:
            raise InputError("`resume` needs `out`, the run to continue")
        for name in ("data_options", "model_options", "task_options", "recipe_options"):
            try:
                json.dumps(getattr(self, name))
            except (TypeError, ValueError) as error:
                raise InputError(f"`{name}` must have JSON values: {error}") from error

    def task_arguments(self):
        """Returns the constructor arguments of the task that were given."""
        return {**self.task_options, **({} if self.image_size is None else {"image_size": self.image_size})}

    def configured(self, task):
        """Returns `task` with the arguments and the recipe that were given."""
        arguments = self.task_arguments()
        if "recipe" in arguments:
            raise InputError(
                f"the task {task.name} has no argument recipe: fields of the recipe are `recipe.NAME`"
            )
        task = task.configured(recipe=self.recipe_options, **arguments)
        changes = {name: getattr(self, name) for name in _RECIPE}
        if self.learning_rate == AUTO:
            # The usual rate says where to search.
            changes["learning_rate"] = None
        given = changes["learning_rate"] is not None or "learning_rate" in self.recipe_options
        if self.preset is not None and not given:
            changes["learning_rate"] = task.recipe.fine_tune_learning_rate
        changes = {name: value for name, value in changes.items() if value is not None}
        return task.configured(recipe=changes)

    def given_recipe(self):
        """Returns the names of the fields of the recipe that were given, as a set."""
        given = {name for name in _RECIPE if getattr(self, name) is not None} | set(self.recipe_options)
        return given | ({"learning_rate"} if "fine_tune_learning_rate" in given else set())

    def _own_recipe(self, task):
        """Returns the fields of the recipe that differ from the class's and are not options."""
        explained = {name for name in _RECIPE if getattr(self, name) is not None}
        if self.preset is not None:
            explained.add("learning_rate")
        usual, own = (dataclasses.asdict(recipe) for recipe in (type(task).recipe, task.recipe))
        return {name: own[name] for name in own if own[name] != usual.get(name) and name not in explained}

    def record(self, task):
        """Returns what `config.json` holds: enough to run the same again."""
        content = {"task": task.name, "backend": keras.backend.backend(), **dataclasses.asdict(self)}
        for name in ("out", "resume", "workers"):
            content.pop(name)
        content["data_options"] = {"spec": content.pop("data"), **content.pop("data_options")}
        content["task_options"] = {**task.recorded_arguments(), **self.task_options}
        if self.image_size is not None:
            content["task_options"].pop("image_size")
        content["freeze"] = freezing.check(self.freeze)
        if content["freeze"] == freezing.NONE:
            # Runs of version 0.1 do not have it, and are resumed.
            content.pop("freeze")
        if content["weights"] is None:
            content.pop("weights")
        content["recipe_options"] = {**self._own_recipe(task), **self.recipe_options}
        for name in ("task_options", "recipe_options"):
            # Runs of version 0.1 do not have them, and are resumed.
            if not content[name]:
                content.pop(name)
        # As it is read again: a tuple is a list.
        return json.loads(json.dumps(content))
