"""The blocks of Inception-ResNet-v2 against their figures by loops, and the network against others."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import (
    InceptionResNetA,
    InceptionResNetB,
    InceptionResNetC,
    InceptionResNetReductionA,
    InceptionResNetReductionB,
    InceptionResNetStem,
    InceptionV4ReductionA,
)
from tests.layers.convolution import inception_oracle as oracle

STEM = [
    *["32 3x3/2V", "32 3x3V", "64 3x3", "max/2V", "80 1x1", "192 3x3V", "max/2V"],
    (
        ["96 1x1"],
        ["48 1x1", "64 5x5"],
        ["64 1x1", "96 3x3", "96 3x3"],
        ["average", "64 1x1"],
    ),
]
A = [(["32 1x1"], ["32 1x1", "32 3x3"], ["32 1x1", "48 3x3", "64 3x3"])]
B = [(["192 1x1"], ["128 1x1", "160 1x7", "192 7x1"])]
C = [(["192 1x1"], ["192 1x1", "224 1x3", "256 3x1"])]
REDUCTION_B = [
    (
        ["256 1x1", "384 3x3/2V"],
        ["256 1x1", "288 3x3/2V"],
        ["256 1x1", "288 3x3", "320 3x3/2V"],
        ["max/2V"],
    )
]


def reduction_a(filters=(256, 256, 384, 384), **_):
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
RESIDUAL = {**SHARED, "width": 0.1, "scale": 0.5, "activate_output": False}

CASES = [
    dict(
        cls=InceptionResNetStem,
        # Two or more channels: PyTorch has no float64 gradient of a convolution from several to one.
        init_kwargs={**SHARED, "width": 0.06, "padding": "same"},
        input_shape=(2, 9, 10, 3),
        reference=oracle.reference(STEM),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionResNetStem,
        init_kwargs={"width": 0.04},
        input_shape=(1, 27, 31, 3),
        reference=oracle.reference(STEM),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionResNetA,
        init_kwargs=RESIDUAL,
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(A),
    ),
    dict(
        cls=InceptionResNetA,
        init_kwargs={"scale": 0.17, "width": 0.1},
        input_shape=(1, 3, 4, 2),
        reference=oracle.reference(A),
    ),
    dict(
        cls=InceptionResNetReductionA,
        init_kwargs={**SHARED, "filters": (90, 70, 110, 60), "padding": "same"},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(reduction_a),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionResNetReductionA,
        init_kwargs={"width": 0.02},
        input_shape=(1, 6, 7, 3),
        reference=oracle.reference(reduction_a),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionResNetB,
        init_kwargs={**RESIDUAL, "width": 0.02},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(B),
    ),
    dict(
        cls=InceptionResNetB,
        init_kwargs={"scale": 0.1, "width": 0.02},
        input_shape=(1, 4, 3, 2),
        reference=oracle.reference(B),
    ),
    dict(
        cls=InceptionResNetReductionB,
        init_kwargs={**SHARED, "width": 0.012, "padding": "same"},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(REDUCTION_B),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionResNetReductionB,
        init_kwargs={"width": 0.02},
        input_shape=(1, 6, 7, 3),
        reference=oracle.reference(REDUCTION_B),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionResNetC,
        init_kwargs={**RESIDUAL, "width": 0.02},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(C),
    ),
    dict(
        cls=InceptionResNetC,
        init_kwargs={"scale": 0.2, "width": 0.02},
        input_shape=(1, 4, 3, 2),
        reference=oracle.reference(C),
    ),
]


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def network(**options):
    """Returns Inception-ResNet-v2 without the convolution before its head."""
    return [
        InceptionResNetStem(**options),
        *[InceptionResNetA(**options) for _ in range(10)],
        InceptionResNetReductionA(**options),
        *[InceptionResNetB(**options) for _ in range(20)],
        InceptionResNetReductionB(**options),
        *[InceptionResNetC(**options) for _ in range(9)],
        InceptionResNetC(scale=1.0, activate_output=False, **options),
    ]


def test_the_network_has_the_published_parameter_count():
    body, shape = oracle.parameters(network(kernel_initializer="zeros"), (None, 299, 299, 3))
    assert shape == (None, 8, 8, 2080)
    last = oracle.normalized_convolution(1536, 1, 2080)
    assert body + last + 1536 * 1000 + 1000 == 55_843_464  # timm's inception_resnet_v2.


def test_a_block_of_each_kind_has_the_right_parameter_count():
    # By hand: a convolution and the two vectors of its normalization; a projection has a bias instead.
    count = oracle.normalized_convolution
    a = 3 * count(32, 1, 320) + count(32, 3, 32) + count(48, 3, 32) + count(64, 3, 48) + 128 * 320 + 320
    b = count(192, 1, 1088) + count(128, 1, 1088) + 384 * 1088 + 1088
    b += 7 * 128 * 160 + 2 * 160 + 7 * 160 * 192 + 2 * 192
    c = 2 * count(192, 1, 2080) + 448 * 2080 + 2080
    c += 3 * 192 * 224 + 2 * 224 + 3 * 224 * 256 + 2 * 256
    for cls, channels, expected in (
        (InceptionResNetA, 320, a),
        (InceptionResNetB, 1088, b),
        (InceptionResNetC, 2080, c),
    ):
        assert oracle.parameters([cls()], (None, 5, 5, channels))[0] == expected


def test_the_network_has_the_published_map_sizes():
    shape, sizes = (None, 299, 299, 3), []
    for layer in network():
        shape = layer.compute_output_shape(shape)
        sizes.append((shape[1], shape[3]))
    assert sizes == [(35, 320)] * 11 + [(17, 1088)] * 21 + [(8, 2080)] * 11


def test_same_padding_keeps_the_network_aligned():
    shape = (None, 300, 260, 3)
    for cls in (InceptionResNetStem, InceptionResNetReductionA, InceptionResNetReductionB):
        shape = cls(padding="same").compute_output_shape(shape)
    assert shape[1:3] == (10, 9)  # ceil(300 / 32), ceil(260 / 32)


@pytest.mark.slow
def test_the_network_equals_keras_applications():
    peer = keras.applications.InceptionResNetV2(weights=None, include_top=False, input_shape=(75, 75, 3))
    body = keras.Model(peer.input, peer.get_layer("conv_7b").input)
    normalization = keras.layers.BatchNormalization(epsilon=1e-3, scale=False)
    layers = network(normalization=normalization, data_format="channels_last", kernel_initializer="zeros")
    inputs = noise(2, 75, 75, 3)
    shape = inputs.shape
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    norms = oracle.in_order_of_creation(body, keras.layers.BatchNormalization)
    oracle.randomize(norms)
    own = [part for layer in layers for part in layer.convolutions]
    theirs = oracle.in_order_of_creation(body, keras.layers.Conv2D)
    own += [part for layer in layers for part in layer.normalizations]
    theirs += norms
    own += [layer.projection for layer in layers if layer.projection is not None]
    theirs += [
        body.get_layer(f"block{kind}_{number}_conv")
        for kind, count in ((35, 10), (17, 20), (8, 10))
        for number in range(1, count + 1)
    ]
    for layer, other in zip(own, theirs, strict=True):
        layer.set_weights(other.get_weights())
    expected = keras.ops.convert_to_numpy(body(inputs, training=False))
    outputs = keras.ops.convert_to_numpy(oracle.run_in_order(layers, inputs))
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(outputs / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize("cls", [InceptionResNetA, InceptionResNetB, InceptionResNetC])
def test_a_zero_projection_returns_the_input(cls):
    inputs = np.abs(noise(2, 5, 5, 4))
    layer = cls(width=0.02)
    layer.build(inputs.shape)
    layer.projection.kernel.assign(np.zeros(layer.projection.kernel.shape))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(inputs)), inputs)
    negative = keras.ops.convert_to_numpy(layer(-inputs))
    assert not negative.any()


def test_both_reductions_differ_only_in_their_filters():
    inputs = noise(2, 5, 5, 4)
    first = InceptionResNetReductionA((3, 4, 5, 6))
    second = InceptionV4ReductionA((3, 4, 5, 6))
    second.build(inputs.shape)
    first.build(inputs.shape)
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(layer(inputs)) for layer in (first, second)))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_tiny_maps_are_accepted(size):
    inputs = noise(1, size, size, 2)
    for cls in (InceptionResNetA, InceptionResNetB, InceptionResNetC):
        assert cls(width=0.02)(inputs).shape == inputs.shape


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (InceptionResNetA, {"scale": 0}, "`scale` must be a finite number above 0. Received: scale=0"),
        (InceptionResNetB, {"activate_output": 1}, "`activate_output` must be True or False"),
        (InceptionResNetC, {"width": -1.0}, "`width` must be a finite number above 0"),
        (InceptionResNetC, {"activation": "no such"}, "`activation` must be"),
        (InceptionResNetReductionA, {"filters": (1, 2)}, "`filters` must be a positive integer or 4 of them"),
        (InceptionResNetReductionB, {"padding": "full"}, "`padding` must be one of 'valid', 'same'"),
        (InceptionResNetStem, {"normalization": "layer"}, "`normalization` must be"),
        (InceptionResNetStem, {"data_format": "last"}, "`data_format` must be one of"),
    ],
)
def test_refusals(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match="`InceptionResNetA` takes inputs of rank 4 with a known number"):
        InceptionResNetA().build((2, 4, 3))
    with pytest.raises(ValueError, match=r"at least 3 x 3.*input_shape=\(1, 2, 9, 3\), padding='valid'"):
        InceptionResNetReductionB().compute_output_shape((1, 2, 9, 3))
