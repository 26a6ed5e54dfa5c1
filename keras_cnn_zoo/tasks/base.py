"""The base class of tasks: the data, models, loss, metrics, and pictures of one task in one object."""

import copy
import functools

from keras_cnn_zoo import data, models
from keras_cnn_zoo.data.ahead import in_order
from keras_cnn_zoo.data.batches import Batches
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.tasks import argument, building, constructor
from keras_cnn_zoo.tasks.forward import outputs_of
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.training import rates
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import files_of


class Task:
    """Base class of tasks.

    A task consists of the arguments of its constructor and a recipe, and has no other state. `configured`
    returns a task with other arguments. `answers` turns inputs into answers; `evaluate`, `predict`, and
    `draw` all call it.

    Subclasses set

    - `name`; `summary`, a few words; `models`, a dict from snake_case name to class; `default_model`;
    - `metric`, the key that selects the best epoch (larger is better), and `recipe`;
    - `batch_size`, the number of inputs per step outside training;
    - `fit_arguments` and `predict_arguments`, tuples of `Argument`: constructor arguments that `fit` offers,
      and further arguments of `answers`; `evaluate_arguments`, those of them that change the metric.

    They implement `input_shape` or `model_arguments`, `training_batch`, `measuring_batch`, `loss`, `measure`,
    `baseline`, `describe`, `draw`, and `draw_truth`. Tasks whose inputs are not images also implement `item`,
    `check_input`, and `read_input`.
    """

    name = None
    summary = None
    models = {}
    default_model = None
    metric = None
    recipe = Recipe()
    # Fields of the recipe that differ for few images on pretrained weights.
    few_images = {}
    # A backbone with weights that `fit` suggests for few images, or None.
    pretrained_backbone = None
    batch_size = 32
    # The constructors of tasks whose models have a backbone take another one.
    backbone_rate = 1.0
    fit_arguments = ()
    predict_arguments = ()
    evaluate_arguments = ()

    def __new__(cls, *args, **kwargs):
        task = super().__new__(cls)
        # Recorded here, so that the constructors of subclasses need not record them. A frozen dataclass does
        # not allow the usual way to set an attribute.
        object.__setattr__(task, "_arguments", constructor.recorded(cls, args, kwargs))
        return task

    def recorded_arguments(self):
        """Returns the constructor's arguments that were given and are JSON values, as a dict."""
        return constructor.json_values(self._arguments)

    def configured(self, /, recipe=None, **arguments):
        """Returns a task of the same class with other arguments and another recipe; this one stays as it is.

        Args:
            recipe: dict of fields of the recipe, or None.
            **arguments: arguments of the constructor.

        Raises:
            InputError: for an unknown name or a bad value.
        """
        known = constructor.argument_names(type(self))
        unknown = sorted(set(arguments) - set(known))
        if unknown:
            takes = f"takes {', '.join(known)}" if known else "takes no arguments"
            raise InputError(f"the task {self.name} {takes}. Received: {', '.join(unknown)}")
        try:
            # Without new arguments, a copy keeps attributes that a caller has set.
            task = (
                constructor.remade(type(self), {**self._arguments, **arguments})
                if arguments
                else copy.copy(self)
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"the task {self.name}: {error}") from error
        object.__setattr__(task, "recipe", self.recipe.changed(**(recipe or {})))
        return task

    # --- data ---------------------------------------------------------------------------------------------
    def load(self, spec=None, **options):
        """Returns the `Source` of a data spec, as `keras_cnn_zoo.data.load` does for this task."""
        return data.load(spec, task=self.name, **options)

    def training_batch(self, model, source, examples, seed):
        """Returns one batch for `fit`: (x, y) or (x, y, sample_weight), augmented.

        Args:
            model: the model that is trained.
            source: the data.
            examples: list of example dicts.
            seed: tuple of integers (seed, epoch, batch). Every random draw is a function of it and of the
                position in the batch.
        """
        raise NotImplementedError(f"{type(self).__name__}.training_batch")

    def measuring_batch(self, model, source, examples):
        """Returns one batch for `model.evaluate`: (x, y) or (x, y, sample_weight), without augmentation."""
        raise NotImplementedError(f"{type(self).__name__}.measuring_batch")

    def training_examples(self, model, source):
        """Returns the examples of one epoch: the training split, unless a subclass adds to it."""
        return source.split("train")

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False):
        """Returns the `Batches` of a split, for `fit` (`training=True`) or for `model.evaluate`.

        Args:
            model: a model of this task.
            source: the data.
            split: "train", "val", or "test".
            batch_size: examples per step; None for the recipe's.
            seed: integer that fixes order and augmentation.
            training: whether to shuffle and augment.
        """
        task = self if batch_size is None else self.configured(recipe={"batch_size": batch_size})
        if training:
            return Batches(
                task.training_examples(model, source) if split == "train" else source.split(split),
                lambda examples, batch_seed: task.training_batch(model, source, examples, batch_seed),
                batch_size=task.examples_per_batch(source),
                seed=seed,
                training=True,
            )
        return Batches(
            source.split(split),
            lambda examples, batch_seed: task.measuring_batch(model, source, examples),
            batch_size=task.recipe.batch_size,
            seed=seed,
        )

    def examples_per_batch(self, source):
        """Returns the number of examples of `source` in a training batch."""
        return self.recipe.batch_size

    # --- model --------------------------------------------------------------------------------------------
    def input_shape(self, source):
        """Returns the input shape of a new model for `source`, without the batch axis."""
        raise NotImplementedError(f"{type(self).__name__}.input_shape")

    def model_arguments(self, source):
        """Returns constructor arguments of a new model for `source`, as a dict."""
        return {
            "num_classes": len(source.class_names),
            "input_shape": self.input_shape(source),
            "class_names": source.class_names,
        }

    def further_arguments(self, name, source, arguments):
        """Returns constructor arguments that depend on the data, as a dict.

        Args:
            name: name of the model.
            source: the data.
            arguments: dict of the arguments that are known so far; those stay.
        """
        return {}

    def build(
        self, /, source, *, model=None, variant=None, width=None, backbone=None, weights=None, **overrides
    ):
        """Returns a new model of this task with the classes of `source`.

        Args:
            source: the data.
            model: a name in `models`, or None for the default one.
            variant: variant of the model, or None for its default.
            width: channel scale, or None for the model's default.
            backbone: name of a network for a backbone with fresh weights, or of a preset, or of a network of
                another collection such as "keras/ResNet50"; or None.
            weights: path of a file that replaces the download of a `backbone` with a slash, or None.
            **overrides: further constructor arguments.

        Raises:
            InputError: for an unknown model or argument, or a value that the model rejects.
        """
        backbones.check_weights(backbone, weights)
        given = {"variant": variant, "width": width}
        overrides |= {key: value for key, value in given.items() if value is not None}
        name = self.default_model if model is None else model
        return building.new_model(self, source, name, overrides, backbone, weights)

    def adapt(self, preset, source, *, weights=None):
        """Returns the model of a preset for the classes of `source`, with a new head if they differ.

        Args:
            preset: name or path of a preset, or another spec that `presets.load` takes.
            source: the data.
            weights: path that replaces the download of a preset, as for `presets.load`; or None.
        """
        model = models.from_preset(preset, weights=weights)
        if tuple(model.class_names or ()) == tuple(source.class_names):
            return model
        say(f"the preset's head is replaced for the {len(source.class_names)} classes of {source.name}")
        names = source.class_names
        return models.from_preset(preset, weights=weights, num_classes=len(names), class_names=names)

    # --- training -----------------------------------------------------------------------------------------
    def trainer(self, model):
        """Returns the `keras.Model` that `fit` trains: `model` itself.

        A subclass may return a model that trains `model` together with another network, and has it as the
        attribute `model`. Checkpoints contain the variables of the whole; `model.keras` and presets contain
        only `model`.
        """
        return model

    def loss(self):
        """Returns the loss for `compile`, or None if the model computes it."""
        raise NotImplementedError(f"{type(self).__name__}.loss")

    def optimizer(self, steps, *, learning_rate=None, model=None):
        """Returns AdamW on a warmed-up cosine schedule for `steps` steps.

        With a `backbone_rate` below 1 it is a `keras.optimizers.MultiOptimizer`: the backbone of `model` has
        its own AdamW, whose schedule is scaled by that rate. Its weight decay is scaled too, because each
        step decays by learning rate times `weight_decay`.

        Args:
            steps: number of training steps.
            learning_rate: peak of the schedule, or None for the recipe's.
            model: the model that is trained, after layers were frozen; a `backbone_rate` below 1 needs it.
        """
        peak = self.recipe.learning_rate if learning_rate is None else learning_rate
        return rates.two_rates(
            functools.partial(rates.adamw, self.recipe, steps, peak), model, self.backbone_rate
        )

    # --- answers ------------------------------------------------------------------------------------------
    def item(self, example):
        """Returns the input of an example, in the form that `answers` takes."""
        return example["image"]

    # Raises `InputError` for a bad value of one of the `predict_arguments`.
    check_options = staticmethod(argument.check_options)

    def answering(self, **options):
        """Returns a copy of this task whose `answers` gets further arguments, such as `flip=True`."""
        task = copy.copy(self)
        object.__setattr__(task, "answers", functools.partial(self.answers, **options))
        return task

    def answers(self, model, items, *, batch_size=None, **options):
        """Returns a list with the model's answer to each input.

        Args:
            model: a model of this task.
            items: list of inputs, as `item` and `read_input` return them.
            batch_size: inputs per step. A smaller last batch is padded, so that a network is compiled once
                for a whole split. None for the task's `batch_size`, or the number of inputs if it is smaller.
            **options: values of the task's `predict_arguments`.
        """
        size = batch_size or max(1, min(self.batch_size, len(items)))
        found = []
        for start in range(0, len(items), size):
            part = items[start : start + size]
            found.extend(self._decode(model, self._outputs(model, part, size, **options), part))
        return found

    def _outputs(self, model, items, size):
        return outputs_of(model, model.preprocess(items), size)

    def _decode(self, model, outputs, items):
        return list(model.decode(outputs))

    def examples(self, source, split):
        """Yields the examples that a split is measured on."""
        held = source.split(split)
        return in_order(held.__getitem__, range(len(held)))

    # --- measuring ----------------------------------------------------------------------------------------
    def evaluate(self, model, source, split="test", *, batch_size=None):
        """Returns the task's metrics of `model` on a split, as a dict of plain numbers."""
        return self.measure(source, self.answered(model, source, split, batch_size=batch_size))

    def tally(self, source):
        """Returns a `Tally` that counts the answers per class, or None for a task without classes."""
        return None

    def answered(self, model, source, split, *, batch_size=None):
        """Yields (example, answer) for each example of a split."""
        size = min(batch_size or self.batch_size, len(source.split(split)))
        held = []
        for example in self.examples(source, split):
            held.append(example)
            if len(held) == size:
                yield from self._answer_examples(model, held, size)
                held = []
        if held:
            yield from self._answer_examples(model, held, size)

    def _answer_examples(self, model, examples, size):
        answers = self.answers(model, [self.item(example) for example in examples], batch_size=size)
        return zip(examples, answers, strict=True)

    def measure(self, source, pairs):
        """Returns the metrics over pairs (example, answer), an iterable, as a dict of plain numbers."""
        raise NotImplementedError(f"{type(self).__name__}.measure")

    def baseline(self, source, split="test"):
        """Returns the metrics of `evaluate` for an answer that ignores the input."""
        raise NotImplementedError(f"{type(self).__name__}.baseline")

    # --- files --------------------------------------------------------------------------------------------
    def expand_inputs(self, inputs):
        """Returns the paths of the inputs. A folder is replaced by the files directly in it, sorted by name.

        Args:
            inputs: list of paths.

        Raises:
            InputError: for a path that does not exist, or if no file is left.
        """
        return files_of(inputs)

    def check_input(self, path, **options):
        """Checks an input of `predict` without reading all of it.

        Returns:
            Its approximate size in memory, in bytes.

        Raises:
            InputError: if it cannot be an input of this task.
        """
        from keras_cnn_zoo.data.files.images import inspect as inspect_image

        info = inspect_image(path)
        return info.height * info.width * info.channels

    def read_input(self, path, model):
        """Returns one input of `predict`: here an image, uint8 (height, width, channels)."""
        from keras_cnn_zoo.data.files.images import decode

        # In the colors of the file: the model converts them, as it does for the examples of a data set.
        return decode(path)

    # --- showing ------------------------------------------------------------------------------------------
    def describe(self, model, item, answer):
        """Returns an answer as JSON values and as files to look at.

        Args:
            model: a model of this task.
            item: the input.
            answer: what `answers` returns for it.

        Returns:
            (dict of JSON values, dict from file suffix to an object with `save(path)`).
        """
        raise NotImplementedError(f"{type(self).__name__}.describe")

    def draw(self, model, source, split="test", count=12):
        """Returns a matplotlib figure of `count` examples with their true and predicted answers."""
        raise NotImplementedError(f"{type(self).__name__}.draw")

    def draw_truth(self, source, split="train", count=12):
        """Returns a matplotlib figure of `count` examples with their labels."""
        raise NotImplementedError(f"{type(self).__name__}.draw_truth")

    # --- export -------------------------------------------------------------------------------------------
    def deployable(self, model):
        """Returns the functional network, with preprocessing and decoding inside, that `export` writes."""
        return model.deployable()

    def deployable_facts(self, model):
        """Returns facts on the deployable network: `inputs` and `outputs`, as a dict of JSON values."""
        return model.deployable_facts() if hasattr(model, "deployable_facts") else {}
