import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import FasterRCNN
from tests.models.detection.scenes import SIZE, assert_found, detect, scene, tiny_backbone, train


def tiny(**arguments):
    arguments = {
        "input_shape": (*SIZE, 3),
        "backbone": tiny_backbone(),
        "pyramid_filters": 16,
        "head_units": 32,
        "min_level": 3,
        "anchor_sizes": (32, 48, 64, 64),
        "proposals_per_level": 32,
        "num_proposals": 24,
        "num_samples": 16,
        "max_detections": 8,
        "seed": 0,
        **arguments,
    }
    return FasterRCNN(arguments.pop("num_classes", 2), **arguments)


def build_case():
    return FasterRCNN(
        2,
        input_shape=(*SIZE, 3),
        variant="34",
        width=0.5,
        backbone=tiny_backbone(),
        min_level=3,
        pyramid_filters=16,
        head_units=24,
        normalization="batch",
        anchor_sizes=((24, 36), (48, 60), 2 * (64,), (80, 90)),
        aspect_ratios=(0.8, 1.25),
        proposals_per_level=16,
        num_proposals=12,
        num_samples=10,
        iou_threshold=0.4,
        score_threshold=0.1,
        max_detections=6,
        seed=3,
        class_names=("disc", "square"),
        name="detector",
    )


CASES = [
    dict(cls=FasterRCNN, build=build_case, inputs=scene()[0], targets=scene()[1]),
]


@pytest.mark.slow
def test_parameter_count_equals_torchvisions():
    # fasterrcnn_resnet50_fpn for 91 classes, including background: 41,755,286 plus its 53,120 frozen scales
    # and shifts of batch normalization.
    model = FasterRCNN(90, input_shape=(64, 64, 3), variant="50")
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 41_808_406


def test_parameter_count_after_the_backbone_equals_a_sum_by_hand():
    model = tiny(pyramid_filters=256, head_units=1024, num_classes=90, anchor_sizes=None)
    pyramid = 3 * (8 * 256 + 256) + 3 * (9 * 256 * 256 + 256)
    proposals = 9 * 256 * 256 + 256 + 256 * 3 + 3 + 256 * 12 + 12
    head = 256 * 49 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 91 + 91 + 1024 * 364 + 364
    own = model.count_params() - model.features.backbone.count_params()
    assert own == pyramid + proposals + head


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = tiny()
    return model, train(model, 250)


def test_training_memorizes_a_scene(trained):
    model, losses = trained
    assert losses[-1] < 0.3 * losses[0]
    assert_found(model.decode(detect(model)))


def test_loss_parts_add_up_and_evaluation_is_deterministic(trained):
    model, _ = trained
    model.compile(run_eagerly=True)
    pictures, targets = scene()
    first = model.evaluate(pictures, targets, verbose=0, return_dict=True)
    assert set(first) == {"loss", "objectness_loss", "anchor_loss", "class_loss", "box_loss"}
    assert first["loss"] == pytest.approx(sum(first.values()) - first["loss"], rel=1e-5)
    assert model.evaluate(pictures, targets, verbose=0, return_dict=True) == first


def test_a_saved_and_loaded_model_gives_the_same_outputs(trained, tmp_path):
    model, _ = trained
    model.save(os.path.join(tmp_path, "model.keras"))
    # Other tests compile this model again, with an optimizer that has no variables yet.
    loaded = keras.saving.load_model(os.path.join(tmp_path, "model.keras"), compile=False)
    one, other = (detect(each) for each in (model, loaded))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    one, other = (each.get_config() for each in (model, loaded))
    assert {**one, "backbone": None} == {**other, "backbone": None}


def test_sample_weights_weigh_images():
    pictures, targets = scene()
    model = tiny()
    model.compile(run_eagerly=True)

    def loss(weights):
        weights = None if weights is None else np.array(weights, "float32")
        return model.evaluate(pictures, targets, sample_weight=weights, verbose=0, return_dict=True)["loss"]

    both = loss(None)
    assert loss([1.0, 1.0]) == pytest.approx(both, rel=1e-5)
    assert loss([2.0, 0.0]) + loss([0.0, 2.0]) == pytest.approx(2 * both, rel=1e-4)


def test_images_without_objects_have_a_finite_loss_and_no_box_loss():
    pictures, targets = scene()
    model = tiny()
    model.compile(run_eagerly=True)
    empty = {"boxes": np.zeros_like(targets["boxes"]), "classes": np.full_like(targets["classes"], -1)}
    logs = model.evaluate(pictures, empty, verbose=0, return_dict=True)
    assert np.isfinite(logs["loss"]) and logs["class_loss"] > 0
    assert logs["anchor_loss"] == logs["box_loss"] == 0


