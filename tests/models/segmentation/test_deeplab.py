import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import DeepLab, ResNet

CASES = [
    dict(
        cls=DeepLab,
        build=lambda: DeepLab(
            3,
            input_shape=(36, 45, 1),
            variant="v3plus",
            width=0.0625,
            backbone="resnet18",
            output_stride=8,
            rates=(1, 2),
            filters=128,
            decoder_filters=96,
            low_level_filters=64,
            # The deepest maps are single pixels, so a batch of two is too small for normalization.
            normalization=keras.layers.GroupNormalization(1),
            activation="relu6",
            dropout=0.2,
            class_names=("a", "b", "c"),
            name="segmenter",
        ),
        input_shape=(2, 36, 45, 1),
    ),
    dict(
        cls=DeepLab,
        build=lambda: DeepLab(
            2,
            input_shape=(32, 48, 3),
            variant="v3",
            width=0.0625,
            backbone=ResNet(variant="18", width=0.0625, features_only=True, activation="tanh"),
        ),
        input_shape=(2, 32, 48, 3),
    ),
]


def plain(output_stride=16):
    """Returns a small backbone of two convolutions."""
    inputs = keras.Input((None, None, 3))
    low = keras.layers.Conv2D(4, 3, strides=4, padding="same", activation="tanh")(inputs)
    high = keras.layers.Conv2D(6, 3, strides=output_stride // 4, padding="same", activation="tanh")(low)
    model = keras.Model(inputs, {"P2": low, "P5": high})
    model.strides = {"P2": 4, "P5": output_stride}
    return model


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_parameter_count_equals_torchvisions():
    model = DeepLab(21, variant="v3", backbone="resnet50", output_stride=8)
    assert trainable(model) == 39_638_869


def test_parameter_count_of_the_decoder_equals_a_sum_by_hand():
    """Figure 2 of the v3+ paper on ResNet-18: pyramid, 48 channels of stride 4, two 3 x 3 of 256."""
    model = DeepLab(21, variant="v3plus")
    head = trainable(model) - trainable(ResNet(features_only=True))
    pyramid = 512 * 256 * (1 + 27 + 1) + 5 * 256 * 256 + 6 * 512
    decoder = 64 * 48 + 96 + 9 * (256 + 48) * 256 + 9 * 256 * 256 + 2 * 512
    assert head == pyramid + decoder + 256 * 21 + 21


@pytest.mark.parametrize("output_stride, size, rates", [(8, 5, (12, 24, 36)), (32, 2, (3, 6, 9))])
def test_the_pyramid_has_the_output_stride(output_stride, size, rates):
    model = DeepLab(2, input_shape=(40, 40, 3), width=0.05, output_stride=output_stride)
    assert model.get_layer("pyramid").output.shape[1:3] == (size, size)
    assert model.get_layer("pyramid").rates == rates


@pytest.mark.parametrize("variant", DeepLab.variants)
def test_mask_has_the_size_of_the_image(variant):
    model = DeepLab(3, variant=variant, width=0.05, backbone=plain())
    for size in ((16, 16), (17, 31), (45, 23), (1, 1), (90, 5)):
        assert model(np.zeros((1, *size, 3), "float32")).shape == (1, *size, 3)


@pytest.mark.parametrize("variant", DeepLab.variants)
def test_fixed_and_unknown_size_give_the_same_numbers(variant):
    free = DeepLab(3, variant=variant, width=0.1, backbone=plain())
    fixed = DeepLab(3, variant=variant, width=0.1, input_shape=(35, 50, 3), backbone=plain())
    fixed.set_weights(free.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 35, 50, 3)).astype("float32")
    np.testing.assert_allclose(numpy_of(free.predict_on_batch(x)), numpy_of(fixed(x)), atol=1e-5)


