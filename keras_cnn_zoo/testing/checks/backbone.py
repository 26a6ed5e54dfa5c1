"""C2 and C3 of a backbone: its levels, their strides, and a config that builds them again."""

import numpy as np

from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.testing.guarantees import Broken

# Odd along both axes, so that a level that rounds the other way is seen.
SIZE = (101, 133)


def check_levels(case):
    """Checks C3 for backbones: the levels, their strides, and the shapes of real outputs."""
    model = case.make()
    if not backbones.has_levels(model):
        raise Broken(
            "it does not take one batch of images and return a dict of levels",
            'build keras.Model(images, {"P2": ..., "P3": ...}) of maps with names "P0" to "P5"',
        )
    try:
        levels = backbones.levels_of(model)
    except ValueError as error:
        raise Broken(str(error), "choose layers whose maps grow with the image") from error
    if sorted(levels) != list(levels):
        raise Broken(f"a deeper level is finer: {levels}", "name levels by their halvings, finest first")
    height, width, channels = model.input_shape[1:]
    size = [known or free for known, free in zip((height, width), SIZE, strict=True)]
    images = np.random.default_rng(0).uniform(-1, 1, (1, *size, channels)).astype("float32")
    for name, tensor in model(images, training=False).items():
        level, found = levels[name], tuple(tensor.shape)
        expected = [(edge // level.stride, -(-edge // level.stride)) for edge in size]
        if any(count not in either for count, either in zip(found[1:3], expected, strict=True)):
            what = f"{name} of stride {level.stride} has the shape {found} for images of {size}"
            raise Broken(what, 'use padding="same" throughout')


def check_config(case):
    """Checks C2 for backbones: the config builds the same levels."""
    model = case.make()
    again = type(model).from_config(model.get_config())
    if backbones.levels_of(again) != backbones.levels_of(model):
        raise Broken("its config builds other levels", "keep what decides the levels in the config")
