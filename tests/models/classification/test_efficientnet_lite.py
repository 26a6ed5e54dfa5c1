import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import BatchNormalization
from keras_cnn_zoo.models import EfficientNetLite

CASES = [
    dict(
        cls=EfficientNetLite,
        build=lambda: EfficientNetLite(
            3,
            input_shape=(33, 40, 3),
            variant="1",
            width=0.125,
            features_only=False,
            output_stride=16,
            drop_rate=0.1,
            # Sixteen normalizations of few values each would multiply rounding.
            normalization=BatchNormalization(epsilon=0.5),
            activation="relu",
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
    ("variant", "count"),
    # "0" is the count of Liu's release; all three are those of the package efficientnet-lite-pytorch 0.1.0.
    [("0", 4_652_008), ("1", 5_416_680), ("2", 6_092_072)],
)
def test_parameter_counts(variant, count):
    assert trainable(EfficientNetLite(1000, variant=variant)) == count


@pytest.mark.parametrize(("output_stride", "deep"), [(32, (8, 16, 32)), (16, (8, 16, 16)), (8, (8, 8, 8))])
def test_output_stride_replaces_strides_by_dilations(output_stride, deep):
    model = EfficientNetLite(
        features_only=True, width=0.0625, input_shape=(64, 64, 3), output_stride=output_stride
    )
    assert tuple(model.strides[name] for name in ("P3", "P4", "P5")) == deep
    for name, value in model.output.items():
        assert value.shape[1] == 64 // model.strides[name]
    usual = EfficientNetLite(features_only=True, width=0.0625, input_shape=(64, 64, 3))
    assert [w.shape for w in model.weights] == [w.shape for w in usual.weights]


def test_channels_of_the_levels():
    model = EfficientNetLite(features_only=True)
    channels = {name: value.shape[-1] for name, value in model.output.items()}
    assert channels == {"P1": 16, "P2": 24, "P3": 40, "P4": 112, "P5": 320}


def test_a_dilated_network_sees_what_the_strided_one_sees():
    """Where the strided network has a position, the dilated one has the same value, far from the border."""
    images = np.random.default_rng(0).uniform(-1, 1, (1, 352, 352, 3)).astype("float32")
    networks = [
        EfficientNetLite(features_only=True, width=0.0625, output_stride=stride) for stride in (32, 16)
    ]
    networks[1].set_weights(networks[0].get_weights())
    strided, dilated = (keras.ops.convert_to_numpy(network(images)["P5"]) for network in networks)
    # "same" padding of an even map begins at the second pixel, so the positions are offset by one.
    np.testing.assert_allclose(
        dilated[:, 1::2, 1::2][:, 4:7, 4:7], strided[:, 4:7, 4:7], rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 1)])
def test_images_of_any_size_give_the_documented_shapes(size):
    model = EfficientNetLite(2, width=0.0625)
    assert model(np.zeros((1, *size, 3), "float32")).shape == (1, 2)


def test_drop_rate_grows_with_depth():
    model = EfficientNetLite(2, width=0.0625, drop_rate=0.32)
    rates = [layer.rate for layer in model.layers if layer.name.endswith("_drop")]
    # Nine of the sixteen blocks have a shortcut: all but the first of each stage.
    positions = [2, 4, 6, 7, 9, 10, 12, 13, 14]
    np.testing.assert_allclose(rates, 0.32 * np.array(positions) / 16)


def test_pixels_are_scaled_as_the_authors_did():
    model = EfficientNetLite(2, width=0.0625)
    np.testing.assert_allclose(model.preprocess(np.full((2, 2, 3), 255, "uint8")), np.full((1, 2, 2, 3), 1.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "3"}, "`variant` must be one of"),
        ({"output_stride": 4}, "`output_stride` must be"),
        ({"drop_rate": 1.0}, "`drop_rate` must be"),
        ({"width": 0}, "`width` must be"),
        ({"input_shape": (3,)}, "`input_shape` must be"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetLite(2, **arguments)
