"""The recipe for few images on pretrained weights: when it applies, and what it leaves as it was given."""

import types

import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.training import few_images

PRETRAINED = "efficientnet_lite0_imagenet"


class Few(tasks.Segmentation):
    few_images = {"learning_rate": 0.25, "frozen_statistics": True}


def configured(images=few_images.FEW, **options):
    options = tasks.FitOptions(**options)
    source = types.SimpleNamespace(split=lambda name: range(images))
    return few_images.configured(options.configured(Few()), options, source).recipe


def test_it_applies_to_few_images_on_a_pretrained_backbone(capsys):
    recipe = configured(backbone=PRETRAINED)
    assert (recipe.learning_rate, recipe.frozen_statistics) == (0.25, True)
    said = capsys.readouterr().err
    assert "few images and pretrained weights: frozen statistics True, learning rate 0.25" in said


@pytest.mark.parametrize(
    "options",
    [{}, {"backbone": "resnet18"}, {"images": few_images.FEW + 1, "backbone": PRETRAINED}],
    ids=["no backbone", "fresh weights", "many images"],
)
def test_otherwise_the_recipe_is_the_usual_one(options, capsys):
    assert configured(**options) == Few.recipe
    assert capsys.readouterr().err == ""


def test_a_backbone_among_the_arguments_of_the_model_is_one(capsys):
    recipe = configured(data="masks:photos", model_options={"backbone": PRETRAINED})
    assert recipe == configured(data="masks:photos", backbone=PRETRAINED)
    assert "brings weights" not in capsys.readouterr().err


def test_weights_are_suggested_for_few_images_of_a_user(capsys):
    configured(data="masks:photos")
    assert "few images: `backbone` efficientnet_lite0_imagenet brings weights" in capsys.readouterr().err
    configured(data="masks:photos", images=few_images.FEW + 1)
    configured(data="masks:photos", preset="unet_camvid")
    configured(data="masks:photos", backbone=PRETRAINED)
    assert "`backbone`" not in capsys.readouterr().err


@pytest.mark.parametrize("given", [{"learning_rate": 0.5}, {"recipe_options": {"learning_rate": 0.5}}])
def test_what_was_given_stays(given):
    recipe = configured(backbone=PRETRAINED, **given)
    assert (recipe.learning_rate, recipe.frozen_statistics) == (0.5, True)


def test_the_rate_of_a_whole_preset_stays():
    recipe = configured(preset="unet_camvid")
    assert recipe.learning_rate == Few.recipe.fine_tune_learning_rate and recipe.frozen_statistics
    recipe = configured(preset="unet_camvid", recipe_options={"fine_tune_learning_rate": 0.5})
    assert recipe.learning_rate == 0.5
