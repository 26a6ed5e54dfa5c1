"""The features of a detector: a backbone's stages, and a pyramid over them."""

from keras_cnn_zoo.layers import FeaturePyramid
from keras_cnn_zoo.models import backbones
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
        backbone: None for a `ResNet` of `variant`, or what `backbones.check` takes.
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
        self.source = found = backbones.build(
            backbones.check("backbone", backbone) or f"resnet{variant}",
            input_shape,
            output_stride=None,
            width=width,
        )
        self.backbone = found.model
        self.stage_strides = stage_strides(found, min_level)
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


def stage_strides(backbone, min_level):
    """Returns `{name: stride}` of a `Backbone`'s levels of stride `2**min_level` to 32, finest first."""
    strides = {name: level.stride for name, level in backbone.levels.items() if level.stride >= 2**min_level}
    wanted = [2**level for level in range(min_level, LAST_LEVEL + 1)]
    if list(strides.values()) != wanted[: len(strides)] or not strides:
        raise ValueError(
            f"`backbone` must have one level for each of the strides {wanted}. Received: {backbone.strides()}"
        )
    return strides


def _extended(strides, count):
    """Returns `strides` and those of `count` coarser levels."""
    strides = dict(strides)
    for _ in range(count):
        name = max(strides)
        strides[f"P{int(name[1:]) + 1}"] = 2 * strides[name]
    return strides
