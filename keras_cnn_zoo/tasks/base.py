"""What a task is: one object from data to model, loss, metrics and pictures, for programs and notebooks."""

import dataclasses

import keras

from keras_cnn_zoo import data
from keras_cnn_zoo.data.batches import Batches
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
    selects the best epoch, larger is better) and `recipe`, and implement `input_shape`, `prepare`, `loss`,
    `evaluate`, `baseline`, `describe` and `draw`.
    """

    name = None
    models = {}
    default_model = None
    metric = None
    recipe = Recipe()

    # --- data ---------------------------------------------------------------------------------------------
    def load(self, spec=None, **options):
        """The data behind a `--data` spec, as `keras_cnn_zoo.data.load` gives it for this task."""
        return data.load(spec, task=self.name, **options)

    def prepare(self, model, source, examples, seed=None):
        """A list of example dicts to (x, y, sample_weight); augmented where `seed` is given."""
        raise NotImplementedError(f"{type(self).__name__}.prepare")

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False):
        """`Batches` of a split of `source` for `fit` (training) or for measuring."""

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

    def build(self, source, *, model=None, variant=None, width=None, image_size=None, **overrides):
        """A new model of this task with the classes of `source`."""
        name = model or self.default_model
        if name not in self.models:
            known = ", ".join(sorted(self.models))
            raise InputError(f"--model: unknown {self.name} model {name!r}. Known: {known}")
        arguments = {
            "num_classes": len(source.class_names),
            "input_shape": self.input_shape(source, image_size),
            "class_names": source.class_names,
            **overrides,
        }
        if variant is not None:
            arguments["variant"] = variant
        if width is not None:
            arguments["width"] = width
        try:
            return self.models[name](**arguments)
        except ValueError as error:
            raise InputError(f"--model {name}: {error}") from error

    # --- training -----------------------------------------------------------------------------------------
    def loss(self):
        """The loss that `compile` gets."""
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

    def describe(self, model, image):
        """One picture to (JSON-able answer, dict of file suffix to picture)."""
        raise NotImplementedError(f"{type(self).__name__}.describe")

    def draw(self, model, source, split="test", count=12):
        """A matplotlib figure of `count` examples with truth and answer."""
        raise NotImplementedError(f"{type(self).__name__}.draw")

    def deployable(self, model):
        """The network with its preprocessing and decoding inside, for export.

        Takes 0..255 float pictures of the network's input size and gives class probabilities.
        """
        inputs = keras.Input(model.input_shape[1:], name="images")
        scale = 1.0 / model.preprocessing["std"]
        offset = -model.preprocessing["mean"] * scale
        x = keras.layers.Rescaling(scale, offset=offset, dtype="float32", name="normalize")(inputs)
        outputs = keras.layers.Softmax(axis=-1, dtype="float32", name="probabilities")(model(x))
        return keras.Model(inputs, outputs, name=f"{model.name}_deployable")
