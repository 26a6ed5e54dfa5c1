"""The learning rate of a task: its schedule, and a smaller rate for the backbone of a model."""

import inspect
import math
import re

import keras
from keras import ops

from keras_cnn_zoo.training import freezing
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError


def check(backbone_rate):
    """Returns `backbone_rate`, a number above 0 and at most 1, as a float.

    0 is refused: `freeze` leaves the backbone as it is, and its batch normalization too.
    """
    return validation.finite_number("backbone_rate", backbone_rate, above=0, maximum=1)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class WarmedUpCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up from a hundredth of the peak, then half a cosine down to 0.

    It equals `keras.optimizers.schedules.CosineDecay`, but its length is a variable: TensorFlow does not have
    to compile a training step again after `set_steps`.

    Args:
        peak: highest learning rate.
        steps: number of training steps.
        warmup: fraction of the steps spent warming up, in [0, 1).
    """

    def __init__(self, peak, steps, warmup=0.0):
        super().__init__()
        self.peak = peak
        self.warmup = warmup
        # The steps in all, and those of the warm-up.
        self._length = keras.Variable([1.0, 0.0], trainable=False, dtype="float32", name="length")
        self.set_steps(steps)

    def set_steps(self, steps):
        """Changes the number of training steps."""
        self.steps = steps
        self._length.assign([float(steps), float(int(self.warmup * steps))])

    def __call__(self, step):
        step = ops.cast(step, "float32")
        length = ops.convert_to_tensor(self._length)
        total, warm = length[0], length[1]
        rising = 0.01 + 0.99 * step / ops.maximum(warm, 1.0)
        done = ops.clip((step - warm) / ops.maximum(total - warm, 1.0), 0.0, 1.0)
        return self.peak * ops.where(step < warm, rising, 0.5 + 0.5 * ops.cos(math.pi * done))

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup}


def adamw(recipe, steps, peak, factor=1.0, name=None):
    """Returns AdamW on a `WarmedUpCosine` to `factor * peak`, averaged as `recipe` says."""
    average = {}
    if recipe.ema:
        # The average reaches back over about a tenth of the run.
        average = {"use_ema": True, "ema_momentum": min(0.999, max(0.9, 1 - 10 / steps))}
    schedule = WarmedUpCosine(factor * peak, steps, recipe.warmup)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay, name=name, **average)
    if not recipe.ema:
        # The average also depends on the number of steps.
        optimizer.schedule = schedule
    return optimizer


def schedules(optimizer):
    """Returns the `WarmedUpCosine` of an optimizer whose length can be changed after compilation.

    Returns:
        A list, empty if the program has the number of steps as a constant: in an optimizer of another kind,
        with an exponential moving average, and on JAX.
    """
    if keras.backend.backend() == "jax":
        return []
    # In half precision, an optimizer with further state is around the task's own.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    found = [getattr(one, "schedule", None) for one in getattr(optimizer, "optimizers", [optimizer])]
    return [] if None in found else found


def optimizer_of(task, model, steps, **options):
    """Returns `task.optimizer(steps, model=model, **options)`, also for a task that takes no `model`.

    Args:
        task: a `Task`; subclasses of earlier versions may have an `optimizer` without the argument `model`.
        model: the model of the task.
        steps: number of training steps.
        **options: further arguments of `optimizer`.

    Raises:
        InputError: for a `backbone_rate` that such an `optimizer` would ignore, or a model without a
            backbone.
    """
    parameters = inspect.signature(task.optimizer).parameters.values()
    if any(one.name == "model" or one.kind == one.VAR_KEYWORD for one in parameters):
        return task.optimizer(steps, model=model, **options)
    if task.backbone_rate != 1:
        raise InputError(
            f"`backbone_rate` must be 1 for {type(task).__name__}, whose `optimizer` takes no `model`. "
            f"Received: {task.backbone_rate:g}"
        )
    return task.optimizer(steps, **options)


def two_rates(make, model, backbone_rate):
    """Returns one optimizer for a whole model, or one for its backbone and one for everything else.

    Args:
        make: function of (factor of the learning rate, name or None) that returns an optimizer.
        model: the model, or None if `backbone_rate` is 1. Variables that are not its own, such as those of a
            second network in the trainer, learn at the full rate.
        backbone_rate: factor of the backbone's learning rate.

    Returns:
        `make(1.0, None)` if the rate is 1, or if the whole backbone is frozen; or else a
        `keras.optimizers.MultiOptimizer` of optimizers named "head" and "backbone".

    Raises:
        InputError: for a model without a backbone.
        ValueError: if `model` is missing.
    """
    if backbone_rate == 1:
        return make(1.0, None)
    if model is None:
        raise ValueError(f"`optimizer` needs `model` for a `backbone_rate`. Received: {backbone_rate:g}")
    layers = freezing.backbone_layers(model)
    if layers is None:
        raise InputError(
            f"`backbone_rate` must be 1 for {type(model).__name__}, which has no backbone. "
            f"Received: {backbone_rate:g}"
        )
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    if not variables:
        return make(1.0, None)
    paths = "|".join(re.escape(path) for path in sorted({variable.path for variable in variables}))
    return keras.optimizers.MultiOptimizer(
        BackboneMap(make(1.0, "head"), {paths: make(backbone_rate, "backbone")}, variables=variables)
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class BackboneMap(keras.optimizers.OptimizerMap):
    """Gives given variables, and no other with the same path, to one optimizer, and the rest to another.

    The paths of variables are not unique: a second network in the trainer may have the layers of the first.
    A loaded map has only the paths, which suffice for the one model that a file holds.

    Args:
        default_optimizer: the optimizer of all other variables.
        optimizer_map: dict with one entry, from a regular expression of the paths to the optimizer.
        variables: the variables, or nothing to go by the paths.
    """

    def __init__(self, default_optimizer, optimizer_map=None, *, variables=()):
        super().__init__(default_optimizer, optimizer_map)
        # With the variables themselves, so that no other object gets the identity of one.
        self._given = {id(variable): variable for variable in variables}

    def __call__(self, variable):
        if not self._given:
            return super().__call__(variable)
        (given,) = self.values()
        return given if id(variable) in self._given else self.default_optimizer
