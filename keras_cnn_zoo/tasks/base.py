"""What a task is: one object from data to model, loss, metrics and pictures, for programs and notebooks."""

import dataclasses
import inspect
import os

import keras

from keras_cnn_zoo import data, models, presets
from keras_cnn_zoo.data.batches import Batches
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model of a task is trained when nobody says otherwise.

    Args:
        epochs: passes over the training split.
        batch_size: examples a step.
        learning_rate: peak of a cosine schedule that starts with a linear warm-up.
        fine_tune_learning_rate: the same when weights come from a preset.
        weight_decay: decoupled decay (AdamW), per unit of learning rate.
        warmup: share of the steps spent warming up.
    """

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    fine_tune_learning_rate: float = 3e-4
    weight_decay: float = 5e-2
    warmup: float = 0.05


class Task:
    """Base of the tasks. A task is stateless: it says how things of its kind are done.

    Subclasses set `name`, `models` (snake_case name to class), `default_model`, `metric` (the key that
    selects the best epoch, larger is better) and `recipe`, and implement `input_shape` or `model_arguments`,
    `prepare`, `loss`, `evaluate`, `baseline`, `describe` and `draw`. Those whose inputs are not
    pictures implement `expand_inputs` and `read_input` too; `predict_options` names what `predict` may tell
    `describe` beyond the input.
    """

    name = None
    models = {}
    default_model = None
    metric = None
    recipe = Recipe()
    predict_options = ()

    # --- data ---------------------------------------------------------------------------------------------
    def load(self, spec=None, **options):
        """The data behind a `--data` spec, as `keras_cnn_zoo.data.load` gives it for this task."""
        return data.load(spec, task=self.name, **options)

    def prepare(self, model, source, examples, seed=None):
        """A list of example dicts to (x, y, sample_weight); augmented where `seed` is given."""
        raise NotImplementedError(f"{type(self).__name__}.prepare")

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False, image_size=None):
        """`Batches` of a split of `source` for `fit` (training) or for measuring.

        `image_size`, as (height, width), is for tasks whose training pictures may have another size than the
        network's input; the others build the network for it.
        """

        def prepare(examples, batch_seed):
            return self.prepare(model, source, examples, batch_seed if training else None)

        return Batches(
            source.split(split),
            prepare,
            batch_size=batch_size or self.recipe.batch_size,
            seed=seed,
            training=training,
        )

    # --- model --------------------------------------------------------------------------------------------
    def input_shape(self, source, image_size=None):
        """(height, width, channels) of a new model for `source`."""
        raise NotImplementedError(f"{type(self).__name__}.input_shape")

    def model_arguments(self, source, image_size=None):
        """Constructor arguments of a new model for `source`, as a dict."""
        return {
            "num_classes": len(source.class_names),
            "input_shape": self.input_shape(source, image_size),
            "class_names": source.class_names,
        }

    def build(
        self,
        source,
        *,
        model=None,
        variant=None,
        width=None,
        image_size=None,
        backbone=None,
        **overrides,
    ):
        """A new model of this task with the classes of `source`.

        Args:
            source: the data.
            model: a name in `models`, or None for the default one.
            variant: variant of the model, or None for its own.
            width: channel scale, or None for the model's own.
            image_size: (height, width), or None for the task's own.
            backbone: name of a network for a backbone with fresh weights, or of a preset; or None.
            **overrides: further constructor arguments.
        """
        name = model or self.default_model
        if name not in self.models:
            known = ", ".join(sorted(self.models))
            raise InputError(f"--model: unknown {self.name} model {name!r}. Known: {known}")
        arguments = {**self.model_arguments(source, image_size), **overrides}
        if variant is not None:
            arguments["variant"] = variant
        if width is not None:
            arguments["width"] = width
        # Keras' own base classes swallow arguments that they do not know.
        known = set(inspect.signature(self.models[name].__init__).parameters) - {"self", "kwargs"}
        asked = {*arguments, *(() if backbone is None else ("backbone",))}
        if asked - known:
            unknown = ", ".join(sorted(asked - known))
            raise InputError(f"--model {name} takes {', '.join(sorted(known))}. Received: {unknown}")
        if backbone is not None:
            found = self._load_backbone(backbone, arguments["input_shape"])
            arguments["backbone"] = found
            if not isinstance(found, str):
                # Weights that were learned on colors need them: images are converted.
                arguments["input_shape"] = (*arguments["input_shape"][:2], found.input_shape[-1])
        try:
            return self.models[name](**arguments)
        except (TypeError, ValueError) as error:
            raise InputError(f"--model {name}: {error}") from error

    @staticmethod
    def _load_backbone(name, input_shape):
        """A network's name, which means fresh weights, or the body of a preset, which keeps its channels."""
        if name in backbones.networks():
            return name
        try:
            own = presets.describe(name)["config"].get("input_shape") or input_shape
            return models.from_preset(name, features_only=True, input_shape=(*input_shape[:2], own[-1]))
        except InputError as error:
            raise InputError(f"--backbone: {error}") from error

    def adapt(self, preset, source):
        """The model of a preset for the classes of `source`: another head where they differ."""
        model = models.from_preset(preset)
        if tuple(model.class_names or ()) == tuple(source.class_names):
            return model
        say(f"the preset's head is replaced for the {len(source.class_names)} classes of {source.name}")
        return models.from_preset(preset, num_classes=len(source.class_names), class_names=source.class_names)

    # --- training -----------------------------------------------------------------------------------------
    def loss(self):
        """The loss that `compile` gets; None where the model computes its own."""
        raise NotImplementedError(f"{type(self).__name__}.loss")

    def optimizer(self, steps, *, learning_rate=None):
        """AdamW on a warmed-up cosine schedule for `steps` steps."""
        peak = self.recipe.learning_rate if learning_rate is None else learning_rate
        warmup = int(self.recipe.warmup * steps)
        schedule = keras.optimizers.schedules.CosineDecay(
            peak / 100 if warmup else peak,
            max(1, steps - warmup),
            alpha=0.0,
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
        )
        return keras.optimizers.AdamW(schedule, weight_decay=self.recipe.weight_decay)

    # --- measuring and showing ----------------------------------------------------------------------------
    def evaluate(self, model, source, split="test", *, batch_size=None):
        """The task's metrics of `model` on a split, as a dict of plain numbers."""
        raise NotImplementedError(f"{type(self).__name__}.evaluate")

    def baseline(self, source, split="test"):
        """The same metrics for an answer that does not look at the picture."""
        raise NotImplementedError(f"{type(self).__name__}.baseline")

    def expand_inputs(self, inputs):
        """Paths of single inputs: files as given; a folder stands for the files directly in it, sorted.

        Args:
            inputs: list of paths.

        Raises:
            InputError: for a path that does not exist, or where no file is left.
        """
        files = []
        for item in map(str, inputs):
            if os.path.isdir(item):
                names = sorted(name for name in os.listdir(item) if not name.startswith("."))
                files.extend(os.path.join(item, name) for name in names)
            elif os.path.exists(item):
                files.append(item)
            else:
                raise InputError(f"{item} does not exist")
        if not files:
            raise InputError(f"no files in {', '.join(map(str, inputs))}")
        return files

    def read_input(self, path, model):
        """One input of `predict`, as `describe` takes it: here a picture, uint8 (height, width, channels)."""
        from keras_cnn_zoo.data.files.images import decode

        return decode(path, channels=model.input_shape[-1])

    def describe(self, model, item, **options):
        """One input to (JSON-able answer, dict of file suffix to an object with `save(path)`).

        Args:
            model: a model of this task.
            item: what `read_input` gives.
            **options: those of `predict_options` that were given.
        """
        raise NotImplementedError(f"{type(self).__name__}.describe")

    def draw(self, model, source, split="test", count=12):
        """A matplotlib figure of `count` examples with truth and answer."""
        raise NotImplementedError(f"{type(self).__name__}.draw")

    def deployable(self, model):
        """Returns the functional network with preprocessing and decoding inside that `export` writes."""
        return model.deployable()
