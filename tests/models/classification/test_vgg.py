import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import BatchNormalization
from keras_cnn_zoo.models import VGG

CASES = [
    dict(
        cls=VGG,
        build=lambda: VGG(
            3,
            input_shape=(33, 40, 3),
            variant="11",
            width=0.0625,
            features_only=False,
            output_stride=16,
            hidden=12,
            normalization=BatchNormalization(epsilon=0.5),
            activation="tanh",
            dropout=0.1,
            class_names=("a", "b", "c"),
            name="classifier",
        ),
        input_shape=(4, 33, 40, 3),
    ),
]


def test_the_classifier_is_that_of_keras():
    """With the same weights, logits and blocks are those of Keras' VGG16, which takes the same layers."""
    theirs = keras.applications.VGG16(
        weights=None, input_shape=(64, 32, 3), include_top=True, classes=5, classifier_activation=None
    )
    model = VGG(5, input_shape=(64, 32, 3))
    model.set_weights(theirs.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 64, 32, 3)).astype("float32")
    with_blocks = keras.Model(theirs.input, [theirs.output, theirs.get_layer("block3_conv3").output])
    logits, third = (keras.ops.convert_to_numpy(one) for one in with_blocks(images))
    np.testing.assert_allclose(model(images), logits, rtol=1e-4, atol=1e-5)
    body = VGG(features_only=True, input_shape=(64, 32, 3))
    body.set_weights(model.get_weights()[: len(body.weights)])
    levels = body(images)
    np.testing.assert_allclose(levels["P2"], third, rtol=1e-4, atol=1e-5)
    assert list(levels) == ["P0", "P1", "P2", "P3", "P4", "P5"]


@pytest.mark.parametrize(
    ("variant", "count"),
    # Of torchvision's networks, less what their layers after the convolutions have: 123,642,856 with 1,000
    # classes. The paper gives 133, 133, 138, and 144 million for the whole.
    [("11", 132_863_336), ("13", 133_047_848), ("16", 138_357_544), ("19", 143_667_240)],
)
def test_parameter_counts(variant, count):
    body = VGG(features_only=True, variant=variant, input_shape=(None, None, 3))
    assert body.count_params() == count - 123_642_856


def test_the_head_has_the_units_of_the_paper():
    model = VGG(1000, width=1 / 64)
    # 7 x 7 cells of 512 / 64 channels.
    assert [layer.count_params() for layer in model.layers if layer.name in ("hidden_1", "hidden_2")] == [
        49 * 8 * 4096 + 4096,
        4096 * 4096 + 4096,
    ]
    # With all channels: the number that the counts above leave out.
    assert 49 * 512 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000 == 123_642_856


@pytest.mark.parametrize(("output_stride", "deep"), [(32, (8, 16, 32)), (16, (8, 16, 16)), (8, (8, 8, 8))])
def test_output_stride_replaces_strides_by_dilations(output_stride, deep):
    model = VGG(features_only=True, width=0.0625, input_shape=(64, 64, 3), output_stride=output_stride)
    assert tuple(model.strides[name] for name in ("P3", "P4", "P5")) == deep
    for name, value in model.output.items():
        assert value.shape[1] == 64 // model.strides[name]


def test_a_dilated_network_sees_what_the_strided_one_sees():
    """Where the strided network has a position, the dilated one has the same value."""
    shape = {"features_only": True, "width": 0.0625, "input_shape": (None, None, 3)}
    images = np.random.default_rng(0).uniform(-1, 1, (1, 96, 128, 3)).astype("float32")
    strided, dilated = (VGG(**shape, output_stride=stride) for stride in (32, 16))
    dilated.set_weights(strided.get_weights())
    np.testing.assert_allclose(dilated(images)["P5"][:, ::2, ::2], strided(images)["P5"], atol=1e-6)
    eighth = VGG(**shape, output_stride=8)
    eighth.set_weights(strided.get_weights())
    np.testing.assert_allclose(eighth(images)["P4"][:, ::2, ::2], strided(images)["P4"], atol=1e-5)


def test_images_of_any_size_give_the_documented_shapes():
    model = VGG(2, width=0.0625, hidden=None, input_shape=(None, None, 3))
    for size in ((33, 47), (1, 1)):
        assert model(np.zeros((1, *size, 3), "float32")).shape == (1, 2)
    body = VGG(features_only=True, width=0.0625, input_shape=(None, None, 3))
    shapes = body.compute_output_shape((1, 33, 47, 3))
    assert [shapes[f"P{level}"][1:3] for level in range(6)] == [
        (33, 47), (17, 24), (9, 12), (5, 6), (3, 3), (2, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "12"}, "`variant` must be one of"),
        ({"output_stride": 4}, "`output_stride` must be"),
        ({"dropout": 1.0}, "`dropout` must be"),
        ({"hidden": 0}, "`hidden` must be"),
        ({"width": 0}, "`width` must be"),
        ({"input_shape": (3,)}, "`input_shape` must be"),
        ({"input_shape": (None, 32, 3)}, "`input_shape` must be a fixed height and width unless `hidden`"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        VGG(2, **arguments)
