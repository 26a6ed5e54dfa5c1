"""ContextModule2D against its stack of convolutions by loops, and the paper's table 1."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.initializers import ConvIdentity
from keras_cnn_zoo.layers import ContextModule2D
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.layers.convolution.oracles import ACTIVATIONS, in_layout, noise, numpy_of, shared

LARGE = (2, 2, 4, 8, 16, 32, 32)


def reference(
    inputs,
    weights,
    dilation_rates=(1, 1, 2, 4, 8, 16, 1),
    padding="same",
    data_format=None,
    activation="relu",
    **_,
):
    def convolution(x, number, **options):
        scope = f"convolution_{number}"
        return shared(x, weights[f"{scope}/kernel"], weights[f"{scope}/bias"], **options)

    def function(x):
        for number, rate in enumerate(dilation_rates, start=1):
            x = ACTIVATIONS[activation](convolution(x, number, padding=padding, dilation_rate=rate))
        return convolution(x, len(dilation_rates) + 1)

    return in_layout(function, inputs, data_format)


CASES = [
    dict(
        cls=ContextModule2D,
        init_kwargs={
            "filters": 3,
            "dilation_rates": (1, 2, 3),
            "channel_multipliers": (2, 1, 2),
            "padding": "valid",
            "data_format": "channels_last",
            "activation": "elu",
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
        },
        input_shape=(2, 14, 15, 3),
        reference=reference,
    ),
    dict(cls=ContextModule2D, init_kwargs={"filters": 2}, input_shape=(1, 9, 7, 2), reference=reference),
    dict(
        cls=ContextModule2D,
        init_kwargs={"filters": 2, "dilation_rates": (2, 1)},
        input_shape=(2, 5, 6, 2),
        reference=reference,
    ),
    dict(
        cls=ContextModule2D,
        init_kwargs={"filters": 2, "dilation_rates": [1, 3], "channel_multipliers": (2, 4)},
        input_shape=(1, 5, 6, 2),
        reference=reference,
    ),
]


def positive(*shape):
    return np.abs(noise(*shape))


@pytest.mark.parametrize("shape", [(2, 40, 37, 5), (1, 3, 2, 5), (1, 1, 1, 5)])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_starts_as_the_identity(shape, data_format):
    inputs = positive(*shape)
    inputs = inputs if data_format == "channels_last" else np.moveaxis(inputs, -1, 1)
    np.testing.assert_array_equal(numpy_of(ContextModule2D(5, data_format=data_format)(inputs)), inputs)


def test_starts_by_truncating_negative_values():
    inputs = noise(1, 12, 12, 3)
    np.testing.assert_array_equal(numpy_of(ContextModule2D(3)(inputs)), np.maximum(inputs, 0))


def test_valid_starts_by_cropping():
    inputs = positive(1, 70, 68, 2)
    outputs = numpy_of(ContextModule2D(2, padding="valid")(inputs))
    np.testing.assert_array_equal(outputs, inputs[:, 33:-33, 33:-33])


def test_the_large_module_starts_near_the_identity():
    """Without noise the module is exactly the identity; the noise that makes copies differ is small."""
    inputs = positive(1, 16, 16, 3)
    exact = ContextModule2D(3, channel_multipliers=LARGE, kernel_initializer=ConvIdentity(3))
    np.testing.assert_allclose(numpy_of(exact(inputs)), inputs, rtol=1e-5)
    keras.utils.set_random_seed(0)
    noisy = numpy_of(ContextModule2D(3, channel_multipliers=LARGE)(inputs))
    assert 0 < np.abs(noisy - inputs).mean() < 0.25 * inputs.mean()


def test_copies_of_a_channel_start_different():
    module = ContextModule2D(2, dilation_rates=(1,), channel_multipliers=(4,))
    module.build((None, 8, 8, 2))
    kernel = module.get_weights()[0]
    assert len({tuple(kernel[..., place].ravel()) for place in range(8)}) == 8


# Table 1: the receptive field after each layer, and the output channels as multiples of C.
TABLE = {
    "dilation": (1, 1, 2, 4, 8, 16, 1),
    "field": (3, 5, 9, 17, 33, 65, 67),
    "basic": (1, 1, 1, 1, 1, 1, 1),
    "large": LARGE,
}


@pytest.mark.parametrize("layers", range(1, 8))
def test_the_receptive_field_matches_the_table(layers):
    field = TABLE["field"][layers - 1]
    rates = TABLE["dilation"][:layers]
    # With positive weights nothing cancels.
    module = ContextModule2D(1, dilation_rates=rates, kernel_initializer=keras.initializers.Constant(0.1))
    size = field + 4
    inputs = np.ones((1, size, size, 1), "float32")
    middle = size // 2
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(module(x)[:, middle, middle]), [inputs])
    seen = numpy_of(gradient)[0, ..., 0] > 0
    assert seen.sum() == field**2
    assert seen[2:-2, 2:-2].all()


@pytest.mark.parametrize("name, multipliers", [("basic", None), ("large", LARGE)])
def test_parameter_counts_match_the_table(name, multipliers):
    module = ContextModule2D(21, channel_multipliers=multipliers)
    assert module.dilation_rates == TABLE["dilation"]
    module.build((None, None, None, 21))
    widths = [21, *(21 * multiple for multiple in TABLE[name])]
    expected = sum(9 * before * after + after for before, after in zip(widths, widths[1:], strict=False))
    assert module.count_params() == expected + widths[-1] * 21 + 21


def test_padding_once_or_every_time_agrees_away_from_the_border():
    inputs = positive(1, 24, 22, 2)
    options = {"dilation_rates": (1, 2, 1), "kernel_initializer": keras.initializers.HeNormal(seed=1)}
    each = numpy_of(ContextModule2D(2, **options)(inputs))
    once = np.pad(inputs, [(0, 0), (4, 4), (4, 4), (0, 0)])
    once = numpy_of(ContextModule2D(2, padding="valid", **options)(once))
    assert once.shape == each.shape
    inside = (slice(None), slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(each[inside], once[inside], atol=1e-5)


def test_layers_with_one_seed_differ():
    module = ContextModule2D(3, dilation_rates=(1, 1), kernel_initializer=keras.initializers.HeNormal(seed=1))
    module.build((None, 8, 8, 3))
    assert np.abs(module.get_weights()[0] - module.get_weights()[2]).max() > 0.01


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"dilation_rates": ()}, "`dilation_rates` must be a sequence of positive integers. Received"),
        ({"dilation_rates": 2}, "`dilation_rates` must be a sequence of positive integers. Received"),
        ({"dilation_rates": (1, 0)}, "Received: dilation_rates=(1, 0)"),
        ({"channel_multipliers": (2, 2)}, "Received: channel_multipliers=(2, 2)"),
        ({"channel_multipliers": 2}, "`channel_multipliers` must be 7 positive integers or None. Received"),
        ({"padding": "causal"}, "`padding` must be one of 'same', 'valid'. Received: padding='causal'"),
        ({"data_format": "x"}, "`data_format` must be one of"),
        ({"activation": "nonsense"}, "nonsense"),
        ({"kernel_initializer": "nonsense"}, "nonsense"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        ContextModule2D(**{"filters": 4, **arguments})
    assert message in str(caught.value)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"`ContextModule2D` takes inputs of rank 4"):
        ContextModule2D(4).build((1, 8, 4))
    with pytest.raises(ValueError, match=r"`filters` must equal the channels .* input_shape=\(1, 8, 8, 3\)"):
        ContextModule2D(4).build((1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"window of `ContextModule2D` is larger"):
        ContextModule2D(4, padding="valid").build((1, 66, 80, 4))
