"""Every windowed pooling against loops, on random sizes, strides, and paddings."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies

from keras_cnn_zoo import layers
from tests.layers.pooling import test_lp_pooling as lp
from tests.layers.pooling import test_mixed_pooling as mixed
from tests.layers.pooling import test_spectral_pooling as spectral
from tests.layers.pooling import test_stochastic_pooling as stochastic

FAMILIES = {
    "LpPooling": (lp.reference, {"p": [0.5, 1.0, 2.0, 3.5, "inf"], "normalize": [True, False]}),
    "MixedPooling": (mixed.reference, {"per": ["batch", "channel", "region"]}),
    "StochasticPooling": (stochastic.reference, {}),
}


@strategies.composite
def windowed(draw, family):
    """Draws a layer's class, its arguments, and an input, which may be smaller than a window."""
    rank = draw(strategies.integers(1, 3))

    def sizes(most):
        each = strategies.integers(1, most)
        return draw(strategies.one_of(each, strategies.tuples(*[each] * rank)))

    lengths = draw(strategies.tuples(*[strategies.integers(1, (12, 8, 5)[rank - 1])] * rank))
    arguments = {
        "pool_size": sizes(4),
        "strides": draw(strategies.booleans()) and sizes(5) or None,
        "padding": draw(strategies.sampled_from(["valid", "same"])),
        "data_format": draw(strategies.sampled_from(["channels_last", "channels_first"])),
        **{name: draw(strategies.sampled_from(values)) for name, values in FAMILIES[family][1].items()},
    }
    batch, channels = draw(strategies.integers(1, 2)), draw(strategies.integers(1, 3))
    first = arguments["data_format"] == "channels_first"
    shape = (batch, channels, *lengths) if first else (batch, *lengths, channels)
    inputs = np.random.default_rng(draw(strategies.integers(0, 99))).normal(size=shape).astype("float32")
    return getattr(layers, f"{family}{rank}D"), arguments, lengths, inputs


def fits(lengths, pool_size, padding, **_):
    sizes = (pool_size,) * len(lengths) if isinstance(pool_size, int) else pool_size
    return padding == "same" or all(size <= length for size, length in zip(sizes, lengths, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
@hypothesis.given(data=strategies.data())
@hypothesis.settings(max_examples=40)
def test_windows_of_any_size_match_the_loops(family, data):
    cls, arguments, lengths, inputs = data.draw(windowed(family))
    layer = cls(**arguments)
    if not fits(lengths, **arguments):
        with pytest.raises(ValueError, match="larger than its input"):
            layer(inputs)
        return
    expected = FAMILIES[family][0](inputs.astype("float64"), {}, **arguments)
    assert layer.compute_output_shape(inputs.shape) == expected.shape
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(outputs, expected, rtol=2e-5, atol=2e-6)
    drawn = keras.ops.convert_to_numpy(layer(inputs, training=True) if family != "LpPooling" else outputs)
    assert drawn.shape == expected.shape and np.isfinite(drawn).all()


@hypothesis.given(
    height=strategies.integers(1, 12),
    width=strategies.integers(1, 12),
    share=strategies.tuples(strategies.floats(0, 1), strategies.floats(0, 1)),
)
def test_spectral_pooling_accepts_any_smaller_size(height, width, share):
    size = tuple(1 + int(part * (length - 1)) for part, length in zip(share, (height, width), strict=True))
    inputs = np.random.default_rng(height).normal(size=(2, height, width, 2)).astype("float32")
    layer = layers.SpectralPooling2D(size)
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    assert outputs.shape == layer.compute_output_shape(inputs.shape) == (2, *size, 2)
    expected = spectral.reference(inputs.astype("float64"), {}, size, data_format="channels_last")
    np.testing.assert_allclose(outputs, expected, atol=3e-6)
    np.testing.assert_allclose(outputs.mean((1, 2)), inputs.mean((1, 2)), atol=3e-6)
