"""The backbone of a dense model: built from a name, or given and brought to the right stride."""

import keras

from keras_cnn_zoo.models.classification.resnet import VARIANTS, ResNet
from keras_cnn_zoo.utils import validation

NAMES = tuple(f"resnet{variant}" for variant in VARIANTS if not variant.startswith("cifar"))


def check_input_shape(input_shape):
    """(height, width, channels) as a tuple; height and width may be None."""
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        validation.fail("input_shape", "(height, width, channels)", input_shape)
    *space, channels = input_shape
    space = [validation.positive_integer("input_shape", size, optional=True) for size in space]
    return (*space, validation.positive_integer("input_shape", channels))


def check(name, backbone):
    """A name of `NAMES`, a model with a dict of outputs and their `strides`, or None; dicts are revived."""
    if isinstance(backbone, dict):
        backbone = keras.saving.deserialize_keras_object(backbone)
    if backbone is None or (isinstance(backbone, str) and backbone in NAMES):
        return backbone
    if (
        not isinstance(backbone, keras.Model)
        or not isinstance(getattr(backbone, "output", None), dict)
        or set(getattr(backbone, "strides", ())) != set(backbone.output)
    ):
        known = ", ".join(map(repr, NAMES))
        validation.fail(name, f"{known}, None, or a model with a dict of outputs and `strides`", backbone)
    return backbone


def serialize(backbone):
    """What a config stores for a backbone."""
    if not isinstance(backbone, keras.Model):
        return backbone
    content = keras.saving.serialize_keras_object(backbone)
    # How it was built and compiled before it came here is no argument of it.
    return {key: value for key, value in content.items() if key not in ("build_config", "compile_config")}


def build(backbone, *, input_shape, output_stride, width, normalization, activation):
    """The model behind what `check` passed.

    A model of this package is taken as it is where input and stride fit, else rebuilt for them with its
    weights: exchanging strides for dilations changes no shape of a weight. Any other model must fit.

    Args:
        backbone: a name, a model, or None for "resnet18".
        input_shape: (height, width, channels) of the whole model.
        output_stride: stride of the deepest features.
        width: scales the channels of a backbone that is built here.
        normalization: prototype of a backbone that is built here.
        activation: prototype of a backbone that is built here.

    Raises:
        ValueError: for a model of another stride or input that cannot be rebuilt.
    """
    if backbone is None or isinstance(backbone, str):
        return ResNet(
            input_shape=input_shape,
            variant=(backbone or NAMES[0]).removeprefix("resnet"),
            width=width,
            features_only=True,
            output_stride=output_stride,
            normalization=normalization,
            activation=activation,
            name="backbone",
        )
    given = tuple(backbone.input_shape[1:])
    if given == tuple(input_shape) and max(backbone.strides.values()) == output_stride:
        return backbone
    config = backbone.get_config()
    if isinstance(backbone, ResNet) and given[-1] == input_shape[-1]:
        config["input_shape"] = list(input_shape)
        if not backbone.variant.startswith("cifar"):
            config["output_stride"] = output_stride
        rebuilt = type(backbone).from_config(config)
        rebuilt.set_weights(backbone.get_weights())
        backbone, given = rebuilt, tuple(rebuilt.input_shape[1:])
    fits = all(own in (None, wanted) for own, wanted in zip(given, input_shape, strict=True))
    if not fits or max(backbone.strides.values()) != output_stride:
        raise ValueError(
            f"`backbone` must take {tuple(input_shape)} and have an output stride of {output_stride}. "
            f"Received: backbone of input shape {given} and strides {backbone.strides}"
        )
    return backbone


def deepest(strides):
    """The name of the last of the levels."""
    return max(strides, key=lambda level: (strides[level], level))


def level_of_stride(strides, stride):
    """The name of the last level of that very stride."""
    found = [level for level, own in strides.items() if own == stride]
    if not found:
        raise ValueError(f"`backbone` must have a level of stride {stride}. Received: strides={strides}")
    return max(found)
