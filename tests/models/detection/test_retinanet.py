import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import RetinaNet
from tests.models.detection.scenes import SIZE, assert_found, detect, scene, tiny_backbone, train


def tiny(**arguments):
    arguments = {
        "input_shape": (*SIZE, 3),
        "backbone": tiny_backbone(),
        "pyramid_filters": 16,
        "tower_depth": 1,
        "anchor_sizes": (32, 48, 64, 80, 90),
        "aspect_ratios": (0.8, 1.25),
        "candidates_per_level": 32,
        "max_detections": 8,
        **arguments,
    }
    return RetinaNet(arguments.pop("num_classes", 2), **arguments)


def build_case():
    return RetinaNet(
        2,
        input_shape=(*SIZE, 3),
        variant="34",
        width=0.5,
        backbone=tiny_backbone(),
        pyramid_filters=16,
        tower_depth=2,
        # The coarsest level is one cell, so a batch of two is too small for normalization in half precision.
        normalization=keras.layers.GroupNormalization(4),
        anchor_sizes=(32, 48, 64, 80, 90),
        aspect_ratios=(0.8, 1.25),
        alpha=0.4,
        gamma=1.5,
        box_loss="giou",
        candidates_per_level=24,
        iou_threshold=0.4,
        score_threshold=0.001,
        max_detections=6,
        class_names=("disc", "square"),
        name="detector",
    )


CASES = [
    dict(cls=RetinaNet, build=build_case, inputs=scene()[0], targets=scene()[1]),
]


@pytest.mark.slow
def test_parameter_count_equals_torchvisions():
    # retinanet_resnet50_fpn for 91 classes: 34,014,999 plus its 53,120 frozen scales and shifts.
    model = RetinaNet(91, input_shape=(64, 64, 3), variant="50")
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 34_068_119


def test_parameter_count_after_the_backbone_equals_a_sum_by_hand():
    model = tiny(
        pyramid_filters=256, tower_depth=4, num_classes=91, anchor_sizes=None, aspect_ratios=(0.5, 1, 2)
    )
    convolution = 9 * 256 * 256 + 256
    pyramid = 3 * (8 * 256 + 256) + 5 * convolution
    heads = 8 * convolution + 9 * 256 * 9 * 91 + 9 * 91 + 9 * 256 * 36 + 36
    assert model.count_params() - model.features.backbone.count_params() == pyramid + heads


def test_training_memorizes_a_scene(tmp_path):
    keras.utils.set_random_seed(0)
    model = tiny()
    losses = train(model, 120)
    assert losses[-1] < 0.3 * losses[0]
    found = detect(model)
    assert_found(model.decode(found))
    model.save(os.path.join(tmp_path, "model.keras"))
    loaded = keras.saving.load_model(os.path.join(tmp_path, "model.keras"), compile=False)
    for name, value in detect(loaded).items():
        np.testing.assert_array_equal(value, found[name])


def test_initial_probabilities_are_the_prior():
    model = tiny()
    first = model(scene()[0], training=True)
    probabilities = 1 / (1 + np.exp(-keras.ops.convert_to_numpy(first["logits"])))
    np.testing.assert_allclose(probabilities, 0.01, rtol=0.2)


def test_images_without_objects_have_a_finite_loss_and_no_box_loss():
    pictures, targets = scene()
    empty = {"boxes": np.zeros_like(targets["boxes"]), "classes": np.full_like(targets["classes"], -1)}
    for box_loss in ("smooth_l1", "giou"):
        model = tiny(box_loss=box_loss)
        model.compile(optimizer="sgd", run_eagerly=True)
        logs = model.train_on_batch(pictures, empty, return_dict=True)
        assert np.isfinite(logs["loss"]) and logs["box_loss"] == 0
        assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_one_box_in_two_classes_gives_two_detections():
    model = tiny(score_threshold=0.0, max_detections=100, iou_threshold=1.0)
    found = model.decode(detect(model))[0]
    assert set(found["classes"]) == {0, 1} and len(found["scores"]) == 100


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"tower_depth": 0}, "`tower_depth` must be a positive integer"),
        ({"alpha": 2}, "`alpha` must be a finite number at least 0 and at most 1"),
        ({"gamma": 0.5}, "`gamma` must be a finite number at least 1"),
        ({"box_loss": "l2"}, "`box_loss` must be one of 'smooth_l1', 'giou'"),
        ({"anchor_sizes": (32,)}, "`anchor_sizes` must be None or positive numbers for each of 5 levels"),
        ({"candidates_per_level": 0}, "`candidates_per_level` must be a positive integer"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny(**arguments)
