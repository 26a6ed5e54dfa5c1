"""What the detectors' constructors and losses share."""

import copy
import re

import keras
import numpy as np
from keras import layers, ops

from keras_cnn_zoo.models.classification.resnet import ResNet
from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.utils import validation

VARIANTS = ("18", "34", "50")


def check_input_shape(input_shape):
    """(height, width, channels), all known: boxes are matched and clipped in one frame."""
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        validation.fail("input_shape", "(height, width, channels)", input_shape)
    return tuple(validation.positive_integer("input_shape", size) for size in input_shape)


def check_backbone(backbone):
    """A model with a dict of stages, from its serialized form too, or None."""
    model = backbone
    if isinstance(backbone, dict):
        # Of a copy: what Keras makes a functional model of is empty afterwards.
        model = keras.saving.deserialize_keras_object(copy.deepcopy(backbone))
    if model is None:
        return None
    if not isinstance(model, keras.Model):
        validation.fail("backbone", "None or a keras.Model that gives a dict of stages", backbone)
    return model


def resnet(input_shape, variant, width):
    """The backbone that a detector has of its own."""
    return ResNet(input_shape=input_shape, variant=variant, width=width, features_only=True, name="backbone")


def stage_strides(backbone, inputs, first, last):
    """{name: stride} of the backbone's stages from level `first` to `last`."""
    shapes = backbone.compute_output_shape(inputs.shape)
    if not isinstance(shapes, dict):
        validation.fail("backbone", "a model that gives a dict of stages", backbone)
    strides = {}
    for name, shape in shapes.items():
        number = re.fullmatch(r"P(\d+)", name)
        if number and first <= int(number.group(1)) <= last:
            # The published strides, or, where a model came without, those that its shapes tell.
            known = getattr(backbone, "strides", {})
            strides[name] = known.get(name) or 2 ** round(np.log2(inputs.shape[1] / shape[1]))
    wanted = {f"P{level}": 2**level for level in range(first, last + 1)}
    found = {name: strides[name] for name in sorted(strides)}
    if not found or any(wanted[name] != stride for name, stride in found.items()) or f"P{first}" not in found:
        raise ValueError(
            f"`backbone` must give stages from P{first} on with strides {wanted}. Received: {found}"
        )
    return found


def extended(strides, count):
    """`strides` and those of `count` coarser levels."""
    strides = dict(strides)
    for _ in range(count):
        name = max(strides)
        strides[f"P{int(name[1:]) + 1}"] = 2 * strides[name]
    return strides


def check_anchors(sizes, ratios, default):
    """Sizes for each level as lists, and ratios as a list."""
    given, sizes = sizes, default if sizes is None else sizes
    try:
        sizes = [_positive_numbers(each) for each in sizes]
    except (TypeError, ValueError):
        sizes = []
    if len(sizes) != len(default):
        validation.fail("anchor_sizes", f"None or positive numbers for each of {len(default)} levels", given)
    try:
        ratios_list = _positive_numbers(ratios)
    except (TypeError, ValueError):
        validation.fail("aspect_ratios", "positive numbers", ratios)
    return sizes, ratios_list


def _positive_numbers(value):
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise ValueError("none")
    return [validation.finite_number("value", item, above=0) for item in items]


def check_per_cell(anchors):
    """The number of anchors a cell, the same on every level."""
    counts = set(anchors.anchors_per_cell)
    if len(counts) > 1:
        validation.fail("anchor_sizes", "as many on every level, because one head serves all", anchors.sizes)
    return counts.pop()


def anchor_counts(input_shape, strides, per_cell):
    """Number of anchors of each level."""
    spaces = [[(length + stride - 1) // stride for length in input_shape[:2]] for stride in strides]
    return [height * width * per_cell for height, width in spaces]


def truth_of(y):
    """True boxes (batch, n, 4), their classes (batch, n), and which of them are no padding."""
    truth, classes = ops.cast(y["boxes"], "float32"), ops.cast(y["classes"], "int32")
    _, _, width, height = box_ops.centers_and_sizes(truth)
    return truth, classes, ops.logical_and(classes >= 0, ops.logical_and(width > 0, height > 0))


def predictor(units, stddev, name):
    """A dense layer that predicts, in float32 under any policy."""
    initializer = keras.initializers.RandomNormal(stddev=stddev)
    return layers.Dense(units, kernel_initializer=initializer, dtype="float32", name=name)


def spread_keys(count):
    """Fixed numbers in [0, 1) without a pattern along the anchors, (1, count)."""
    positions = np.arange(count, dtype="float64") * ((5**0.5 - 1) / 2)
    return ops.convert_to_tensor((positions % 1.0).astype("float32")[None])


def total_loss(model, parts, sample_weight):
    """Tracks each part (batch,) and sums them over parts and the mean of pictures."""
    if sample_weight is not None:
        # Keras repeats one array of weights for each entry of the targets.
        sample_weight = keras.tree.flatten(sample_weight)[0]
        weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        parts = [part * weight for part in parts]
    parts = [ops.mean(part) for part in parts]
    for tracker, part in zip(model.loss_parts, parts, strict=True):
        tracker.update_state(ops.stop_gradient(part))
    total = sum(parts)
    for penalty in model.losses:
        total = total + penalty
    return total