def test_padding_changes_nothing():
    pictures, targets = scene()
    model = tiny()
    model.compile(run_eagerly=True)
    first = {name: values[:, :2] for name, values in targets.items()}
    short = model.evaluate(pictures, first, verbose=0, return_dict=True)
    padded = model.evaluate(pictures, targets, verbose=0, return_dict=True)
    assert padded["anchor_loss"] == pytest.approx(short["anchor_loss"], rel=1e-5)
    assert padded["objectness_loss"] == pytest.approx(short["objectness_loss"], rel=1e-5)


def test_detections_are_sorted_inside_the_image_and_padded():
    model = tiny(score_threshold=0.0)
    found = detect(model)
    assert (np.diff(found["scores"], axis=1) <= 1e-6).all()
    assert found["boxes"].min() >= 0 and found["boxes"].max() <= max(SIZE)
    none = detect(tiny(score_threshold=1.0))
    assert (none["classes"] == -1).all() and not none["boxes"].any()


def test_boxes_are_in_the_pixels_of_images_of_any_size():
    model = tiny(class_names=("a", "b"))
    pictures = [np.full((200, 100, 3), 255, "uint8"), np.zeros((30, 90), "uint8")]
    batch = model.preprocess(pictures)
    assert batch.shape == (2, *SIZE, 3)
    np.testing.assert_allclose(batch[0, :, :32], 1, atol=1e-5)
    np.testing.assert_allclose(batch[0, :, 32:], 0, atol=1e-5)
    inside = model.preprocess_boxes([[0, 0, 100, 200]], (200, 100))
    np.testing.assert_allclose(inside, [[0, 0, 32, 64]])
    outputs = {
        "boxes": np.stack([inside, model.preprocess_boxes([[45, 0, 90, 30]], (30, 90))]),
        "scores": np.array([[0.9], [0.8]]),
        "classes": np.array([[1], [0]]),
    }
    decoded = model.decode(outputs, sizes=[(200, 100), (30, 90)])
    np.testing.assert_allclose(decoded[0]["boxes"], [[0, 0, 100, 200]], rtol=1e-5)
    np.testing.assert_allclose(decoded[1]["boxes"], [[45, 0, 90, 30]], rtol=1e-5)
    assert decoded[0]["class_names"] == ["b"] and decoded[1]["class_names"] == ["a"]


def test_mixed_precision_keeps_scores_and_boxes_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny()
    finally:
        keras.config.set_dtype_policy("float32")
    pictures, targets = scene()
    model.compile(optimizer="adam", run_eagerly=True)
    assert np.isfinite(model.train_on_batch(pictures, targets, return_dict=True)["loss"])
    assert {np.asarray(value).dtype.name for value in detect(model).values()} == {
        "float32",
        "int32",
    }


def test_a_given_resnet_equals_the_default_one():
    model = FasterRCNN(2, input_shape=(*SIZE, 3), variant="18", width=0.0625, max_detections=5)
    assert model.get_config()["backbone"] is None
    assert model.features.backbone.strides["P5"] == 32
    given = FasterRCNN(
        2, input_shape=(*SIZE, 3), width=0.0625, max_detections=5, backbone=model.features.backbone
    )
    assert FasterRCNN.from_config(given.get_config()).count_params() == given.count_params()
    assert given.count_params() == model.count_params()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"input_shape": (64, None, 3)}, "`input_shape` must be a positive integer"),
        ({"input_shape": 64}, r"`input_shape` must be \(height, width, channels\)"),
        ({"variant": "7"}, "`variant` must be one of '18', '34', '50'"),
        ({"width": 0}, "`width` must be a finite number above 0"),
        (
            {"backbone": "resnet"},
            "`backbone` must be .*'resnet18', .*, None, or a model with a dict of levels",
        ),
        ({"min_level": 1}, "`min_level` must be one of 2, 3, 4"),
        ({"anchor_sizes": (32, 64)}, "`anchor_sizes` must be None or positive numbers for each of 4 levels"),
        ({"anchor_sizes": ((8, 9), 16, 32, 64)}, "`anchor_sizes` must be as many on every level"),
        ({"aspect_ratios": ()}, "`aspect_ratios` must be positive numbers"),
        ({"num_samples": 0}, "`num_samples` must be a positive integer"),
        ({"score_threshold": 2}, "`score_threshold` must be a finite number"),
        ({"class_names": ("a",)}, "`class_names` must be None or 2 distinct strings"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny(**arguments)


def test_refuses_a_backbone_without_the_stages():
    inputs = keras.Input((*SIZE, 3))
    backbone = keras.Model(inputs, {"P2": keras.layers.Conv2D(4, 3, strides=4, padding="same")(inputs)})
    with pytest.raises(ValueError, match="`backbone` must have one level for each of the strides"):
        tiny(backbone=backbone)
    with pytest.raises(ValueError, match="`backbone` must be .* a model with a dict of levels"):
        tiny(backbone=keras.Model(inputs, backbone.output["P2"]))


def test_refuses_sizes_of_another_number_of_images():
    model = tiny()
    with pytest.raises(ValueError, match=r"`sizes` must give \(height, width\) for each of 2 images"):
        model.decode(detect(model), sizes=[(10, 10)])
