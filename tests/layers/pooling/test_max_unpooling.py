"""MaxUnpooling2D against loops, and against the transpose of max pooling."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_cnn_zoo.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.layers.pooling.oracles import as_tuple


def unpooled(values, switches, size, step, padding, shape):
    """Unpools in channels_last; values outside `shape` are dropped."""
    before = [0, 0]
    if padding == "same":
        before = [
            max((-(-length // stride) - 1) * stride + extent - length, 0) // 2
            for length, extent, stride in zip(shape, size, step, strict=True)
        ]
    outputs = np.zeros((values.shape[0], *shape, values.shape[-1]))
    for n, row, column, c in np.ndindex(values.shape):
        i, j = divmod(int(switches[n, row, column, c]), size[1])
        y, x = row * step[0] + i - before[0], column * step[1] + j - before[1]
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            outputs[n, y, x, c] += values[n, row, column, c]
    return outputs


def reference(
    inputs, weights, pool_size=2, strides=None, padding="valid", data_format=None, output_size=None
):
    values, switches = inputs
    size = as_tuple(pool_size, 2)
    step = size if strides is None else as_tuple(strides, 2)
    if output_size is None:
        output_size = [
            count * stride if padding == "same" else (count - 1) * stride + extent
            for count, extent, stride in zip(values.shape[1:3], size, step, strict=True)
        ]
    return unpooled(values, switches, size, step, padding, output_size)


def arrays(shape, entries, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=shape).astype("float32"), random.integers(0, entries, shape).astype("int32")


CASES = [
    dict(
        cls=MaxUnpooling2D,
        init_kwargs={
            "pool_size": (3, 2),
            "strides": (2, 3),
            "padding": "same",
            "data_format": "channels_last",
            "output_size": (7, 8),
        },
        input_shape=((2, 4, 3, 2), (2, 4, 3, 2)),
        inputs=arrays((2, 4, 3, 2), 6),
        reference=reference,
    ),
    dict(
        cls=MaxUnpooling2D,
        init_kwargs={},
        input_shape=((2, 3, 4, 2), (2, 3, 4, 2)),
        inputs=arrays((2, 3, 4, 2), 4),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@st.composite
def windows(draw):
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    size, strides = draw(pair), draw(pair)
    padding = draw(st.sampled_from(["valid", "same"]))
    least = size if padding == "valid" else (1, 1)
    return size, strides, padding, tuple(draw(st.integers(low, low + 6)) for low in least)


@hypothesis.given(windows())
def test_it_is_the_transpose_of_the_pooling(drawn):
    size, strides, padding, shape = drawn
    inputs = np.random.default_rng(0).normal(size=(1, *shape, 2)).astype("float32")
    maxima, switches = MaxPoolingWithArgmax2D(size, strides, padding)(inputs)
    values = np.random.default_rng(1).normal(size=maxima.shape).astype("float32")
    outputs = numpy_of(MaxUnpooling2D(size, strides, padding, output_size=shape)(values, switches))
    expected = unpooled(values, numpy_of(switches), size, strides, padding, shape)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)

    def paired(tensor):
        pooled = keras.ops.max_pool(tensor, size, strides, padding, "channels_last")
        return keras.ops.sum(pooled * keras.ops.convert_to_tensor(values))

    _, (gradient,), _ = value_and_gradients(paired, [inputs])
    np.testing.assert_allclose(outputs, numpy_of(gradient), atol=1e-6)
    default = MaxUnpooling2D(size, strides, padding)
    assert default(values, switches).shape == default.compute_output_shape(values.shape, values.shape)


def test_pooling_after_unpooling_restores_the_values():
    inputs = np.abs(np.random.default_rng(0).normal(size=(2, 8, 6, 3))).astype("float32")
    maxima, switches = MaxPoolingWithArgmax2D(2)(inputs)
    again, same = MaxPoolingWithArgmax2D(2)(MaxUnpooling2D(2)(maxima, switches))
    np.testing.assert_array_equal(numpy_of(again), numpy_of(maxima))
    np.testing.assert_array_equal(numpy_of(same), numpy_of(switches))


def test_values_at_one_position_are_summed():
    inputs = np.zeros((1, 3, 3, 1), "float32")
    inputs[0, 1, 1] = 5
    maxima, switches = MaxPoolingWithArgmax2D(2, 1)(inputs)
    outputs = numpy_of(MaxUnpooling2D(2, 1)(maxima, switches))
    np.testing.assert_array_equal(outputs[0, ..., 0], [[0, 0, 0], [0, 20, 0], [0, 0, 0]])


def test_unknown_input_sizes_are_supported():
    inputs = keras.Input((None, None, 2))
    maxima, switches = MaxPoolingWithArgmax2D(2, padding="same")(inputs)
    model = keras.Model(inputs, MaxUnpooling2D(2, padding="same")(maxima, switches))
    images = np.random.default_rng(0).normal(size=(3, 6, 4, 2)).astype("float32")
    outputs = model.predict(images, verbose=0)
    np.testing.assert_array_equal(outputs[outputs != 0], images[outputs != 0])
    assert outputs.shape == images.shape and (outputs != 0).sum() == outputs.size / 4


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"pool_size": 0}, "`pool_size` must be a positive integer or 2 of them. Received: pool_size=0"),
        ({"strides": (1, 0)}, "`strides` must be a positive integer or 2 of them"),
        ({"padding": None}, "`padding` must be one of 'valid', 'same'. Received: padding=None"),
        ({"data_format": 1}, "`data_format` must be one of"),
        ({"output_size": 2.5}, "`output_size` must be a positive integer or 2 of them or None"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        MaxUnpooling2D(**arguments)
    assert message in str(caught.value)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"same shape and of rank 4. Received: inputs_shape=\(1, 3, 3, 2\)"):
        MaxUnpooling2D().build((1, 3, 3, 2), (1, 3, 4, 2))
    with pytest.raises(ValueError, match=r"same shape and of rank 4"):
        MaxUnpooling2D().build((1, 3, 2), (1, 3, 2))
    message = r"`output_size` must be a size that pools to the size of .* Received: output_size=\(9, 6\)"
    with pytest.raises(ValueError, match=message):
        MaxUnpooling2D(output_size=(9, 6)).build((1, 3, 3, 2), (1, 3, 3, 2))
