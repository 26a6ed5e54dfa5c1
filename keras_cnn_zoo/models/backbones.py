"""The protocol of backbones: a functional model whose output is a dict of levels, "P0" to "P5".

The number of a level is the number of times that the plain network halves the image. With `output_stride`
below 32, the deepest levels keep their names and have that stride. Code reads the stride, never the name.
"""

import copy
import dataclasses
import os
import re

import keras

from keras_cnn_zoo import presets
from keras_cnn_zoo.presets.sources import check_weights, collection_of, is_foreign
from keras_cnn_zoo.utils import registry, validation
from keras_cnn_zoo.utils.errors import InputError

# If the image grows from _SIZE by _GROWTH pixels, a level of stride s grows by _GROWTH / s cells. All strides
# up to 8 and the usual larger ones divide _GROWTH. Only shapes are computed.
_SIZE, _GROWTH = 256, 64 * 3 * 5 * 7
# Strides to try for networks with a fixed input size, powers of two first.
_STRIDES = (*(2**power for power in range(7)), *(stride for stride in range(1, 65) if stride & (stride - 1)))


@dataclasses.dataclass(frozen=True)
class Level:
    """Stride and channels of one level.

    Args:
        stride: distance between neighboring cells of the level, in pixels of the image.
        channels: number of channels.
    """

    stride: int
    channels: int


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network that outputs levels.

    Args:
        model: functional model from images to a dict of levels.
        levels: dict from name to `Level`, finest first.
        preprocessing: dict of the `mean` and `std` with which the weights were trained; None for fresh
            weights, or a model that normalizes images itself.
    """

    model: keras.Model
    levels: dict
    preprocessing: dict | None = None

    @property
    def deepest(self):
        """Name of the last level."""
        return list(self.levels)[-1]

    def of_stride(self, stride):
        """Returns the name of the last level of a stride.

        Raises:
            ValueError: if there is none.
        """
        found = [name for name, level in self.levels.items() if level.stride == stride]
        if not found:
            raise ValueError(
                f"`backbone` must have a level of stride {stride}. Received: strides={self.strides()}"
            )
        return found[-1]

    def strides(self):
        """Returns a dict from the name of a level to its stride."""
        return {name: level.stride for name, level in self.levels.items()}


networks = registry.networks


def check_input_shape(input_shape):
    """Returns (height, width, channels) as a tuple. Height and width may be None."""
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        validation.fail("input_shape", "(height, width, channels)", input_shape)
    *space, channels = input_shape
    space = [validation.positive_integer("input_shape", size, optional=True) for size in space]
    return (*space, validation.positive_integer("input_shape", channels))


def resolve(spec, input_shape=None, weights=None):
    """Returns the name of a network, for fresh weights, or a pretrained model without its head.

    Args:
        spec: name of a network; name or path of a preset, where a `pathlib.Path` is always a path; or a
            collection and a name, such as "keras/EfficientNetV2B0", "kerashub/resnet_18_imagenet",
            "timm/resnet18.a1_in1k", "torchvision/resnet50", or "hf://USER/REPO".
        input_shape: (height, width, channels) of the whole model. The channels stay those of the weights.
            None for the shape of a preset.
        weights: path of a file that replaces the download, or None.

    Raises:
        InputError: if it cannot be loaded. The message is one line.
    """
    check_weights(spec, weights)
    if not isinstance(spec, (str, os.PathLike)):
        raise InputError(f"`backbone` must be the name of a network or preset. Received: {spec!r}")
    if spec in networks():
        return spec
    try:
        if input_shape is None or collection_of(spec) is not None:
            return presets.load(spec, features_only=True, weights=weights)
        # The number of channels stays that of the preset, because its weights depend on it. Before `load`,
        # nothing in the config is checked.
        own = presets.describe(spec, weights=weights)["config"].get("input_shape")
        shape = (*input_shape[:2], own[-1] if isinstance(own, list) and own else input_shape[-1])
        return presets.load(spec, features_only=True, input_shape=shape, weights=weights)
    except InputError as error:
        raise InputError(f"`backbone`: {error}") from error


def check(name, backbone):
    """Returns None, the name of a network, or a model with a dict of levels.

    Args:
        name: name of the argument, for messages.
        backbone: None; a spec as of `resolve`: the name of a network, for fresh weights, or a preset or a
            network of another collection, which are loaded without their heads; a model; or the config of a
            model, which is built.

    Raises:
        ValueError: for anything else.
        InputError: for a preset or network that cannot be loaded.
    """
    if isinstance(backbone, dict):
        # A copy, because Keras empties the config of a functional model while it builds the model.
        backbone = keras.saving.deserialize_keras_object(copy.deepcopy(backbone))
    elif is_pretrained(backbone) and (is_foreign(backbone) or presets.exists(backbone)):
        backbone = resolve(backbone)
    if backbone is None or (isinstance(backbone, str) and backbone in networks()):
        return backbone
    if not has_levels(backbone):
        known = ", ".join(map(repr, networks()))
        validation.fail(
            name, f'{known}, a preset, None, or a model with a dict of levels, "P0" to "P5"', backbone
        )
    return backbone


def is_pretrained(backbone):
    """Returns whether a value of `backbone=` is a spec with weights, as of `resolve`."""
    return isinstance(backbone, (str, os.PathLike)) and backbone not in networks()


def has_levels(model):
    """Returns whether a model takes one batch of images and returns a dict of maps, "P0" to "P5"."""
    if not isinstance(model, keras.Model):
        return False
    given, outputs = getattr(model, "input", None), getattr(model, "output", None)
    return (
        getattr(given, "shape", None) is not None
        and len(given.shape) == 4
        and isinstance(outputs, dict)
        and bool(outputs)
        and all(re.fullmatch(r"P[0-5]", name) for name in outputs)
        and all(len(tensor.shape) == 4 for tensor in outputs.values())
    )


def build(backbone, input_shape, *, output_stride=32, output_strides=(), weights=None, **arguments):
    """Returns the `Backbone` of a spec, or of a value that `check` returned.

    A network of the package is used as it is if its input shape and stride fit. Otherwise it is rebuilt for
    them with its weights, because replacing strides by dilations does not change the shapes of weights. Any
    other model must fit as it is.

    Args:
        backbone: name of a network, which gets fresh weights; a model; or another spec that `resolve` takes.
        input_shape: (height, width, channels) of the whole model.
        output_stride: stride of the deepest level, or None for that of the backbone.
        output_strides: values of the `output_stride` of the model that is built, for messages; empty if it
            has no such argument.
        weights: path of a file that replaces a download, as of `resolve`.
        **arguments: arguments of a network that is built by name, such as `width`.

    Raises:
        ValueError: if the model does not fit and cannot be rebuilt.
    """
    if is_pretrained(backbone) or weights is not None:
        backbone = resolve(backbone, input_shape, weights)
    if isinstance(backbone, str):
        cls, own = networks()[backbone]
        known = {**own, **arguments, "input_shape": input_shape}
        if output_stride is not None:
            known["output_stride"] = output_stride
        model = cls(**known, features_only=True, name="backbone")
        return Backbone(model, levels_of(model))
    levels = levels_of(backbone)
    if output_stride is None:
        output_stride = max(level.stride for level in levels.values())
    if _fits(backbone, levels, input_shape, output_stride):
        return Backbone(backbone, levels, _preprocessing(backbone))
    rebuilt = _rebuilt(backbone, input_shape, output_stride)
    if rebuilt is not None:
        levels = levels_of(rebuilt)
        if _fits(rebuilt, levels, input_shape, output_stride):
            return Backbone(rebuilt, levels, _preprocessing(backbone))
    own = max(level.stride for level in levels.values())
    fitting = own in output_strides and _fits(backbone, levels, input_shape, own)
    advice = f"; set `output_stride` to {own}" if fitting else ""
    raise ValueError(
        f"`backbone` must take {tuple(input_shape)} and have an output stride of {output_stride}{advice}. "
        f"Received: backbone of input shape {tuple(backbone.input_shape[1:])} and strides "
        f"{ {name: level.stride for name, level in levels.items()} }"
    )


def levels_of(model):
    """Returns {name: Level} of a model with a dict of levels, finest first.

    Raises:
        ValueError: if the strides of a level differ along height and width.
    """
    own = type(model).__module__.split(".")[0] == registry.PACKAGE
    strides = getattr(model, "strides", None) if own else None
    strides = strides or _measured_strides(model)
    found = {
        name: Level(strides[name], int(tensor.shape[-1])) for name, tensor in sorted(model.output.items())
    }
    return dict(sorted(found.items(), key=lambda item: (item[1].stride, item[0])))


def _measured_strides(model):
    """Returns the stride of each level, measured from two image sizes or from the model's fixed size."""
    height, width, channels = model.input_shape[1:]
    if height is None and width is None:
        sizes = (_SIZE, _SIZE + _GROWTH)
        small, large = (model.compute_output_shape((1, size, size, channels)) for size in sizes)
        strides = {
            name: _stride_of_growth([large[name][axis] - small[name][axis] for axis in (1, 2)])
            for name in small
        }
    else:
        strides = {
            name: _first_stride((height, width), tensor.shape[1:3]) for name, tensor in model.output.items()
        }
    for name, stride in strides.items():
        if stride is None:
            raise ValueError(
                "`backbone` must have levels with the same stride along height and width. "
                f"Received: level {name} of shape {tuple(model.output[name].shape)}"
            )
    return strides


def _stride_of_growth(growth):
    down, right = growth
    return _GROWTH // down if down == right and down > 0 and _GROWTH % down == 0 else None


def _first_stride(size, places):
    """Returns the first of `_STRIDES` that maps a size in pixels to that number of cells, or None."""
    known = [(edge, count) for edge, count in zip(size, places, strict=True) if None not in (edge, count)]
    fits = (s for s in _STRIDES if all(count in (-(-edge // s), edge // s) for edge, count in known))
    return next(fits, None)


def _fits(model, levels, input_shape, output_stride):
    given = tuple(model.input_shape[1:])
    takes = all(own in (None, wanted) for own, wanted in zip(given, input_shape, strict=True))
    return takes and max(level.stride for level in levels.values()) == output_stride


def _rebuilt(model, input_shape, output_stride):
    """Returns a network of the package for another input and stride, with its weights, or None."""
    if (
        registry.models().get(type(model).__name__) is not type(model)
        or model.input_shape[-1] != input_shape[-1]
    ):
        return None
    config = {**model.get_config(), "input_shape": list(input_shape), "output_stride": output_stride}
    try:
        rebuilt = type(model).from_config(config)
    except ValueError:
        return None
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _preprocessing(model):
    return getattr(model, "preprocessing", None)
