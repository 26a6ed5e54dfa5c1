import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import FCN, ResNet

CASES = [
    dict(
        cls=FCN,
        build=lambda: FCN(
            3,
            input_shape=(36, 45, 1),
            variant="8s",
            width=0.0625,
            backbone="resnet18",
            output_stride=32,
            hidden_filters=(128, 64),
            hidden_kernel_sizes=(3, 1),
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
        cls=FCN,
        build=lambda: FCN(
            2,
            input_shape=(32, 48, 3),
            variant="32s",
            output_stride=16,
            backbone=ResNet(variant="18", width=0.0625, features_only=True),
        ),
        input_shape=(2, 32, 48, 3),
    ),
]


def plain():
    """Returns a small backbone of three convolutions."""
    inputs = x = keras.Input((None, None, 3))
    stages, strides = {}, {"P3": 8, "P4": 16, "P5": 32}
    for level, step in (("P3", 8), ("P4", 2), ("P5", 2)):
        x = keras.layers.Conv2D(8, 3, strides=step, padding="same", activation="tanh")(x)
        stages[level] = x
    model = keras.Model(inputs, stages)
    model.strides = strides
    return model


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_parameter_count_equals_torchvisions():
    model = FCN(21, variant="32s", backbone="resnet50", output_stride=8)
    assert trainable(model) == 32_957_013


@pytest.mark.parametrize("variant, skips", [("16s", 1), ("8s", 2)])
def test_parameter_count_of_the_skips_equals_a_sum_by_hand(variant, skips):
    """A score layer of 8 channels and a 4 x 4 transposed convolution each."""
    count = trainable(FCN(5, variant=variant, backbone=plain()))
    added = (8 * 5 + 5) + 16 * 5 * 5
    assert count == trainable(FCN(5, variant="32s", backbone=plain())) + skips * added


def test_parameter_count_of_the_papers_head_equals_a_sum_by_hand():
    """fc6 and fc7 of VGG-16 as convolutions, of 102,764,544 and 16,781,312 parameters at 4096 channels."""
    fc6, fc7 = (lambda n: 49 * 512 * n + n), (lambda n: n * n + n)
    assert (fc6(4096), fc7(4096)) == (102_764_544, 16_781_312)
    inputs = keras.Input((None, None, 3))
    backbone = keras.Model(inputs, {"P5": keras.layers.Conv2D(512, 1, strides=32)(inputs)})
    backbone.strides = {"P5": 32}
    model = FCN(
        21,
        variant="32s",
        width=0.5,
        hidden_filters=(32, 32),
        hidden_kernel_sizes=(7, 1),
        normalization=None,
        dropout=0.5,
        backbone=backbone,
    )
    head = trainable(model) - trainable(backbone)
    assert head == fc6(16) + fc7(16) + 16 * 21 + 21


@pytest.mark.parametrize("variant", FCN.variants)
def test_mask_has_the_size_of_the_image(variant):
    model = FCN(3, variant=variant, backbone=plain())
    for size in ((16, 16), (17, 31), (45, 23), (1, 1), (90, 5), (64, 96)):
        assert model(np.zeros((1, *size, 3), "float32")).shape == (1, *size, 3)


def test_fixed_and_unknown_size_give_the_same_numbers():
    free = FCN(3, backbone=plain())
    fixed = FCN(3, input_shape=(35, 50, 3), backbone=plain())
    fixed.set_weights(free.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 35, 50, 3)).astype("float32")
    np.testing.assert_allclose(numpy_of(free.predict_on_batch(x)), numpy_of(fixed(x)), atol=1e-5)


def test_a_fresh_8s_equals_the_32s_inside_the_border():
    """Fresh skips score zero and doubling is bilinear, so a linear map is upsampled bilinearly."""
    model = FCN(2, input_shape=(512, 512, 3), variant="8s", backbone=plain())
    scores = np.zeros((1, 16, 16, 2), "float32")
    scores[0, ..., 0] = np.add.outer(np.arange(16), 2 * np.arange(16))
    upper = keras.Model([model.get_layer("logits").output, model.input], model.output)
    outputs = numpy_of(upper([scores, np.zeros((1, 512, 512, 3), "float32")]))
    expected = numpy_of(keras.ops.image.resize(scores, (512, 512), data_format="channels_last"))
    np.testing.assert_allclose(outputs[:, 64:-64, 64:-64], expected[:, 64:-64, 64:-64], atol=1e-3)


def test_the_skips_matter_once_they_have_weights():
    model = FCN(2, variant="16s", backbone=plain())
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    before = numpy_of(model(x))
    kernel = model.get_layer("skip_16_logits").kernel
    kernel.assign(np.ones(kernel.shape))
    assert np.abs(numpy_of(model(x)) - before).max() > 1e-3


def test_a_given_backbone_keeps_its_weights():
    backbone = ResNet(input_shape=(32, 32, 3), width=0.1, features_only=True)
    model = FCN(3, backbone=backbone)
    for own, given in zip(model.backbone.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(own, given)
    copy = FCN.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(1, 33, 40, 3)).astype("float32")
    np.testing.assert_allclose(numpy_of(copy(x)), numpy_of(model(x)), atol=1e-6)


def test_decode_returns_the_best_class_per_pixel():
    model = FCN(3, backbone=plain())
    logits = np.random.default_rng(0).normal(size=(2, 4, 5, 3))
    np.testing.assert_array_equal(model.decode(logits), logits.argmax(-1))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 2.5}, "`num_classes` must be a positive integer"),
        ({"variant": "4s"}, "`variant` must be one of '32s', '16s', '8s'"),
        ({"input_shape": (64, 64)}, "`input_shape` must be \\(height, width, channels\\)"),
        ({"output_stride": 16}, "`output_stride` must be one of 32. Received: output_stride=16"),
        ({"variant": "32s", "output_stride": 4}, "`output_stride` must be one of 8, 16, 32"),
        ({"backbone": "alexnet"}, "`backbone` must be .*'resnet18', .* Received: backbone='alexnet'"),
        ({"hidden_filters": 0}, "`hidden_filters` must be a positive integer"),
        ({"hidden_filters": (8, 8)}, "`hidden_filters` must be .* Received: hidden_filters=\\(8, 8\\)"),
        ({"hidden_kernel_sizes": 3}, "`hidden_kernel_sizes` must be a sequence of positive integers"),
        ({"hidden_kernel_sizes": (0,)}, "`hidden_kernel_sizes` must be .* Received"),
        ({"width": 0}, "`width` must be a finite number above 0"),
        ({"normalization": "layer"}, "`normalization` must be a keras.Layer"),
        ({"dropout": 1.0}, "`dropout` must be a finite number"),
        ({"class_names": "ab"}, "`class_names` must be None or 2 distinct strings"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        FCN(**{"num_classes": 2, **arguments})


def test_a_backbone_without_the_stride_of_a_skip_is_refused():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=32, padding="same")(inputs)
    plain = keras.Model(inputs, {"P5": x})
    plain.strides = {"P5": 32}
    assert FCN(2, variant="32s", backbone=plain)(np.zeros((1, 40, 50, 3), "float32")).shape == (1, 40, 50, 2)
    with pytest.raises(ValueError, match="`backbone` must have a level of stride 16. Received: strides="):
        FCN(2, variant="16s", backbone=plain)
