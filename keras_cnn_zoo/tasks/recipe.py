"""How a model of a task is trained by default."""

import dataclasses
import math

from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Training hyperparameters of a task.

    Args:
        epochs: passes over the training split.
        batch_size: examples per step.
        learning_rate: peak of a cosine schedule that starts with a linear warm-up.
        fine_tune_learning_rate: the same when weights come from a preset.
        weight_decay: decoupled decay (AdamW), per unit of learning rate.
        warmup: fraction of the steps spent warming up, in [0, 1).
        least_steps: a run with fewer steps than this gets more epochs, because small data sets have short
            epochs. 0 for none.
        patience: number of validations in a row without a better result after which training stops, counted
            from the first change. A run has at most 40 validations. 0 never stops early.
        ema: whether the exponential moving average of the weights is validated and kept instead of the
            weights.
        frozen_statistics: whether the batch normalization of the backbone keeps the statistics, scales, and
            offsets that it starts with.

    Raises:
        InputError: for a value out of range.
    """

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    fine_tune_learning_rate: float = 3e-4
    weight_decay: float = 5e-2
    warmup: float = 0.05
    least_steps: int = 0
    patience: int = 0
    ema: bool = False
    frozen_statistics: bool = False

    def __post_init__(self):
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"`{name}` must be an integer of at least 1. Received: {value!r}")
        for name in ("least_steps", "patience"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InputError(f"`{name}` must be an integer of at least 0. Received: {value!r}")
        for name in ("ema", "frozen_statistics"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"`{name}` must be True or False. Received: {getattr(self, name)!r}")
        for name in ("learning_rate", "fine_tune_learning_rate"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value < math.inf:
                raise InputError(f"`{name}` must be a positive number. Received: {value!r}")
        if not _is_number(self.weight_decay) or not 0 <= self.weight_decay < math.inf:
            raise InputError(
                f"`weight_decay` must be a number of at least 0. Received: {self.weight_decay!r}"
            )
        if not _is_number(self.warmup) or not 0 <= self.warmup < 1:
            raise InputError(f"`warmup` must be a number in [0, 1). Received: {self.warmup!r}")

    def changed(self, /, **changes):
        """Returns a recipe with other values, and refuses names that are not fields."""
        known = [field.name for field in dataclasses.fields(self)]
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise InputError(f"a recipe has {', '.join(known)}. Received: {', '.join(unknown)}")
        return dataclasses.replace(self, **changes)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
