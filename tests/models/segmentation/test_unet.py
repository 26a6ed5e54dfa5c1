import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import UNet

CASES = [
    dict(
        cls=UNet,
        build=lambda: UNet(
            3,
            input_shape=(20, 28, 1),
            variant="small",
            width=0.125,
            depth=2,
            padding="same",
            normalization="batch",
            activation="elu",
            dropout=0.2,
            class_names=("a", "b", "c"),
            name="segmenter",
        ),
        input_shape=(4, 20, 28, 1),
    ),
    dict(
        cls=UNet,
        build=lambda: UNet(
            2,
            input_shape=(33, 44, 3),
            width=0.0625,
            backbone="resnet18",
            # The deepest map has a few pixels, so a batch of two is too small for normalization.
            normalization=keras.layers.GroupNormalization(1),
        ),
        input_shape=(2, 33, 44, 3),
    ),
    dict(
        cls=UNet,
        build=lambda: UNet(
            2, input_shape=(36, 36, 1), variant="original", width=0.05, depth=1, padding="valid"
        ),
        input_shape=(2, 36, 36, 1),
    ),
]


def paper_count(filters, channels, classes):
    """Returns the parameters of figure 1 by hand: two 3 x 3 convolutions per block, 2 x 2 upsampling."""
    total, before = 0, channels
    for width in filters:
        total += 9 * before * width + width + 9 * width * width + width
        before = width
    for width in reversed(filters[:-1]):
        total += 4 * before * width + width  # up-convolution
        total += 9 * (2 * width) * width + width + 9 * width * width + width
        before = width
    return total + before * classes + classes


def test_parameter_count_equals_the_papers():
    model = UNet(2, input_shape=(None, None, 1), variant="original")
    assert model.count_params() == paper_count((64, 128, 256, 512, 1024), 1, 2) == 31_030_658


def test_unpadded_geometry_equals_the_papers_figure():
    model = UNet(2, input_shape=(572, 572, 1), variant="original", width=0.02, padding="valid")
    assert model.output_shape == (None, 388, 388, 2)
    assert model.get_layer("down_3_pooling").output.shape[1] == 32
    assert model.get_layer("up_3_convolution").output.shape[1] == 56


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (45, 23), (1, 1), (360, 5)])
def test_mask_has_the_size_of_the_image(size):
    model = UNet(3, width=0.05)
    assert model(np.zeros((1, *size, 3), "float32")).shape == (1, *size, 3)


def test_fixed_and_unknown_size_give_the_same_numbers():
    free = UNet(3, width=0.1, dropout=0.0)
    fixed = UNet(3, width=0.1, dropout=0.0, input_shape=(19, 26, 3))
    fixed.set_weights(free.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 19, 26, 3)).astype("float32")
    np.testing.assert_allclose(np.asarray(free(x)), np.asarray(fixed(x)), atol=1e-6)


def test_only_pixels_in_the_receptive_field_matter():
    # Depth 1: receptive field of the bottom path is 2 * (2 * 2) + 2 * 2 + 2 = 14 pixels to each side at most.
    model = UNet(2, width=0.2, depth=1, dropout=0.0, normalization=None)
    x = np.zeros((1, 64, 64, 3), "float32")
    base = np.asarray(model(x))[0, 32, 32]
    far, near = x.copy(), x.copy()
    far[0, 32, 50] = 50.0
    near[0, 32, 34] = 50.0
    np.testing.assert_array_equal(np.asarray(model(far))[0, 32, 32], base)
    assert np.abs(np.asarray(model(near))[0, 32, 32] - base).max() > 0


def test_normalization_replaces_the_bias():
    with_it = UNet(2, width=0.05, depth=1, normalization=keras.layers.GroupNormalization(groups=1))
    assert not with_it.get_layer("down_0_convolution_1").use_bias
    assert isinstance(with_it.get_layer("down_0_normalization_1"), keras.layers.GroupNormalization)
    assert UNet(2, width=0.05, depth=1, normalization=None).get_layer("down_0_convolution_1").use_bias


def test_decode_returns_the_best_class_per_pixel():
    model = UNet(3, width=0.05, depth=1)
    logits = np.random.default_rng(0).normal(size=(2, 4, 5, 3))
    np.testing.assert_array_equal(model.decode(logits), logits.argmax(-1))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 2.5}, "`num_classes` must be a positive integer"),
        ({"variant": "huge"}, "`variant` must be one of 'original', 'small', 'tiny'"),
        ({"depth": 0}, "`depth` must be a positive integer"),
        ({"padding": "mirror"}, "`padding` must be one of 'same', 'valid'"),
        ({"input_shape": (64, 64)}, "`input_shape` must be \\(height, width, channels\\)"),
        ({"input_shape": (64, 64, 3), "padding": "valid"}, "large enough for depth 4"),
        ({"normalization": "layer"}, "`normalization` must be a keras.Layer"),
        ({"dropout": -0.1}, "`dropout` must be a finite number"),
        ({"class_names": "ab"}, "`class_names` must be None or 2 distinct strings"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        UNet(**{"num_classes": 2, **arguments})
