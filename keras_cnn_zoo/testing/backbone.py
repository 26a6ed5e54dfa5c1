"""`check_backbone`: whether a model can stand under a dense model."""

import numpy as np

from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.testing.case import ContractError

# Odd along both axes, so that a level that rounds the other way shows.
_SIZE = (101, 133)


def check_backbone(model):
    """Checks that a model keeps the protocol of backbones, and so can be given as `backbone=`.

    Its output is a dict of levels, "P0" to "P5". Each level has one stride, which two sizes of images or real
    outputs tell alike, and a known number of channels; a deeper level is not finer. Its config builds it
    again without weights.

    Args:
        model: A functional `keras.Model` from images (batch, height, width, channels) to a dict of levels.

    Returns:
        A dict from the name of each level to its `Level` (`stride` and `channels`), finest first.

    Raises:
        ContractError: An AssertionError that names the guarantee, what broke, and what to do.
    """

    def fail(guarantee, what, advice):
        raise ContractError(guarantee, _Named(model), what, advice)

    if not backbones.has_levels(model):
        fail(
            "C3",
            "it does not take one batch of images and return a dict of levels",
            'build keras.Model(images, {"P2": ..., "P3": ...}) of maps with names "P0" to "P5"',
        )
    try:
        levels = backbones.levels_of(model)
    except ValueError as error:
        fail("C3", str(error), "choose layers whose maps grow with the image")
    if sorted(levels) != list(levels):
        fail("C3", f"a deeper level is finer: {levels}", "name levels by their halvings, finest first")
    height, width, channels = model.input_shape[1:]
    size = [known or free for known, free in zip((height, width), _SIZE, strict=True)]
    images = np.random.default_rng(0).uniform(-1, 1, (1, *size, channels)).astype("float32")
    for name, tensor in model(images, training=False).items():
        level, found = levels[name], tuple(tensor.shape)
        wanted = [(edge // level.stride, -(-edge // level.stride)) for edge in size]
        if any(count not in either for count, either in zip(found[1:3], wanted, strict=True)):
            what = f"{name} of stride {level.stride} has the shape {found} for images of {size}"
            fail("C3", what, 'use padding="same" throughout')
    again = type(model).from_config(model.get_config())
    if backbones.levels_of(again) != levels:
        fail("C2", "its config builds other levels", "keep what decides the levels in the config")
    return levels


class _Named:
    """What a message calls the model."""

    def __init__(self, model):
        self.name = getattr(model, "name", type(model).__name__)
