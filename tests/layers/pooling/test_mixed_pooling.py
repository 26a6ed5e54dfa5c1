"""MixedPooling: inference against loops, draws against their statistics and Keras' poolings."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_cnn_zoo.layers import MixedPooling1D, MixedPooling2D, MixedPooling3D
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.layers.pooling.oracles import pooled


def reference(inputs, weights, per="batch", inference="expectation", seed=None, **windows):
    maximum = pooled(inputs, np.max, **windows)
    average = pooled(inputs, np.mean, **windows)
    if inference == "expectation":
        return (maximum + average) / 2
    lead = weights["max_lead"]
    first = (windows.get("data_format") or keras.config.image_data_format()) == "channels_first"
    outputs = np.array(average)
    for channel in range(outputs.shape[1 if first else -1]):
        if (lead if per == "batch" else lead[channel]) >= 0:
            place = (slice(None), channel) if first else (..., channel)
            outputs[place] = maximum[place]
    return outputs


def lead_in_every_other_channel(layer):
    # Leads that a few draws cannot reverse.
    layer.max_lead.assign([9e5 if channel % 2 else -9e5 for channel in range(layer.max_lead.shape[0])])


CASES = [
    dict(
        cls=MixedPooling1D,
        init_kwargs={
            "pool_size": 3,
            "strides": 2,
            "padding": "same",
            "data_format": "channels_last",
            "per": "channel",
            "inference": "frequency",
            "seed": 3,
        },
        input_shape=(2, 9, 3),
        prepare=lead_in_every_other_channel,
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MixedPooling2D,
        init_kwargs={
            "pool_size": (3, 2),
            "strides": (2, 3),
            "padding": "same",
            "data_format": "channels_last",
            "per": "region",
            "inference": "frequency",
            "seed": 3,
        },
        input_shape=(2, 8, 7, 3),
        prepare=lead_in_every_other_channel,
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MixedPooling3D,
        init_kwargs={
            "pool_size": (2, 3, 2),
            "strides": (1, 2, 2),
            "padding": "same",
            "data_format": "channels_last",
            "per": "channel",
            "inference": "frequency",
            "seed": 3,
        },
        input_shape=(2, 4, 6, 5, 2),
        prepare=lead_in_every_other_channel,
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MixedPooling1D,
        init_kwargs={"seed": 1},
        input_shape=(2, 7, 3),
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MixedPooling2D,
        init_kwargs={"seed": 1},
        input_shape=(2, 6, 7, 3),
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MixedPooling2D,
        init_kwargs={"per": "batch", "inference": "frequency", "seed": 1},
        input_shape=(2, 6, 7, 3),
        prepare=lambda layer: layer.max_lead.assign(9e5),
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MixedPooling2D,
        init_kwargs={"pool_size": 3, "strides": 1, "per": "region"},
        input_shape=(2, 5, 6, 3),
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MixedPooling3D,
        init_kwargs={"seed": 1},
        input_shape=(1, 5, 4, 6, 2),
        reference=reference,
        selects_value="maximum",
    ),
]

SIBLINGS = {
    MixedPooling1D: (keras.layers.MaxPooling1D, keras.layers.AveragePooling1D),
    MixedPooling2D: (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D),
    MixedPooling3D: (keras.layers.MaxPooling3D, keras.layers.AveragePooling3D),
}


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def fix_coins(monkeypatch, is_max):
    """Makes every draw the maximum, or none."""
    monkeypatch.setattr(
        keras.random,
        "randint",
        lambda shape, low, high, dtype, seed: keras.ops.full(shape, high - 1 if is_max else low, dtype=dtype),
    )


@pytest.mark.parametrize("cls, shape", [(MixedPooling1D, 9), (MixedPooling2D, 7), (MixedPooling3D, 5)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("per", ["batch", "channel", "region"])
@pytest.mark.parametrize("is_max", [True, False])
def test_the_two_draws_equal_max_and_average_pooling(monkeypatch, cls, shape, padding, per, is_max):
    fix_coins(monkeypatch, is_max)
    inputs = noise(2, *(shape,) * cls.rank, 3)
    layer = cls(3, 2, padding, per=per)
    sibling = SIBLINGS[cls][0 if is_max else 1](3, 2, padding)
    outputs = numpy_of(layer(inputs, training=True))
    # A mean over a window with padding, or by planes, is rounded one more time.
    rounding = 0 if is_max or (padding == "valid" and cls.rank < 3) else 3e-7
    np.testing.assert_allclose(outputs, numpy_of(sibling(inputs)), rtol=rounding, atol=rounding)
    gradients = [
        numpy_of(value_and_gradients(lambda x, call=call: keras.ops.sum(call(x) ** 2), [inputs])[1][0])
        for call in (lambda x: layer(x, training=True), sibling)
    ]
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("per", ["batch", "channel", "region"])
def test_per_sets_the_scope_of_a_draw(per):
    inputs = noise(6, 8, 8, 10)
    layer = MixedPooling2D(2, per=per, seed=0)
    maximum = numpy_of(keras.layers.MaxPooling2D(2)(inputs))
    average = numpy_of(keras.layers.AveragePooling2D(2)(inputs))
    drawn = []
    for _ in range(12):
        outputs = numpy_of(layer(inputs, training=True))
        is_max = outputs == maximum
        np.testing.assert_array_equal(outputs, np.where(is_max, maximum, average))
        drawn.append(is_max)
    drawn = np.array(drawn)
    shared = {"batch": (1, 2, 3, 4), "channel": (2, 3), "region": ()}[per]
    assert (drawn.all(shared) | ~drawn.any(shared)).all()
    for axis in set(range(5)) - set(shared):
        assert not (drawn.all(axis) | ~drawn.any(axis)).all(), f"no change along axis {axis}"


@pytest.mark.parametrize("per, calls, draws", [("batch", 150, 1), ("channel", 5, 1000), ("region", 2, 25000)])
def test_both_kinds_are_drawn_equally_often(per, calls, draws):
    inputs = np.tile(np.array([[[[0.0]], [[1.0]]]], "float32"), (20, 1, 50, 50))[:, :, :25]
    layer = MixedPooling2D((2, 1), per=per, seed=1)
    first = [numpy_of(layer(inputs, training=True)) == 1 for _ in range(calls)]
    coins = np.array(first)
    coins = {"batch": coins[:, 0, 0, 0, 0], "channel": coins[:, :, 0, 0, :], "region": coins}[per].ravel()
    assert coins.size == calls * draws
    assert stats.chisquare([coins.sum(), (~coins).sum()]).pvalue > 1e-3


def test_coins_from_one_random_number_are_independent():
    inputs = np.tile(np.array([0.0, 1.0], "float32"), 48000)[None, :, None]
    coins = numpy_of(MixedPooling1D(2, per="region", seed=0)(inputs, training=True)).ravel()
    assert set(np.unique(coins)) == {0.5, 1.0}
    for lag in (1, 2, 3, 8, 12, 23, 24, 25):
        assert abs(np.corrcoef(coins[:-lag], coins[lag:])[0, 1]) < 0.02


@pytest.mark.parametrize("per", ["batch", "channel", "region"])
def test_the_mean_of_many_draws_is_the_expectation(per):
    inputs = noise(1, 4, 4, 2)
    layer = MixedPooling2D(2, 1, per=per, seed=2)
    if per == "batch":
        many = np.concatenate([numpy_of(layer(inputs, training=True)) for _ in range(150)])
    else:
        many = numpy_of(layer(np.repeat(inputs, 4000, axis=0), training=True))
    error = np.abs(many.astype("float64").mean(axis=0) - numpy_of(layer(inputs))[0])
    assert (error <= 5 * many.std(axis=0) / len(many) ** 0.5).all()


@pytest.mark.parametrize("per", ["batch", "channel", "region"])
def test_counted_draws_decide_inference(per):
    inputs = noise(3, 6, 6, 4)
    layer = MixedPooling2D(2, per=per, inference="frequency", seed=5)
    maximum = numpy_of(keras.layers.MaxPooling2D(2)(inputs))
    average = numpy_of(keras.layers.AveragePooling2D(2)(inputs))
    np.testing.assert_array_equal(numpy_of(layer(inputs)), maximum)
    lead = np.zeros(() if per == "batch" else 4)
    for _ in range(7):
        is_max = numpy_of(layer(inputs, training=True)) == maximum
        signs = np.where(is_max, 1, -1)
        if per == "batch":
            lead += signs[0, 0, 0, 0]
        else:
            lead += (signs[:, 0, 0] if per == "channel" else signs.reshape(-1, 4)).sum(axis=0)
        np.testing.assert_array_equal(numpy_of(layer.max_lead), lead)
    np.testing.assert_array_equal(numpy_of(layer(inputs)), np.where(lead >= 0, maximum, average))
    assert layer.trainable_weights == [] and len(layer.weights) == 1


@pytest.mark.parametrize("per", ["batch", "channel", "region"])
def test_a_tie_in_the_counts_takes_the_maximum(per):
    # Yu et al. take the maximum if it was drawn at least as often as the mean.
    inputs = noise(2, 4, 4, 3)
    layer = MixedPooling2D(2, per=per, inference="frequency")
    layer.build(inputs.shape)
    leads = [-1.0, 0.0, 1.0]
    for channel, lead in enumerate(leads):
        layer.max_lead.assign(lead if per == "batch" else leads)
        sibling = (keras.layers.MaxPooling2D if lead >= 0 else keras.layers.AveragePooling2D)(2)
        np.testing.assert_allclose(
            numpy_of(layer(inputs))[..., channel], numpy_of(sibling(inputs))[..., channel], rtol=1e-6
        )


def test_the_expectation_has_no_weights():
    layer = MixedPooling2D(2)
    layer.build((None, 4, 4, 3))
    assert layer.weights == []


def test_counts_are_float32_and_updated_by_fit():
    layer = MixedPooling2D(2, per="region", inference="frequency", seed=0, dtype="float16")
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layer, keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(3)]
    )
    model.compile("sgd", "mse")
    model.fit(noise(12, 8, 8, 3), np.zeros((12, 3)), batch_size=5, verbose=0)
    assert layer.max_lead.dtype == "float32"
    lead = numpy_of(layer.max_lead)
    # For an even number of draws, the lead is even.
    assert np.abs(lead).max() > 0 and (lead % 2 == 0).all() and (np.abs(lead) < 6 * (12 * 16) ** 0.5).all()


def test_large_values_in_float16_do_not_overflow(monkeypatch):
    inputs = np.full((1, 4, 4, 1), 60000, "float16")
    for is_max in (True, False):
        fix_coins(monkeypatch, is_max)
        outputs = numpy_of(MixedPooling2D(4, dtype="float16")(inputs, training=True))
        np.testing.assert_array_equal(outputs.ravel(), [60000])
    outputs = numpy_of(MixedPooling2D(4, dtype="float16")(inputs))
    np.testing.assert_array_equal(outputs.ravel(), [60000])


def test_zeros_and_a_window_of_one_are_unchanged():
    layer = MixedPooling2D(2, seed=0)
    for training in (True, False):
        assert not numpy_of(layer(np.zeros((1, 4, 4, 2), "float32"), training=training)).any()
        inputs = noise(1, 3, 3, 2)
        np.testing.assert_array_equal(numpy_of(MixedPooling2D(1)(inputs, training=training)), inputs)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"pool_size": 0}, "`pool_size` must be a positive integer or 2 of them. Received: pool_size=0"),
        ({"strides": (1, 2, 3)}, "`strides` must be a positive integer or 2 of them"),
        ({"padding": "full"}, "`padding` must be one of 'valid', 'same'. Received: padding='full'"),
        ({"data_format": "last"}, "`data_format` must be one of"),
        ({"per": "example"}, "`per` must be one of 'batch', 'channel', 'region'. Received: per='example'"),
        ({"inference": "max"}, "`inference` must be one of 'expectation', 'frequency'. Received: inference="),
        ({"seed": -1}, "`seed` must be a non-negative integer or None. Received: seed=-1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        MixedPooling2D(**arguments)
    assert message in str(caught.value)


def test_refuses_inputs_smaller_than_a_window():
    with pytest.raises(
        ValueError, match=r"window of `MixedPooling2D` is larger .* input_shape=\(1, 2, 4, 3\)"
    ):
        MixedPooling2D(3).build((1, 2, 4, 3))
    with pytest.raises(ValueError, match="`MixedPooling3D` takes inputs of rank 5"):
        MixedPooling3D(2).build((1, 4, 4, 3))
    with pytest.raises(ValueError, match=r"number of channels must be known.* input_shape=\(2, 4, 4, None\)"):
        MixedPooling2D(2, per="channel", inference="frequency").build((2, 4, 4, None))
