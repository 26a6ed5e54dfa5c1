"""DropBlock2D against Algorithm 1 of the paper by loops for given draws, and its dropped fraction."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies

from keras_cnn_zoo.layers import DropBlock2D


def reference(inputs, weights, **_):
    return inputs.copy()


CASES = [
    dict(
        cls=DropBlock2D,
        init_kwargs={
            "block_size": (3, 2),
            "rate": 0.2,
            "data_format": "channels_last",
            "per": "channel",
            "seed": 3,
        },
        input_shape=(2, 7, 6, 3),
        reference=reference,
    ),
    dict(
        cls=DropBlock2D,
        init_kwargs={"block_size": 2, "rate": 0.3, "per": "example"},
        input_shape=(2, 5, 4, 3),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def gamma(rate, block, size):
    """Returns the probability that a block starts at a position: equation (1) for height and width."""
    (rows, columns), (height, width) = block, size
    return rate / (rows * columns) * (height * width) / ((height - rows + 1) * (width - columns + 1))


def algorithm(inputs, draws, rate, block):
    """Returns the result of Algorithm 1 for channels_last, with blocks at their first position."""
    _, height, width, _ = inputs.shape
    rows, columns = min(block[0], height), min(block[1], width)
    mask = np.ones(inputs.shape)
    for n, i, j, c in np.ndindex(draws.shape):
        if draws[n, i, j, c] < gamma(rate, (rows, columns), (height, width)):
            if draws.shape[3] == 1:
                mask[n, i : i + rows, j : j + columns, :] = 0
            else:
                mask[n, i : i + rows, j : j + columns, c] = 0
    left = mask.sum()
    return inputs * mask * (mask.size / left if left else 0)


def with_recorded_draws(call):
    """Returns the result of `call` and the one array of random numbers that it draws."""
    draws = []

    def recorded(shape, **_):
        shape = tuple(int(size) for size in shape)
        draws.append(np.random.default_rng(sum(shape)).random(shape).astype("float32"))
        return keras.ops.convert_to_tensor(draws[-1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.random, "uniform", recorded)
        outputs = numpy_of(call())
    (draw,) = draws
    return outputs, draw


@hypothesis.given(
    size=strategies.tuples(strategies.integers(1, 9), strategies.integers(1, 9)),
    block=strategies.tuples(strategies.integers(1, 11), strategies.integers(1, 11)),
    rate=strategies.sampled_from([0.05, 0.3, 0.9]),
    per=strategies.sampled_from(["channel", "example"]),
    data_format=strategies.sampled_from(["channels_last", "channels_first"]),
)
def test_it_matches_the_papers_algorithm(size, block, rate, per, data_format):
    inputs = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    first = data_format == "channels_first"
    layer = DropBlock2D(block, rate, data_format, per=per)
    given = np.moveaxis(inputs, -1, 1) if first else inputs
    outputs, draws = with_recorded_draws(lambda: layer(given, training=True))
    if first:
        outputs, draws = np.moveaxis(outputs, 1, -1), np.moveaxis(draws, 1, -1)
    starts = tuple(max(length - extent, 0) + 1 for length, extent in zip(size, block, strict=True))
    assert draws.shape == (2, *starts, 3 if per == "channel" else 1)
    np.testing.assert_allclose(outputs, algorithm(inputs, draws, rate, block), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 5), (2, 3)])
def test_a_graph_with_unknown_sizes_drops_the_same(size):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has unknown sizes")
    layer = DropBlock2D((3, 4), 0.4)
    layer.build((None, None, None, 2))
    starts = (3, max(size[0] - 3, 0) + 1, max(size[1] - 4, 0) + 1, 2)
    draws = np.random.default_rng(0).random(starts).astype("float32")
    inputs = np.random.default_rng(1).normal(size=(3, *size, 2)).astype("float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.random, "uniform", lambda shape, **_: tf.reshape(tf.constant(draws), shape))
        function = tf.function(
            lambda x: layer(x, training=True),
            input_signature=[tf.TensorSpec((None, None, None, 2))],
            autograph=False,
        )
        outputs = numpy_of(function(inputs))
    np.testing.assert_allclose(outputs, algorithm(inputs, draws, 0.4, (3, 4)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("per", ["channel", "example"])
@pytest.mark.parametrize("block_size, rate", [(1, 0.3), (3, 0.1), (7, 0.1), (7, 0.25), (28, 0.2)])
def test_the_dropped_share_is_close_to_the_rate(block_size, rate, per):
    channels = 64 if per == "channel" else 1
    inputs = np.ones((1 if per == "channel" else 64, 28, 28, channels), "float32")
    layer = DropBlock2D(block_size, rate, per=per, seed=1)
    outputs = np.concatenate([numpy_of(layer(inputs, training=True)) for _ in range(4)])
    shares = (outputs == 0).mean(axis=(1, 2)).ravel()
    noise = 4 * shares.std() / np.sqrt(shares.size)
    # With overlaps, an inner position is dropped with probability 1 - (1 - gamma)^(block_size^2) < rate.
    assert 0.85 * rate - noise < shares.mean() < rate + noise


def test_scaling_the_remaining_features_keeps_the_sum():
    inputs = np.ones((4, 14, 14, 8), "float32")
    outputs = numpy_of(DropBlock2D(5, 0.3, seed=1)(inputs, training=True))
    values = np.unique(outputs)
    assert len(values) == 2 and values[0] == 0
    assert values[1] == pytest.approx(outputs.size / np.count_nonzero(outputs), rel=1e-6)
    assert outputs.sum(dtype="float64") == pytest.approx(inputs.sum(), rel=1e-6)


@pytest.mark.parametrize("dtype, spacing", [("float16", 2**-10), ("bfloat16", 2**-7)])
def test_counts_exceed_the_range_of_half_precision(dtype, spacing):
    # 50,176 features: float16 counts to 2,048 and bfloat16 to 256.
    inputs = np.ones((1, 56, 56, 16), "float32")
    half = keras.ops.cast(DropBlock2D(7, 0.2, seed=1, dtype=dtype)(inputs, training=True), "float32")
    full = numpy_of(DropBlock2D(7, 0.2, seed=1)(inputs, training=True))
    np.testing.assert_allclose(numpy_of(half), full, rtol=spacing)


def test_a_block_size_of_one_is_dropout():
    inputs = np.ones((50, 8, 8, 4), "float32")
    outputs = numpy_of(DropBlock2D(1, 0.4, seed=1)(inputs, training=True))
    assert np.mean(outputs == 0) == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / outputs.size))


@pytest.mark.parametrize("block_size", [6, 7, 100, (6, 50)])
def test_a_block_as_large_as_the_map_drops_whole_maps(block_size):
    inputs = np.ones((200, 6, 5, 10), "float32")
    outputs = numpy_of(DropBlock2D(block_size, 0.3, seed=1)(inputs, training=True))
    dropped = outputs == 0
    assert np.array_equal(dropped.all(axis=(1, 2)), dropped.any(axis=(1, 2)))
    assert dropped.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 2000))


@pytest.mark.parametrize("per, same", [("example", True), ("channel", False)])
def test_channels_share_blocks_per_example_only(per, same):
    outputs = numpy_of(DropBlock2D(3, 0.3, per=per, seed=1)(np.ones((2, 12, 12, 4)), training=True))
    assert np.array_equal(outputs[..., :1].repeat(4, -1), outputs) == same
    assert not np.array_equal(outputs[0], outputs[1])


def test_dropping_everything_gives_zeros():
    # One map, which nearly every draw drops whole.
    outputs = numpy_of(DropBlock2D(4, 0.999, seed=1)(np.ones((1, 4, 4, 1), "float32"), training=True))
    assert np.isfinite(outputs).all() and not outputs.any()


def test_a_rate_of_zero_and_inference_are_the_identity():
    inputs = np.random.default_rng(0).normal(size=(1, 5, 5, 2)).astype("float32")
    np.testing.assert_array_equal(numpy_of(DropBlock2D(3, 0.0)(inputs, training=True)), inputs)
    np.testing.assert_array_equal(numpy_of(DropBlock2D(3, 0.5)(inputs)), inputs)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"block_size": 0}, "`block_size` must be a positive integer or 2 of them. Received: block_size=0"),
        ({"block_size": (3, 3, 3)}, "`block_size` must be a positive integer or 2 of them"),
        ({"rate": 1.0}, "`rate` must be a finite number at least 0 and below 1. Received: rate=1.0"),
        ({"data_format": "last"}, "`data_format` must be one of"),
        ({"per": "batch"}, "`per` must be one of 'channel', 'example'. Received: per='batch'"),
        ({"seed": -1}, "`seed` must be a non-negative integer or None. Received: seed=-1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        DropBlock2D(**{"block_size": 3, "rate": 0.1, **arguments})


def test_refuses_inputs_of_another_rank():
    with pytest.raises(
        ValueError, match=r"`DropBlock2D` takes inputs of rank 4. Received: input_shape=\(2, 5, 3\)"
    ):
        DropBlock2D(3, 0.1).build((2, 5, 3))
