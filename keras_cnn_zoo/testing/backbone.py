"""`check_backbone`: whether a model can be the backbone of a dense model."""

import dataclasses
import typing

import keras

from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.testing.case import Case
from keras_cnn_zoo.testing.fields import argument, documented
from keras_cnn_zoo.testing.runner import check_case


@documented
@dataclasses.dataclass(eq=False)
class BackboneCase(Case):
    """A model that the contract checks as a backbone."""

    kind = "backbone"
    folder = "backbones"

    model: typing.Any = argument(
        "A functional `keras.Model` from images (batch, height, width, channels) to a dict of levels, or a "
        "function without arguments that returns one."
    )

    @property
    def name(self):
        """The name of the model, or of the function that builds it."""
        return getattr(self.model, "name", None) or getattr(self.model, "__name__", type(self.model).__name__)

    def make(self):
        """Returns the model."""
        return self.model if isinstance(self.model, keras.layers.Layer) else self.model()


def check_backbone(model):
    """Checks that a model follows the protocol of backbones, and so can be given as `backbone=`.

    Its output is a dict of levels, "P0" to "P5". Each level has one stride, on which two sizes of images or
    real outputs agree, and a known number of channels; a deeper level is not finer. Its config builds it
    again without weights.

    Args:
        model: A functional `keras.Model` from images (batch, height, width, channels) to a dict of levels.

    Returns:
        A dict from the name of each level to its `Level` (`stride` and `channels`), finest first.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """
    check_case(BackboneCase(model))
    return backbones.levels_of(model)
