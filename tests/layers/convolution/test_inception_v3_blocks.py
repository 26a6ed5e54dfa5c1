"""The blocks of Inception-v3 against their figures by loops, and the network against published ones."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_cnn_zoo.layers import (
    InceptionV3A,
    InceptionV3B,
    InceptionV3C,
    InceptionV3D,
    InceptionV3E,
    InceptionV3Stem,
)
from tests.layers.convolution import inception_oracle as oracle

STEM = ["32 3x3/2V", "32 3x3V", "64 3x3", "max/2V", "80 1x1", "192 3x3V", "max/2V"]
FORK = (["384 1x3"], ["384 3x1"])
B = [(["384 3x3/2V"], ["64 1x1", "96 3x3", "96 3x3/2V"], ["max/2V"])]
D = [
    (
        ["192 1x1", "320 3x3/2V"],
        ["192 1x1", "192 1x7", "192 7x1", "192 3x3/2V"],
        ["max/2V"],
    )
]
E = [
    (
        ["320 1x1"],
        ["384 1x1", FORK],
        ["448 1x1", "384 3x3", FORK],
        ["average", "192 1x1"],
    )
]


def a(pool_filters=64, **_):
    return [
        (
            ["64 1x1"],
            ["48 1x1", "64 5x5"],
            ["64 1x1", "96 3x3", "96 3x3"],
            ["average", f"{pool_filters} 1x1"],
        )
    ]


def c(filters=192, **_):
    n = filters
    return [
        (
            ["192 1x1"],
            [f"{n} 1x1", f"{n} 1x7", "192 7x1"],
            [f"{n} 1x1", f"{n} 7x1", f"{n} 1x7", f"{n} 7x1", "192 1x7"],
            ["average", "192 1x1"],
        )
    ]


SHARED = {
    "width": 0.04,
    # Keras' normalizations compute float64 in float32 on JAX and PyTorch; other cases have them.
    "normalization": None,
    "activation": "elu",
    "data_format": "channels_last",
    "kernel_initializer": "glorot_uniform",
}

CASES = [
    dict(
        cls=InceptionV3Stem,
        # Two or more channels: PyTorch has no float64 gradient of a convolution from several to one.
        init_kwargs={**SHARED, "width": 0.06, "padding": "same"},
        input_shape=(2, 9, 10, 3),
        reference=oracle.reference(STEM),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV3Stem,
        init_kwargs={"width": 0.05},
        input_shape=(1, 27, 31, 3),
        reference=oracle.reference(STEM),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV3A,
        init_kwargs={**SHARED, "pool_filters": 50, "count_include_pad": True},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(a),
    ),
    dict(
        cls=InceptionV3A,
        init_kwargs={"width": 0.05},
        input_shape=(1, 3, 4, 2),
        reference=oracle.reference(a),
    ),
    dict(
        cls=InceptionV3B,
        init_kwargs={**SHARED, "padding": "same"},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(B),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV3B,
        init_kwargs={"width": 0.03},
        input_shape=(1, 6, 7, 3),
        reference=oracle.reference(B),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV3C,
        init_kwargs={**SHARED, "width": 0.015, "filters": 130, "count_include_pad": True},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(c),
    ),
    dict(
        cls=InceptionV3C,
        init_kwargs={"filters": 100, "width": 0.02},
        input_shape=(1, 4, 3, 2),
        reference=oracle.reference(c),
    ),
    dict(
        cls=InceptionV3D,
        init_kwargs={**SHARED, "width": 0.015, "padding": "same"},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(D),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV3D,
        init_kwargs={"width": 0.02},
        input_shape=(1, 6, 7, 3),
        reference=oracle.reference(D),
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV3E,
        init_kwargs={**SHARED, "width": 0.008, "count_include_pad": True},
        input_shape=(2, 5, 6, 3),
        reference=oracle.reference(E),
    ),
    dict(
        cls=InceptionV3E,
        # With normalization there are no biases, so the pooling follows the convolution.
        init_kwargs={"width": 0.01, "count_include_pad": True, "activation": None},
        input_shape=(1, 4, 3, 2),
        reference=oracle.reference(E),
    ),
]


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def network(**options):
    """Returns Inception-v3 up to its last feature map."""
    return [
        InceptionV3Stem(**options),
        InceptionV3A(32, **options),
        InceptionV3A(64, **options),
        InceptionV3A(64, **options),
        InceptionV3B(**options),
        InceptionV3C(128, **options),
        InceptionV3C(160, **options),
        InceptionV3C(160, **options),
        InceptionV3C(192, **options),
        InceptionV3D(**options),
        InceptionV3E(**options),
        InceptionV3E(**options),
    ]


def test_the_network_has_the_published_parameter_count():
    body, shape = oracle.parameters(network(kernel_initializer="zeros"), (None, 299, 299, 3))
    assert shape == (None, 8, 8, 2048)
    total = body + 2048 * 1000 + 1000
    assert total == 23_834_568  # torchvision's, without the auxiliary head.
    convolution = oracle.normalized_convolution
    auxiliary = convolution(128, 1, 768) + convolution(768, 5, 128) + 768 * 1000 + 1000
    assert total + auxiliary == 27_161_264


def test_the_network_has_the_map_sizes_of_the_paper():
    shape, sizes = (None, 299, 299, 3), []
    for layer in network():
        shape = layer.compute_output_shape(shape)
        sizes.append((shape[1], shape[3]))
    assert sizes == [
        (35, 192),
        *[(35, 256), (35, 288), (35, 288)],
        *[(17, 768)] * 5,
        *[(8, 1280), (8, 2048), (8, 2048)],
    ]


def test_same_padding_keeps_the_network_aligned():
    strided = (InceptionV3Stem, InceptionV3B, InceptionV3D)
    shape = (None, 300, 260, 3)
    for cls in strided:
        shape = cls(padding="same").compute_output_shape(shape)
    assert shape[1:3] == (10, 9)  # ceil(300 / 32), ceil(260 / 32)


@pytest.mark.slow
def test_the_network_equals_keras_applications():
    peer = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(75, 75, 3))
    normalization = keras.layers.BatchNormalization(epsilon=1e-3, scale=False)
    layers = network(normalization=normalization, data_format="channels_last", kernel_initializer="zeros")
    inputs = noise(2, 75, 75, 3)
    shape = inputs.shape
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    convolutions = oracle.in_order_of_creation(peer, keras.layers.Conv2D)
    norms = oracle.in_order_of_creation(peer, keras.layers.BatchNormalization)
    oracle.randomize(norms)
    own = [
        (convolution, norm)
        for layer in layers
        for convolution, norm in zip(layer.convolutions, layer.normalizations, strict=True)
    ]
    for pair, *theirs in zip(own, convolutions, norms, strict=True):
        for layer, other in zip(pair, theirs, strict=True):
            layer.set_weights(other.get_weights())
    outputs = oracle.run_in_order(layers, inputs)
    expected = keras.ops.convert_to_numpy(peer(inputs, training=False))
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(keras.ops.convert_to_numpy(outputs) / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize("normalization", ["batch", None])
@pytest.mark.parametrize("count", [True, False])
def test_the_pooled_branch_equals_pytorch(normalization, count):
    torch = pytest.importorskip("torch")
    layer = InceptionV3A(8, count_include_pad=count, normalization=normalization)
    inputs = noise(2, 5, 4, 3)
    layer.build(inputs.shape)
    convolution, norm = layer.convolutions[-1], layer.normalizations[-1]
    for weight in [*convolution.weights, *(norm.weights if norm else [])]:
        weight.assign(np.random.default_rng(1).uniform(0.1, 1.0, weight.shape))
    outputs = keras.ops.convert_to_numpy(layer(inputs))[..., -8:]
    x = torch.nn.functional.avg_pool2d(
        torch.from_numpy(inputs.transpose(0, 3, 1, 2)), 3, 1, 1, count_include_pad=count
    )
    kernel, *bias = (torch.from_numpy(np.array(weight)) for weight in convolution.get_weights())
    x = torch.nn.functional.conv2d(x, kernel.permute(3, 2, 0, 1), *bias)
    if norm:
        gamma, beta, mean, variance = (torch.from_numpy(np.array(weight)) for weight in norm.get_weights())
        x = torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)
    expected = torch.relu(x).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=10)
@given(
    cls=st.sampled_from([InceptionV3Stem, InceptionV3B, InceptionV3D]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    padding=st.sampled_from(["valid", "same"]),
)
def test_any_map_size_matches_the_figure(cls, height, width, padding):
    layer = cls(width=0.01, padding=padding, normalization=None)
    least = 1 if padding == "same" else {InceptionV3Stem: 27}.get(cls, 3)
    inputs = noise(1, height, width, 1)
    if min(height, width) < least:
        with pytest.raises(ValueError, match=f"takes feature maps of at least {least} x {least}. Received"):
            layer(inputs)
        return
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    assert outputs.shape == layer.compute_output_shape(inputs.shape)
    weights = {"/".join(w.path.split("/")[-2:]): keras.ops.convert_to_numpy(w) for w in layer.weights}
    figure = {InceptionV3Stem: STEM, InceptionV3B: B, InceptionV3D: D}[cls]
    expected = oracle.reference(figure)(inputs, weights, width=0.01, padding=padding)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_zero_and_huge_inputs_are_finite():
    layer = InceptionV3A(width=0.05)
    for value in (0.0, 1e-30, 1e30):
        outputs = keras.ops.convert_to_numpy(layer(np.full((1, 3, 3, 2), value, "float32")))
        assert np.isfinite(outputs).all()


def test_prototypes_are_cloned():
    layer = InceptionV3A(
        normalization=keras.layers.GroupNormalization(groups=1), activation=keras.layers.PReLU()
    )
    layer.build((None, 4, 4, 3))
    assert len({id(part) for part in layer.normalizations}) == len(layer.normalizations) == 7
    assert len({id(part.alpha) for part in layer.activations}) == 7
    assert not any(convolution.use_bias for convolution in layer.convolutions)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (InceptionV3A, {"pool_filters": 0}, "`pool_filters` must be a positive integer. Received"),
        (InceptionV3A, {"count_include_pad": 1}, "`count_include_pad` must be True or False"),
        (InceptionV3B, {"width": 0}, "`width` must be a finite number above 0. Received: width=0"),
        (InceptionV3B, {"padding": "full"}, "`padding` must be one of 'valid', 'same'"),
        (InceptionV3C, {"filters": -1}, "`filters` must be a positive integer"),
        (InceptionV3D, {"normalization": "layer"}, "`normalization` must be"),
        (InceptionV3E, {"activation": "no such"}, "`activation` must be"),
        (InceptionV3Stem, {"data_format": "last"}, "`data_format` must be one of"),
    ],
)
def test_refusals(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_refuses_arguments_of_other_blocks():
    with pytest.raises(ValueError, match="padding"):
        InceptionV3A(padding="valid")
    with pytest.raises(ValueError, match="count_include_pad"):
        InceptionV3B(count_include_pad=True)


def test_refuses_inputs_of_other_ranks():
    with pytest.raises(ValueError, match="`InceptionV3E` takes inputs of rank 4 with a known number"):
        InceptionV3E().build((2, 4, 3))
