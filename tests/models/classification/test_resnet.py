import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import ResNet

CASES = [
    dict(
        cls=ResNet,
        build=lambda: ResNet(
            3,
            input_shape=(33, 40, 3),
            variant="18",
            width=0.0625,
            features_only=False,
            output_stride=16,
            preactivation=False,
            groups=1,
            base_width=64,
            shortcut="projection",
            stride_on="3x3",
            use_bias=True,
            weighted=False,
            squeeze_ratio=2,
            drop_rate=0.1,
            normalization="batch",
            # Never negative, because the stem's pooling pads with zeros.
            activation="relu6",
            dropout=0.1,
            class_names=("a", "b", "c"),
            name="classifier",
        ),
        input_shape=(4, 33, 40, 3),
    ),
]


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(
    ("variant", "arguments", "count"),
    [
        # Counts of torchvision's networks; the last is SENet's.
        ("18", {}, 11_689_512),
        ("34", {}, 21_797_672),
        ("50", {}, 25_557_032),
        ("50", {"squeeze_ratio": 16}, 28_088_024),
    ],
)
def test_parameter_counts(variant, arguments, count):
    assert trainable(ResNet(1000, variant=variant, **arguments)) == count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "arguments", "count"),
    [
        ("101", {}, 44_549_160),
        ("152", {}, 60_192_808),
        ("50", {"groups": 32, "base_width": 4}, 25_028_904),
        ("50", {"base_width": 128}, 68_883_240),
    ],
)
def test_parameter_counts_of_deep_and_wide_variants(variant, arguments, count):
    assert trainable(ResNet(1000, variant=variant, **arguments)) == count


def test_cifar_20_has_the_papers_size_and_shapes():
    model = ResNet(10, variant="cifar20", input_shape=(32, 32, 3))
    # 0.27 M in the paper's table 6: 19 convolutions without biases, their normalizations, and the last layer.
    convolutions = 9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
    assert trainable(model) == convolutions + 2 * (7 * 16 + 6 * 32 + 6 * 64) + 650
    features = ResNet(variant="cifar20", input_shape=(32, 32, 3), features_only=True)
    assert {name: value.shape[1:] for name, value in features.output.items()} == {
        "P0": (32, 32, 16),
        "P1": (16, 16, 32),
        "P2": (8, 8, 64),
    }
    assert features.strides == {"P0": 1, "P1": 2, "P2": 4}


@pytest.mark.parametrize(("output_stride", "deep"), [(32, (16, 32)), (16, (16, 16)), (8, (8, 8))])
def test_output_stride_replaces_strides_by_dilations(output_stride, deep):
    model = ResNet(features_only=True, width=0.0625, input_shape=(64, 64, 3), output_stride=output_stride)
    assert (model.strides["P4"], model.strides["P5"]) == deep
    for name, value in model.output.items():
        assert value.shape[1] == 64 // model.strides[name]
    usual = ResNet(features_only=True, width=0.0625, input_shape=(64, 64, 3))
    assert [w.shape for w in model.weights] == [w.shape for w in usual.weights]
    rates = [block.dilation_rate for block in model.layers if block.name.startswith("stage_4")]
    assert rates == {32: [1, 1], 16: [1, 2], 8: [2, 4]}[output_stride]


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 1)])
def test_images_of_any_size_give_the_documented_shapes(size):
    model = ResNet(2, width=0.0625)
    assert model(np.zeros((1, *size, 3), "float32")).shape == (1, 2)


def test_preactivation_ends_with_a_normalization():
    model = ResNet(variant="cifar20", width=0.25, preactivation=True, features_only=True)
    assert model.get_layer("final_normalization") is not None
    with pytest.raises(ValueError, match="No such layer"):
        model.get_layer("stem_normalization")


def test_drop_rate_grows_with_depth():
    model = ResNet(2, width=0.0625, drop_rate=0.4)
    rates = [layer.drop_rate for layer in model.layers if layer.name.startswith("stage_")]
    np.testing.assert_allclose(rates, 0.4 * np.arange(1, 9) / 8)


def test_class_names_and_decode():
    model = ResNet(2, width=0.0625, class_names=("cat", "dog"))
    answer = model.decode(np.array([[0.0, 2.0]]))[0]
    assert answer["class_name"] == "dog" and answer["probability"] == pytest.approx(0.8808, abs=1e-4)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": None}, "`num_classes` must be a positive integer. Received: num_classes=None"),
        ({"variant": "19"}, "`variant` must be one of"),
        ({"width": 0}, "`width` must be"),
        ({"features_only": 1}, "`features_only` must be True or False"),
        ({"output_stride": 4}, "`output_stride` must be one of 8, 16, 32. Received: output_stride=4"),
        ({"variant": "cifar20", "output_stride": 16}, "`output_stride` must be one of 32"),
        ({"shortcut": "none"}, "`shortcut` must be one of"),
        ({"drop_rate": 1.0}, "`drop_rate` must be"),
        ({"dropout": 1.0}, "`dropout` must be"),
        ({"groups": 2}, '`groups` and `base_width` need kind="bottleneck"'),
        ({"input_shape": (32, 32)}, "`input_shape` must be"),
        ({"input_shape": (0, 32, 3)}, "`input_shape` must be"),
        ({"class_names": ("a",)}, "`class_names` must be"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResNet(**{"num_classes": 2, "width": 0.0625, **arguments})


def test_a_saved_backbone_gives_the_same_features(tmp_path):
    model = ResNet(features_only=True, width=0.0625, squeeze_ratio=4, input_shape=(40, 40, 3))
    model.save(tmp_path / "backbone.keras")
    loaded = keras.saving.load_model(tmp_path / "backbone.keras")
    images = np.random.default_rng(0).normal(size=(1, 40, 40, 3)).astype("float32")
    for name, value in model(images).items():
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(value), keras.ops.convert_to_numpy(loaded(images)[name])
        )
    assert loaded.strides == model.strides
