"""SpatialPyramidPooling2D against bins by loops, Keras, and PyTorch."""

import math

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies

from keras_cnn_zoo.layers import SpatialPyramidPooling2D
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, levels=(4, 2, 1), pooling="max", data_format=None):
    if (data_format or keras.config.image_data_format()) == "channels_first":
        inputs = np.moveaxis(inputs, 1, -1)
    batch, height, width, channels = inputs.shape
    rows = []
    for example in inputs:
        values = []
        for level in levels:
            for i in range(level):
                for j in range(level):
                    top, bottom = math.floor(i * height / level), math.ceil((i + 1) * height / level)
                    left, right = math.floor(j * width / level), math.ceil((j + 1) * width / level)
                    for channel in range(channels):
                        entries = [
                            example[y, x, channel] for y in range(top, bottom) for x in range(left, right)
                        ]
                        values.append(max(entries) if pooling == "max" else sum(entries) / len(entries))
        rows.append(values)
    return np.array(rows).reshape(batch, -1)


CASES = [
    dict(
        cls=SpatialPyramidPooling2D,
        init_kwargs={"levels": (3, 2), "pooling": "average", "data_format": "channels_last"},
        input_shape=(2, 7, 5, 3),
        expected_output_shape=(2, 39),
        reference=reference,
    ),
    dict(
        cls=SpatialPyramidPooling2D,
        init_kwargs={},
        input_shape=(2, 13, 10, 3),
        expected_output_shape=(2, 63),
        reference=reference,
    ),
    dict(
        cls=SpatialPyramidPooling2D,
        init_kwargs={"levels": (1, 6, 3, 2)},
        input_shape=(1, 4, 9, 2),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_a_3x3_case_by_hand():
    inputs = np.arange(1.0, 10.0, dtype="float32").reshape(1, 3, 3, 1)
    # Two bins of three rows share the middle one.
    outputs = numpy_of(SpatialPyramidPooling2D((2, 1))(inputs))
    np.testing.assert_array_equal(outputs, [[5, 6, 8, 9, 9]])
    outputs = numpy_of(SpatialPyramidPooling2D((2, 1), pooling="average")(inputs))
    np.testing.assert_allclose(outputs, [[3, 4, 6, 7, 5]])


@hypothesis.given(
    height=strategies.integers(1, 11),
    width=strategies.integers(1, 11),
    levels=strategies.lists(strategies.integers(1, 6), min_size=1, max_size=4),
    pooling=strategies.sampled_from(["max", "average"]),
    data_format=strategies.sampled_from(["channels_last", "channels_first"]),
)
def test_any_size_and_levels_match_the_loops(height, width, levels, pooling, data_format):
    inputs = noise(2, height, width, 2)
    inputs = inputs if data_format == "channels_last" else np.moveaxis(inputs, -1, 1)
    layer = SpatialPyramidPooling2D(levels, pooling=pooling, data_format=data_format)
    outputs = numpy_of(layer(inputs))
    assert outputs.shape == layer.compute_output_shape(inputs.shape)
    expected = reference(inputs.astype("float64"), {}, levels, pooling, data_format)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_the_output_length_is_the_same_for_every_size():
    model = keras.Sequential([keras.Input((None, None, 3)), SpatialPyramidPooling2D((4, 2, 1))])
    assert model.output_shape == (None, 63)
    for size in [(1, 1), (2, 3), (13, 20)]:
        inputs = noise(2, *size, 3)
        outputs = model.predict(inputs, verbose=0)
        np.testing.assert_allclose(outputs, reference(inputs, {}), rtol=1e-6)


def test_one_bin_equals_global_pooling():
    inputs = noise(2, 7, 5, 3)
    for pooling, sibling in (
        ("max", keras.layers.GlobalMaxPooling2D()),
        ("average", keras.layers.GlobalAveragePooling2D()),
    ):
        outputs = SpatialPyramidPooling2D((1,), pooling=pooling)(inputs)
        np.testing.assert_allclose(numpy_of(outputs), numpy_of(sibling(inputs)), rtol=1e-5, atol=1e-6)


def test_levels_that_divide_the_map_equal_plain_pooling():
    inputs = noise(2, 8, 12, 3)
    for pooling, sibling in (
        ("max", keras.layers.MaxPooling2D((2, 3))),
        ("average", keras.layers.AveragePooling2D((2, 3))),
    ):
        outputs = numpy_of(SpatialPyramidPooling2D((4,), pooling=pooling)(inputs))
        np.testing.assert_allclose(outputs, numpy_of(sibling(inputs)).reshape(2, -1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [(13, 13), (3, 2), (10, 7)])
def test_equals_adaptive_pooling_of_pytorch(pooling, size):
    torch = pytest.importorskip("torch")
    inputs = noise(2, *size, 3)
    peer = torch.nn.AdaptiveMaxPool2d if pooling == "max" else torch.nn.AdaptiveAvgPool2d
    parts = [
        peer(level)(torch.tensor(inputs.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1).reshape(2, -1)
        for level in (4, 2, 1)
    ]
    outputs = numpy_of(SpatialPyramidPooling2D(pooling=pooling)(inputs))
    np.testing.assert_allclose(outputs, np.concatenate(parts, axis=1), rtol=1e-5, atol=1e-6)


def test_levels_may_repeat_and_keep_their_order():
    inputs = noise(1, 6, 6, 2)
    outputs = numpy_of(SpatialPyramidPooling2D([1, 2, 1])(inputs))
    np.testing.assert_array_equal(outputs[:, :2], outputs[:, -2:])
    np.testing.assert_array_equal(outputs, reference(inputs, {}, (1, 2, 1)))


def test_the_gradient_flows_to_the_maxima():
    inputs = noise(1, 6, 6, 1)
    layer = SpatialPyramidPooling2D((2, 1))
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x)), [inputs])
    expected = np.zeros((6, 6))
    tiles = inputs[0, :, :, 0].reshape(2, 3, 2, 3)
    for i in range(2):
        for j in range(2):
            y, x = np.unravel_index(tiles[i, :, j].argmax(), (3, 3))
            expected[3 * i + y, 3 * j + x] += 1
    expected.ravel()[inputs.argmax()] += 1
    np.testing.assert_array_equal(numpy_of(gradient)[0, :, :, 0], expected)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_zero_large_and_small_inputs_are_finite(pooling):
    layer = SpatialPyramidPooling2D(pooling=pooling, dtype="float16")
    for value in (0, 60000, -60000, 6e-8):
        outputs = numpy_of(layer(np.full((1, 30, 30, 1), value, "float16")))
        np.testing.assert_array_equal(outputs, np.full((1, 21), value, "float16"))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"levels": ()}, "`levels` must be a sequence of positive integers. Received: levels=()"),
        ({"levels": 4}, "`levels` must be a sequence of positive integers. Received: levels=4"),
        ({"levels": (4, 0)}, "`levels` must be"),
        ({"levels": (4, 1.5)}, "`levels` must be"),
        ({"pooling": "sum"}, "`pooling` must be one of 'max', 'average'. Received: pooling='sum'"),
        ({"data_format": "first"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        SpatialPyramidPooling2D(**arguments)
    assert message in str(caught.value)


def test_refuses_other_inputs():
    with pytest.raises(ValueError, match=r"takes inputs of rank 4. Received: input_shape=\(1, 4, 4\)"):
        SpatialPyramidPooling2D().build((1, 4, 4))
    with pytest.raises(ValueError, match=r"at least one pixel. Received: input_shape=\(1, 0, 4, 3\)"):
        SpatialPyramidPooling2D().build((1, 0, 4, 3))
    with pytest.raises(ValueError, match="number of channels must be known"):
        SpatialPyramidPooling2D().build((1, 4, 4, None))
