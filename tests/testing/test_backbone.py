"""check_backbone: what it accepts, and one model for each thing that it refuses."""

import keras
import pytest
from keras import layers

from keras_cnn_zoo import models
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.testing import ContractError, check_backbone


def pyramid(**changed):
    """Returns a small network of a user, with levels of stride 2, 4, and 8."""
    inputs = keras.Input((None, None, 3))
    x, outputs = inputs, {}
    for number in (1, 2, 3):
        x = layers.Conv2D(4 * number, 3, strides=2, padding="same", name=f"convolution_{number}")(x)
        outputs[f"P{number}"] = x
    return keras.Model(inputs, {**outputs, **{name: make(inputs, x) for name, make in changed.items()}})


@pytest.mark.parametrize("variant", ["18", "50", "cifar20"])
@pytest.mark.parametrize("output_stride", [8, 32])
def test_every_network_of_the_package_is_a_backbone(variant, output_stride):
    stride = 32 if variant == "cifar20" else output_stride
    model = models.ResNet(variant=variant, width=0.0625, features_only=True, output_stride=stride)
    levels = check_backbone(model)
    assert {name: level.stride for name, level in levels.items()} == model.strides


def test_a_network_of_a_user_is_measured():
    levels = check_backbone(pyramid())
    assert levels == {f"P{n}": backbones.Level(2**n, 4 * n) for n in (1, 2, 3)}


def test_a_network_for_one_size_is_measured_too():
    model = models.ResNet(input_shape=(96, 128, 3), width=0.0625, features_only=True)
    fixed = keras.Model(model.input, model.output)
    assert {name: level.stride for name, level in check_backbone(fixed).items()} == model.strides


def one_level(stride, size=(None, None, 3)):
    inputs = keras.Input(size)
    x = layers.Conv2D(4, 3, strides=stride, padding="same")(inputs)
    return keras.Model(inputs, {"P3": x})


@pytest.mark.parametrize("stride", [1, 3, 5, 6, 7, 12, 24, 32, 64])
def test_any_usual_stride_is_measured(stride):
    assert check_backbone(one_level(stride))["P3"].stride == stride


@pytest.mark.parametrize(
    ("size", "stride"), [((32, 32, 3), 32), ((96, 96, 3), 3), ((None, 64, 3), 8), ((64, None, 3), 16)]
)
def test_a_fixed_size_gives_the_stride_that_fits(size, stride):
    assert check_backbone(one_level(stride, size))["P3"].stride == stride


def test_a_level_finer_than_the_image_and_a_stride_that_cannot_be_told_are_refused():
    inputs = keras.Input((None, None, 3))
    finer = keras.Model(inputs, {"P0": layers.UpSampling2D(2)(inputs)})
    for model in (finer, one_level(11)):
        with pytest.raises(ContractError, match="levels with the same stride"):
            check_backbone(model)


@pytest.mark.parametrize(
    "model, message",
    [
        (keras.Sequential([layers.Dense(2)]), "C3 .*return a dict of levels.*keras.Model"),
        (pyramid(P9=lambda inputs, x: x), "C3 .*return a dict of levels"),
        (
            pyramid(P4=lambda inputs, x: layers.GlobalAveragePooling2D(keepdims=True)(x)),
            "C3 .*levels with the same stride",
        ),
        (pyramid(P4=lambda inputs, x: layers.GlobalAveragePooling2D()(x)), "C3 .*return a dict of levels"),
        (pyramid(P4=lambda inputs, x: layers.Conv2D(3, 1)(inputs)), "C3 .*a deeper level is finer"),
        (
            pyramid(P4=lambda inputs, x: layers.ZeroPadding2D(4)(layers.Conv2D(3, 3, strides=2)(x))),
            "C3 .*P4 of stride 16 has the shape",
        ),
    ],
)
def test_what_is_not_a_backbone_is_refused(model, message):
    with pytest.raises(ContractError, match=message):
        check_backbone(model)
