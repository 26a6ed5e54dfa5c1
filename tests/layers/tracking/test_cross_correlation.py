"""CrossCorrelation2D against its sum by loops, and Keras' convolution per example."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import CrossCorrelation2D
from keras_cnn_zoo.ops import example_convolution


def reference(inputs, weights, strides=1, padding="valid", data_format=None, depthwise=False):
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    exemplar, search = (np.moveaxis(array, 1, -1) if first else array for array in inputs)
    rows, columns = (strides, strides) if isinstance(strides, int) else strides
    height, width = exemplar.shape[1:3]
    if padding == "same":
        pads = []
        for size, taps, stride in zip(search.shape[1:3], (height, width), (rows, columns), strict=True):
            total = max((-(-size // stride) - 1) * stride + taps - size, 0)
            pads.append((total // 2, total - total // 2))
        search = np.pad(search, [(0, 0), *pads, (0, 0)])
    places = (
        search.shape[0],
        (search.shape[1] - height) // rows + 1,
        (search.shape[2] - width) // columns + 1,
        search.shape[3],
    )
    outputs = np.zeros(places)
    for n, u, v, c in np.ndindex(places):
        for i, j in np.ndindex(height, width):
            outputs[n, u, v, c] += exemplar[n, i, j, c] * search[n, u * rows + i, v * columns + j, c]
    if not depthwise:
        outputs = outputs.sum(axis=-1, keepdims=True)
    return np.moveaxis(outputs, -1, 1) if first else outputs


CASES = [
    dict(
        cls=CrossCorrelation2D,
        init_kwargs={
            "strides": (2, 1),
            "padding": "same",
            "data_format": "channels_last",
            "depthwise": True,
        },
        input_shape=[(2, 3, 2, 4), (2, 6, 5, 4)],
        reference=reference,
    ),
    dict(
        cls=CrossCorrelation2D,
        init_kwargs={},
        input_shape=[(3, 2, 3, 5), (3, 6, 7, 5)],
        reference=reference,
        expected_output_shape=(3, 5, 5, 1),
    ),
]


def correlated(exemplar, search, **arguments):
    return keras.ops.convert_to_numpy(CrossCorrelation2D(**arguments)([exemplar, search]))


def maps(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, (2, 3)])
def test_equals_keras_convolution_of_each_example(strides, padding):
    exemplar, search = maps((3, 2, 3, 4), (3, 7, 8, 4))
    outputs = correlated(exemplar, search, strides=strides, padding=padding)
    for kernel, one, output in zip(exemplar, search, outputs, strict=True):
        expected = keras.ops.conv(one[None], kernel[..., None], strides, padding, "channels_last")
        np.testing.assert_allclose(output[None], keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5)


def test_equals_example_convolution_with_one_filter():
    exemplar, search = maps((2, 3, 3, 4), (2, 6, 5, 4))
    expected = example_convolution(
        keras.ops.convert_to_tensor(search),
        keras.ops.convert_to_tensor(exemplar[..., None]),
        strides=(1, 1),
        padding="valid",
        dilation_rate=(1, 1),
    )
    np.testing.assert_allclose(
        correlated(exemplar, search), keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5
    )


def test_depthwise_maps_sum_to_the_output():
    exemplar, search = maps((2, 3, 3, 4), (2, 6, 5, 4))
    apart = correlated(exemplar, search, depthwise=True)
    assert apart.shape == (2, 4, 3, 4)
    np.testing.assert_allclose(
        apart.sum(-1, keepdims=True), correlated(exemplar, search), rtol=1e-4, atol=1e-5
    )


def test_the_maximum_is_where_the_exemplar_was_cropped():
    (search,) = maps((4, 12, 11, 6))
    search /= np.sqrt(np.square(search).sum(-1, keepdims=True))
    corners = [(0, 0), (3, 5), (8, 7), (6, 2)]
    exemplar = np.stack([one[y : y + 4, x : x + 4] for one, (y, x) in zip(search, corners, strict=True)])
    outputs = correlated(exemplar, search)[..., 0]
    assert [np.unravel_index(one.argmax(), one.shape) for one in outputs] == corners
    np.testing.assert_allclose(outputs.max(axis=(1, 2)), 16, rtol=1e-5)


def test_examples_are_independent():
    exemplar, search = maps((2, 2, 2, 3), (2, 5, 5, 3))
    alone = correlated(exemplar[:1], search[:1])
    np.testing.assert_allclose(correlated(exemplar, search)[:1], alone, rtol=1e-5, atol=1e-6)


def test_a_case_by_hand():
    search = np.arange(9.0, dtype="float32").reshape(1, 3, 3, 1)
    exemplar = np.array([[1.0, 0.0], [0.0, -1.0]], "float32").reshape(1, 2, 2, 1)
    assert correlated(exemplar, search)[0, ..., 0].tolist() == [[-4, -4], [-4, -4]]


def test_an_exemplar_as_large_as_the_map_gives_one_position():
    exemplar, search = maps((1, 4, 5, 2), (1, 4, 5, 2))
    np.testing.assert_allclose(correlated(exemplar, search)[0, 0, 0], (exemplar * search).sum(), rtol=1e-5)
    assert correlated(*maps((1, 7, 7, 2), (1, 3, 4, 2)), padding="same").shape == (1, 3, 4, 1)


def test_half_precision_sums_in_float32():
    exemplar, search = np.full((1, 6, 6, 64), 0.1, "float16"), np.full((1, 6, 6, 64), 0.1, "float16")
    expected = np.square(exemplar.astype("float64")).sum()
    output = correlated(exemplar, search, dtype="mixed_float16")
    assert output.dtype == "float16"
    np.testing.assert_allclose(output.ravel(), expected, rtol=1e-3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"strides": 0}, "`strides` must be a positive integer or 2 of them. Received: strides=0"),
        ({"padding": "causal"}, "`padding` must be one of 'valid', 'same'. Received: padding='causal'"),
        ({"data_format": "last"}, "`data_format` must be one of .* Received: data_format='last'"),
        ({"depthwise": 1}, "`depthwise` must be True or False. Received: depthwise=1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        CrossCorrelation2D(**arguments)


@pytest.mark.parametrize(
    "shapes, message",
    [
        ((2, 4, 4, 3), "a list of two maps of rank 4"),
        ([(2, 4, 4), (2, 6, 6)], "a list of two maps of rank 4"),
        ([(2, 4, 4, 3), (2, 6, 6, 5)], "must have the same channels"),
        ([(2, None, 4, 3), (2, 6, 6, 3)], "must have a known height and width"),
        ([(2, 7, 4, 3), (2, 6, 6, 3)], "must not be larger than the search map"),
    ],
)
def test_refuses_other_inputs(shapes, message):
    with pytest.raises(ValueError, match=message + r".*Received: input_shape="):
        CrossCorrelation2D().build(shapes)