def test_logits_are_upsampled_bilinearly():
    model = DeepLab(3, variant="v3", width=0.1, backbone=plain())
    x = np.random.default_rng(0).normal(size=(1, 32, 48, 3)).astype("float32")
    small = keras.Model(model.input, model.get_layer("logits").output)(x)
    assert small.shape == (1, 2, 3, 3)
    expected = keras.ops.image.resize(small, (32, 48), data_format="channels_last")
    np.testing.assert_allclose(numpy_of(model(x)), numpy_of(expected), atol=1e-5)


def test_a_given_backbone_is_rebuilt_with_its_weights():
    backbone = ResNet(input_shape=(32, 32, 3), width=0.1, features_only=True)
    model = DeepLab(3, width=0.1, backbone=backbone, output_stride=8)
    inner = model.backbone
    assert inner is not backbone and inner.output_stride == 8 and inner.input_shape == (None, None, None, 3)
    for own, given in zip(inner.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(own, given)
    assert len(model.weights) == len({id(weight) for weight in model.weights})
    copy = DeepLab.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(1, 33, 40, 3)).astype("float32")
    np.testing.assert_allclose(numpy_of(copy(x)), numpy_of(model(x)), atol=1e-6)


def test_a_backbone_that_fits_is_not_rebuilt():
    backbone = plain()
    assert DeepLab(3, width=0.1, backbone=backbone).backbone is backbone


def test_a_model_has_only_the_weights_of_its_graph():
    backbone = ResNet(input_shape=(32, 32, 3), width=0.1, features_only=True)
    model = DeepLab(2, width=0.05, backbone=backbone, input_shape=(32, 32, 3))
    graph = keras.Model(model.inputs, model.outputs)
    assert {id(weight) for weight in model.weights} == {id(weight) for weight in graph.weights}


def test_decode_returns_the_best_class_per_pixel():
    model = DeepLab(3, width=0.05, backbone=plain())
    logits = np.random.default_rng(0).normal(size=(2, 4, 5, 3))
    np.testing.assert_array_equal(model.decode(logits), logits.argmax(-1))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 2.5}, "`num_classes` must be a positive integer"),
        ({"variant": "v4"}, "`variant` must be one of 'v3', 'v3plus'"),
        ({"input_shape": (64, 64)}, "`input_shape` must be \\(height, width, channels\\)"),
        ({"output_stride": 4}, "`output_stride` must be one of 8, 16, 32. Received: output_stride=4"),
        ({"rates": 6}, "`rates` must be None or a sequence of positive integers. Received: rates=6"),
        ({"rates": (6, -1)}, "`rates` must be .* Received: rates=\\(6, -1\\)"),
        ({"backbone": "alexnet"}, "`backbone` must be .*'resnet18', .* Received: backbone='alexnet'"),
        ({"backbone": keras.Sequential()}, 'a model with a dict of levels, "P0" to "P5"'),
        ({"filters": 0}, "`filters` must be a positive integer"),
        ({"decoder_filters": 0}, "`decoder_filters` must be a positive integer"),
        ({"low_level_filters": 0}, "`low_level_filters` must be a positive integer"),
        ({"width": 0}, "`width` must be a finite number above 0"),
        ({"normalization": "layer"}, "`normalization` must be a keras.Layer"),
        ({"dropout": 1.0}, "`dropout` must be a finite number"),
        ({"class_names": "ab"}, "`class_names` must be None or 2 distinct strings"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeepLab(**{"num_classes": 2, **arguments})


def test_a_backbone_that_cannot_have_the_stride_is_refused():
    small = ResNet(variant="cifar20", width=0.25, features_only=True)
    with pytest.raises(ValueError, match="`backbone` must take .* and have an output stride of 16. Received"):
        DeepLab(2, backbone=small)
    grey = ResNet(input_shape=(None, None, 1), width=0.1, features_only=True)
    with pytest.raises(ValueError, match="`backbone` must take \\(None, None, 3\\)"):
        DeepLab(2, backbone=grey)
