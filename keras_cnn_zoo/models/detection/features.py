"""The features of a detector: a backbone's stages, and a pyramid over them."""

import copy
import re

import keras
import numpy as np

from keras_cnn_zoo.layers import FeaturePyramid
from keras_cnn_zoo.models.classification.resnet import ResNet
from keras_cnn_zoo.utils import validation

VARIANTS = ("18", "34", "50")
LAST_LEVEL = 5


def check_input_shape(input_shape):
    """Returns (height, width, channels), all known: boxes are matched and clipped in one frame."""
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        validation.fail("input_shape", "(height, width, channels)", input_shape)
    return tuple(validation.positive_integer("input_shape", size) for size in input_shape)


class PyramidFeatures:
    """A backbone and a `FeaturePyramid` over its stages: images → `{"P3": map, "P4": map, ...}`.

    A plain object: its layers belong to the detector's graph.

    Args:
        backbone: a model that returns a dict of stages, its serialized form, or None for a `ResNet`.
        input_shape: (height, width, channels) of the network's images.
        variant: variant of the `ResNet`.
        width: width of the `ResNet`.
        min_level: the finest level.
        filters: channels of the pyramid.
        extra_levels: number of levels beyond the backbone's coarsest stage.
        extra: how these are made, as of `FeaturePyramid`.
        normalization: as of `FeaturePyramid`.
    """

    def __init__(
        self,
        backbone,
        *,
        input_shape,
        variant,
        width,
        min_level,
        filters,
        extra_levels,
        extra,
        normalization,
    ):
        self.backbone = check_backbone(backbone) or ResNet(
            input_shape=input_shape, variant=variant, width=width, features_only=True, name="backbone"
        )
        self.stage_strides = stage_strides(self.backbone, (None, *input_shape), min_level)
        self.strides = _extended(self.stage_strides, extra_levels)
        self.pyramid = FeaturePyramid(
            filters,
            extra_levels=extra_levels,
            extra=extra,
            normalization=normalization,
            data_format="channels_last",
            name="pyramid",
        )

    def __call__(self, images, training=None):
        mode = {} if training is None else {"training": training}
        stages = self.backbone(images, **mode)
        return self.pyramid({name: stages[name] for name in self.stage_strides}, **mode)


def check_backbone(backbone):
    """Returns a model with a dict of stages, from its serialized form too, or None."""
    model = backbone
    if isinstance(backbone, dict):
        # Of a copy: Keras empties the config of a functional model while it builds one from it.
        model = keras.saving.deserialize_keras_object(copy.deepcopy(backbone))
    if model is not None and not isinstance(model, keras.Model):
        validation.fail("backbone", "None or a keras.Model that gives a dict of stages", backbone)
    return model


def stage_strides(backbone, input_shape, min_level):
    """Returns `{name: stride}` of the backbone's stages from `min_level` to level 5, finest first."""
    shapes = backbone.compute_output_shape(input_shape)
    if not isinstance(shapes, dict):
        validation.fail("backbone", "a model that gives a dict of stages", backbone)
    strides = {}
    for name, shape in shapes.items():
        number = re.fullmatch(r"P(\d+)", name)
        if number and min_level <= int(number.group(1)) <= LAST_LEVEL:
            # The published strides, or those of the shapes where a model publishes none.
            known = getattr(backbone, "strides", {})
            strides[name] = known.get(name) or 2 ** round(np.log2(input_shape[1] / shape[1]))
    wanted = {f"P{level}": 2**level for level in range(min_level, LAST_LEVEL + 1)}
    found = {name: strides[name] for name in sorted(strides)}
    wrong = any(wanted[name] != stride for name, stride in found.items())
    if wrong or f"P{min_level}" not in found:
        raise ValueError(
            f"`backbone` must give stages from P{min_level} on with strides {wanted}. Received: {found}"
        )
    return found


def _extended(strides, count):
    """Returns `strides` and those of `count` coarser levels."""
    strides = dict(strides)
    for _ in range(count):
        name = max(strides)
        strides[f"P{int(name[1:]) + 1}"] = 2 * strides[name]
    return strides
