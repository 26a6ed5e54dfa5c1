"""InceptionV1Block against its table by loops, and GoogLeNet's parameter count."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_cnn_zoo.layers import InceptionV1Block
from tests.layers.convolution import inception_oracle as oracle


def figure(filters, wide_kernel_size=5, **_):
    a, b, c, d, e, f = filters
    wide = f"{wide_kernel_size}x{wide_kernel_size}"
    return [
        (
            [f"{a} 1x1"],
            [f"{b} 1x1", f"{c} 3x3"],
            [f"{d} 1x1", f"{e} {wide}"],
            ["max", f"{f} 1x1"],
        )
    ]


reference = oracle.reference(figure)

CASES = [
    dict(
        cls=InceptionV1Block,
        init_kwargs={
            "filters": (2, 3, 4, 2, 3, 2),
            "wide_kernel_size": 3,
            # Keras' normalizations compute float64 in float32 on JAX and PyTorch; the next case has one.
            "normalization": None,
            "activation": "elu",
            "data_format": "channels_last",
            "kernel_initializer": "glorot_uniform",
        },
        input_shape=(2, 5, 6, 3),
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=InceptionV1Block,
        init_kwargs={"filters": (2, 1, 3, 2, 1, 4), "normalization": "batch"},
        input_shape=(2, 4, 5, 3),
        reference=reference,
        selects_value="maximum",
    ),
]

# Table 1 of the paper: the filters of the nine blocks.
GOOGLENET = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def googlenet(**options):
    blocks = [InceptionV1Block(row, kernel_initializer="zeros", **options) for row in GOOGLENET]
    return oracle.parameters(blocks, (None, 28, 28, 192))


def test_googlenet_has_the_published_parameter_count():
    blocks, shape = googlenet()
    assert shape == (None, 28, 28, 1024)
    stem = (49 * 3 * 64 + 64) + (64 * 64 + 64) + (9 * 64 * 192 + 192)
    total = blocks + stem + 1024 * 1000 + 1000
    assert total == 6_998_552  # bvlc_googlenet of the Caffe model zoo.
    # Two auxiliary heads, each a 1 x 1 convolution on a 4 x 4 map and two dense layers.
    heads = sum(n * 128 + 128 + 2048 * 1024 + 1024 + 1024 * 1000 + 1000 for n in (512, 528))
    assert total + heads == 13_378_280


def test_torchvisions_googlenet_has_the_published_parameter_count():
    blocks, _ = googlenet(normalization="batch", wide_kernel_size=3)
    convolution = oracle.normalized_convolution
    stem = convolution(64, 7, 3) + convolution(64, 1, 64) + convolution(192, 3, 64)
    assert blocks + stem + 1024 * 1000 + 1000 == 6_624_904  # From torchvision's documentation.


def test_the_first_branch_is_a_1x1_convolution():
    layer = InceptionV1Block(2, activation=None, kernel_initializer="zeros")
    inputs = noise(1, 3, 3, 2)
    layer.build(inputs.shape)
    layer.convolutions[0].kernel.assign(np.eye(2).reshape(1, 1, 2, 2))
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(outputs[..., :2], inputs)
    assert not outputs[..., 2:].any()


def test_channels_first_works_if_width_equals_filters():
    # Keras 3.15 on TensorFlow would add the bias of such a convolution along the width.
    inputs = noise(1, 3, 4, 3)
    last = InceptionV1Block(4, data_format="channels_last")
    first = InceptionV1Block(4, data_format="channels_first")
    last.build(inputs.shape)
    first.build((1, 3, 3, 4))
    for convolution in last.convolutions:
        convolution.bias.assign([1.0, -2.0, 3.0, -4.0])
    first.set_weights(last.get_weights())
    expected = keras.ops.convert_to_numpy(last(inputs))
    outputs = keras.ops.convert_to_numpy(first(np.moveaxis(inputs, -1, 1).copy()))
    np.testing.assert_allclose(np.moveaxis(outputs, 1, -1), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=8)
@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    first=st.booleans(),
    wide=st.integers(1, 6),
)
def test_any_map_size_matches_the_figure(height, width, first, wide):
    shape = (1, 2, height, width) if first else (1, height, width, 2)
    data_format = "channels_first" if first else "channels_last"
    layer = InceptionV1Block((1, 2, 1, 2, 1, 2), wide_kernel_size=wide, data_format=data_format)
    inputs = noise(*shape)
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    assert outputs.shape == layer.compute_output_shape(shape)
    weights = {"/".join(w.path.split("/")[-2:]): keras.ops.convert_to_numpy(w) for w in layer.weights}
    expected = reference(
        inputs, weights, filters=layer.filters, wide_kernel_size=wide, data_format=data_format
    )
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": (1, 2, 3)}, "`filters` must be a positive integer or 6 of them. Received: filters="),
        ({"filters": (1, 2, 3, 4, 5, 0)}, "`filters` must be"),
        ({"wide_kernel_size": 0}, "`wide_kernel_size` must be a positive integer. Received: .*=0"),
        ({"normalization": "layer"}, "`normalization` must be"),
        ({"activation": "no such"}, "`activation` must be"),
        ({"data_format": "last"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        InceptionV1Block(**{"filters": 4, **arguments})


def test_refuses_inputs_that_do_not_fit():
    for shape in ((2, 4, 3), (2, 4, 4, None)):
        with pytest.raises(ValueError, match="inputs of rank 4 with a known number of channels"):
            InceptionV1Block(4).build(shape)
