"""RReLU against the formula of Xu et al. 2015, its limits, and its draws."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import RReLU
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, lower=1 / 8, upper=1 / 3, inference_slope=None, **_):
    slope = 0.5 * (lower + upper) if inference_slope is None else inference_slope
    outputs = np.empty_like(inputs)
    for place in np.ndindex(inputs.shape):
        outputs[place] = inputs[place] if inputs[place] >= 0 else slope * inputs[place]
    return outputs


CASES = [
    dict(
        cls=RReLU,
        init_kwargs={
            "lower": 0.1,
            "upper": 0.4,
            "per": "channel",
            "axis": -1,
            "inference_slope": 0.2,
            "seed": 3,
        },
        input_shape=(2, 5, 4, 3),
        reference=reference,
    ),
    dict(cls=RReLU, init_kwargs={}, input_shape=(3, 7), reference=reference),
    dict(cls=RReLU, init_kwargs={"per": "channel", "axis": 1}, input_shape=(2, 3, 6), reference=reference),
]


def slopes(layer, shape):
    """Returns the slopes that a training call draws."""
    return keras.ops.convert_to_numpy(layer(-np.ones(shape, "float32"), training=True)) * -1


def test_slopes_fill_the_interval_evenly_and_average_to_the_inference_slope():
    layer = RReLU(lower=0.2, upper=0.6, seed=1)
    drawn = slopes(layer, (100, 1000))
    assert drawn.min() >= 0.2 and drawn.max() <= 0.6
    counts, _ = np.histogram(drawn, bins=10, range=(0.2, 0.6))
    chi_square = ((counts - 1e4) ** 2 / 1e4).sum()
    assert chi_square < 27.9  # 0.999 quantile of chi-square with 9 degrees of freedom
    inference = -float(layer(-np.ones((1, 1)))[0, 0])
    assert inference == pytest.approx(0.4)
    assert drawn.mean() == pytest.approx(inference, abs=4 * 0.4 / np.sqrt(12 * 1e5))


def test_each_element_draws_a_separate_slope():
    assert len(np.unique(slopes(RReLU(seed=1), (2, 4, 4, 3)))) == 96


@pytest.mark.parametrize("axis, shape, shared", [(-1, (2, 4, 5, 3), (1, 2)), (1, (2, 3, 4, 5), (2, 3))])
def test_channel_slopes_are_shared_only_over_spatial_axes(axis, shape, shared):
    drawn = slopes(RReLU(per="channel", axis=axis, seed=1), shape)
    assert np.ptp(drawn, axis=shared).max() == 0
    assert len(np.unique(drawn)) == 6


def test_every_training_call_draws_new_slopes():
    layer = RReLU(seed=1)
    assert not np.array_equal(slopes(layer, (4, 4)), slopes(layer, (4, 4)))


def test_an_interval_of_one_point_is_leaky_relu():
    inputs = np.random.default_rng(0).normal(size=(4, 9)).astype("float32")
    expected = keras.ops.convert_to_numpy(keras.layers.LeakyReLU(negative_slope=0.25)(inputs))
    for training in (False, True):
        outputs = keras.ops.convert_to_numpy(RReLU(lower=0.25, upper=0.25)(inputs, training=training))
        np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_inference_equals_pytorch():
    torch = pytest.importorskip("torch")
    inputs = np.random.default_rng(0).normal(size=(4, 9)).astype("float32")
    expected = torch.nn.RReLU(0.1, 0.3).eval()(torch.tensor(inputs)).numpy()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(RReLU(0.1, 0.3)(inputs)), expected, rtol=1e-6)


def test_inference_slope_can_match_the_paper():
    assert float(RReLU(inference_slope=1 / 5.5)(np.array([[-11.0]]))[0, 0]) == pytest.approx(-2.0)


def test_the_gradient_is_the_drawn_slope():
    layer = RReLU(lower=0.3, upper=0.3)
    _, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(layer(x, training=True)), [np.array([[-2.0, -1e-30, 0.0, 3.0]], "float32")]
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(gradient), [[0.3, 0.3, 1.0, 1.0]], rtol=1e-6)


def test_zero_and_empty_inputs_are_accepted():
    assert not np.any(keras.ops.convert_to_numpy(RReLU()(np.zeros((2, 3)), training=True)))
    assert RReLU()(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"lower": -0.1}, r"`lower` must be a finite number at least 0 and at most 1. Received: lower=-0.1"),
        ({"lower": 0.5, "upper": 0.4}, r"`upper` must be a finite number at least 0.5"),
        ({"upper": 1.5}, r"`upper` must be .* at most 1. Received: upper=1.5"),
        ({"per": "row"}, r"`per` must be one of 'element', 'channel'. Received: per='row'"),
        ({"axis": 1.0}, r"`axis` must be an integer. Received: axis=1.0"),
        ({"inference_slope": -1}, r"`inference_slope` must be .* at least 0. Received: inference_slope=-1"),
        ({"seed": "now"}, r"seed=now"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        RReLU(**arguments)


@pytest.mark.parametrize("axis, shape", [(0, (2, 3)), (2, (2, 3)), (-1, (4,))])
def test_refuses_an_axis_that_is_not_the_channel_axis(axis, shape):
    with pytest.raises(ValueError, match="`axis` must name an axis of the input other than the batch's"):
        RReLU(per="channel", axis=axis).build(shape)
