"""The learning rate of a task: its schedule, and a smaller rate for the backbone of a model."""

import inspect
import re

import keras

from keras_cnn_zoo.training import freezing
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError


def check(backbone_rate):
    """Returns `backbone_rate`, a number above 0 and at most 1, as a float.

    0 is refused: `freeze` leaves the backbone as it is, and its batch normalization too.
    """
    return validation.finite_number("backbone_rate", backbone_rate, above=0, maximum=1)


def warmed_up_cosine(recipe, steps, peak):
    """Returns a cosine schedule for `steps` steps up to `peak`, with the warm-up of `recipe`."""
    warmup = int(recipe.warmup * steps)
    return keras.optimizers.schedules.CosineDecay(
        peak / 100 if warmup else peak,
        max(1, steps - warmup),
        alpha=0.0,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )


def adamw(recipe, steps, peak, factor=1.0, name=None):
    """Returns AdamW on the schedule of `warmed_up_cosine` to `factor * peak`, averaged as `recipe` says."""
    average = {}
    if recipe.ema:
        # The average reaches back over about a tenth of the run.
        average = {"use_ema": True, "ema_momentum": min(0.999, max(0.9, 1 - 10 / steps))}
    schedule = warmed_up_cosine(recipe, steps, factor * peak)
    return keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay, name=name, **average)


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
