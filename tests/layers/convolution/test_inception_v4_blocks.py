"""The blocks of Inception-v4 against their figures by loops, and the network's parameter count."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_cnn_zoo.layers import (
    InceptionV4A,
    InceptionV4B,
    InceptionV4C,
    InceptionV4ReductionA,
    InceptionV4ReductionB,
    InceptionV4Stem,
)
from tests.layers.convolution import inception_oracle as oracle

STEM = [
    "32 3x3/2V",
    "32 3x3V",
    "64 3x3",
    (["max/2V"], ["96 3x3/2V"]),
    (["64 1x1", "96 3x3V"], ["64 1x1", "64 1x7", "64 7x1", "96 3x3V"]),
    (["192 3x3/2V"], ["max/2V"]),
]
A = [
    (
        ["96 1x1"],
        ["64 1x1", "96 3x3"],
        ["64 1x1", "96 3x3", "96 3x3"],
        ["average", "96 1x1"],
    )
]
B = [
    (
        ["384 1x1"],
        ["192 1x1", "224 1x7", "256 7x1"],
        ["192 1x1", "192 7x1", "224 1x7", "224 7x1", "256 1x7"],
        ["average", "128 1x1"],
    )
]
REDUCTION_B = [
    (
        ["192 1x1", "192 3x3/2V"],
        ["256 1x1", "256 1x7", "320 7x1", "320 3x3/2V"],
        ["max/2V"],
    )
]
FORK = (["256 1x3"], ["256 3x1"])
C = [
    (
        ["256 1x1"],
        ["384 1x1", FORK],
        ["384 1x1", "448 3x1", "512 1x3", FORK],
        ["average", "256 1x1"],
    )
]


def reduction_a(filters=(192, 224, 256, 384), **_):
    k, l, m, n = filters  # noqa: E741 (the paper's letters)
    return [([f"{n} 3x3/2V"], [f"{k} 1x1", f"{l} 3x3", f"{m} 3x3/2V"], ["max/2V"])]


SHARED = {
    "width": 0.03,
    # Keras' normalizations compute float64 in float32 on JAX and PyTorch; other cases have them.
    "normalization": None,
    "activation": "elu",
    "data_format": "channels_last",
    "kernel_initializer": "glorot_uniform",
}

CASES = [
    dict(
        cls=InceptionV4Stem,
        # Two or more channels: PyTorch has no float64 gradient of a convolution from several to one.
        init_kwargs={**SHARED, "width": 0.06, "padding": "same"},
        input_shape=(2, 9, 10, 3),
        reference=oracle.reference(STEM),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV4Stem,
        init_kwargs={"width": 0.04},
        input_shape=(1, 27, 31, 3),
        reference=oracle.reference(STEM),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV4A,
        init_kwargs=SHARED,
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(A),
    ),
    dict(
        cls=InceptionV4A,
        init_kwargs={"width": 0.05},
        input_shape=(1, 3, 4, 2),
        reference=oracle.reference(A),
    ),
    dict(
        cls=InceptionV4ReductionA,
        init_kwargs={**SHARED, "filters": (90, 70, 110, 60), "padding": "same"},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(reduction_a),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV4ReductionA,
        init_kwargs={"width": 0.02},
        input_shape=(1, 6, 7, 3),
        reference=oracle.reference(reduction_a),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV4B,
        init_kwargs={**SHARED, "width": 0.012},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(B),
    ),
    dict(
        cls=InceptionV4B,
        init_kwargs={"width": 0.02},
        input_shape=(1, 4, 3, 2),
        reference=oracle.reference(B),
    ),
    dict(
        cls=InceptionV4ReductionB,
        init_kwargs={**SHARED, "width": 0.012, "padding": "same"},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(REDUCTION_B),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV4ReductionB,
        init_kwargs={"width": 0.02},
        input_shape=(1, 6, 7, 3),
        reference=oracle.reference(REDUCTION_B),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV4C,
        init_kwargs={**SHARED, "width": 0.008},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(C),
    ),
    dict(
        cls=InceptionV4C,
        init_kwargs={"width": 0.01},
        input_shape=(1, 4, 3, 2),
        reference=oracle.reference(C),
    ),
]


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def network(**options):
    """Returns Inception-v4 up to its last feature map."""
    return [
        InceptionV4Stem(**options),
        *[InceptionV4A(**options) for _ in range(4)],
        InceptionV4ReductionA(**options),
        *[InceptionV4B(**options) for _ in range(7)],
        InceptionV4ReductionB(**options),
        *[InceptionV4C(**options) for _ in range(3)],
    ]


def test_the_network_has_the_published_parameter_count():
    body, shape = oracle.parameters(network(kernel_initializer="zeros"), (None, 299, 299, 3))
    assert shape == (None, 8, 8, 1536)
    assert body + 1536 * 1000 + 1000 == 42_679_816  # timm's inception_v4.


def test_the_network_has_the_map_sizes_of_the_paper():
    shape, sizes = (None, 299, 299, 3), []
    for layer in network():
        shape = layer.compute_output_shape(shape)
        sizes.append((shape[1], shape[3]))
    assert sizes == [(35, 384)] * 5 + [(17, 1024)] * 8 + [(8, 1536)] * 4


def test_same_padding_keeps_the_network_aligned():
    shape = (None, 300, 260, 3)
    for cls in (InceptionV4Stem, InceptionV4ReductionA, InceptionV4ReductionB):
        shape = cls(padding="same").compute_output_shape(shape)
    assert shape[1:3] == (10, 9)  # ceil(300 / 32), ceil(260 / 32)


@settings(max_examples=10)
@given(
    cls=st.sampled_from([InceptionV4Stem, InceptionV4ReductionA, InceptionV4ReductionB]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    padding=st.sampled_from(["valid", "same"]),
)
def test_any_map_size_matches_the_figure(cls, height, width, padding):
    layer = cls(width=0.01, padding=padding, normalization=None)
    least = 1 if padding == "same" else {InceptionV4Stem: 27}.get(cls, 3)
    inputs = noise(1, height, width, 1)
    if min(height, width) < least:
        with pytest.raises(ValueError, match=f"takes feature maps of at least {least} x {least}. Received"):
            layer(inputs)
        return
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    assert outputs.shape == layer.compute_output_shape(inputs.shape)
    weights = {"/".join(w.path.split("/")[-2:]): keras.ops.convert_to_numpy(w) for w in layer.weights}
    figures = {InceptionV4Stem: STEM, InceptionV4ReductionA: reduction_a}
    expected = oracle.reference(figures.get(cls, REDUCTION_B))(inputs, weights, width=0.01, padding=padding)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (InceptionV4A, {"width": "wide"}, "`width` must be a finite number above 0. Received: width='wide'"),
        (InceptionV4B, {"normalization": "layer"}, "`normalization` must be"),
        (InceptionV4C, {"activation": "no such"}, "`activation` must be"),
        (InceptionV4ReductionA, {"filters": (1, 2)}, "`filters` must be a positive integer or 4 of them"),
        (InceptionV4ReductionB, {"padding": "full"}, "`padding` must be one of 'valid', 'same'"),
        (InceptionV4Stem, {"data_format": "last"}, "`data_format` must be one of"),
    ],
)
def test_refusals(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match="`InceptionV4C` takes inputs of rank 4 with a known number"):
        InceptionV4C().build((2, 4, 3))
    with pytest.raises(ValueError, match=r"at least 27 x 27.*input_shape=\(1, 26, 40, 3\), padding='valid'"):
        InceptionV4Stem().compute_output_shape((1, 26, 40, 3))
