"""ResidualBlock2D against the papers' figures by loops."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import ResidualBlock2D


def convolved(inputs, kernel, bias, strides, dilation, groups):
    """Returns a convolution of (n, h, w, c), padded equally on all sides; stride 1 keeps the size."""
    rows, columns, per_group, filters = kernel.shape
    pad = (rows - 1) * dilation // 2
    padded = np.pad(inputs, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    height = (padded.shape[1] - (rows - 1) * dilation - 1) // strides[0] + 1
    width = (padded.shape[2] - (columns - 1) * dilation - 1) // strides[1] + 1
    outputs = np.zeros((len(inputs), height, width, filters))
    for f in range(filters):
        first = f // (filters // groups) * per_group
        for i, j, c in np.ndindex(rows, columns, per_group):
            window = padded[:, i * dilation :, j * dilation :, first + c]
            window = window[:, :: strides[0], :: strides[1]][:, :height, :width]
            outputs[..., f] += window * kernel[i, j, c, f]
    return outputs + bias


def normalized(x, weights, name, epsilon=1e-5):
    if f"{name}/gamma" not in weights:
        return x
    gamma, beta, mean, variance = (
        weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def activated(x, name):
    return {"relu": np.maximum(x, 0), "elu": np.where(x > 0, x, np.expm1(np.minimum(x, 0)))}[name]


def reference(
    inputs,
    weights,
    filters,
    strides=1,
    kind="basic",
    preactivation=False,
    groups=1,
    stride_on="3x3",
    weighted=False,
    squeeze_ratio=None,
    activation="relu",
    dilation_rate=1,
    **_,
):
    strides = (strides, strides) if isinstance(strides, int) else strides
    leaving = filters if kind == "basic" else 4 * filters

    def convolution(x, index, step, dilation=1, count=1):
        name = f"convolution_{index}"
        bias = weights.get(f"{name}/bias", 0.0)
        return convolved(x, weights[f"{name}/kernel"], bias, step, dilation, count)

    if kind == "basic":
        plan = [(strides, dilation_rate, 1), ((1, 1), dilation_rate, 1)]
    else:
        first, second = (strides, (1, 1)) if stride_on == "1x1" else ((1, 1), strides)
        plan = [(first, 1, 1), (second, dilation_rate, groups), ((1, 1), 1, 1)]
    x, shortcut = inputs, inputs
    for index, step in enumerate(plan, start=1):
        if preactivation:
            x = activated(normalized(x, weights, f"normalization_{index}"), activation)
            if index == 1 and "projection/kernel" in weights:
                shortcut = x
            x = convolution(x, index, *step)
        else:
            x = normalized(convolution(x, index, *step), weights, f"normalization_{index}")
            if index < len(plan) or weighted:
                x = activated(x, activation)
    if squeeze_ratio:
        means = x.mean((1, 2))
        hidden = np.maximum(means @ weights["squeeze/reduce/kernel"] + weights["squeeze/reduce/bias"], 0)
        gate = hidden @ weights["squeeze/expand/kernel"] + weights["squeeze/expand/bias"]
        x = x / (1 + np.exp(-gate))[:, None, None]
    if weighted:
        x = x * weights["branch_weight"]
    if "projection/kernel" in weights:
        bias = weights.get("projection/bias", 0.0)
        shortcut = convolved(shortcut, weights["projection/kernel"], bias, strides, 1, 1)
        shortcut = normalized(shortcut, weights, "projection_normalization")
    else:
        shortcut = shortcut[:, :: strides[0], :: strides[1]]
        missing = leaving - shortcut.shape[-1]
        shortcut = np.concatenate([shortcut, np.zeros((*shortcut.shape[:3], missing))], -1)
    total = x + shortcut
    return total if preactivation or weighted else activated(total, activation)


def both_layouts(inputs, weights, data_format="channels_last", **arguments):
    if data_format == "channels_first":
        return np.moveaxis(reference(np.moveaxis(inputs, 1, -1), weights, **arguments), -1, 1)
    return reference(inputs, weights, **arguments)


CASES = [
    dict(
        cls=ResidualBlock2D,
        init_kwargs={
            "filters": 4,
            "strides": (2, 1),
            "kind": "bottleneck",
            "preactivation": False,
            # Keras' grouped convolution on TensorFlow does not convert to ONNX; the last case has groups.
            "groups": 1,
            "base_width": 48,
            "shortcut": "projection",
            "stride_on": "1x1",
            "use_bias": True,
            "weighted": True,
            "squeeze_ratio": 4,
            "drop_rate": 0.3,
            # Keras' normalizations compute float64 in float32 on JAX and PyTorch; the next case has one.
            "normalization": None,
            "activation": "elu",
            "data_format": "channels_last",
            "dilation_rate": 1,
            "kernel_initializer": "glorot_uniform",
            "seed": 7,
        },
        input_shape=(2, 5, 6, 3),
        reference=both_layouts,
    ),
    dict(
        cls=ResidualBlock2D,
        init_kwargs={"filters": 6, "strides": 2, "preactivation": True, "shortcut": "zero_pad"},
        input_shape=(2, 5, 4, 4),
        reference=both_layouts,
    ),
    dict(
        cls=ResidualBlock2D,
        init_kwargs={"filters": 3, "dilation_rate": 2, "normalization": None},
        input_shape=(1, 6, 5, 3),
        reference=both_layouts,
    ),
    dict(
        cls=ResidualBlock2D,
        init_kwargs={"filters": 2, "strides": 2, "kind": "bottleneck", "preactivation": True, "groups": 2},
        input_shape=(1, 4, 5, 3),
        reference=both_layouts,
    ),
]


def maps(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def run(layer, inputs, **arguments):
    return keras.ops.convert_to_numpy(layer(inputs, **arguments))


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        # Table 1 of the paper: a stage of ResNet-18 and one of ResNet-50, summed by hand, with the two
        # vectors of each batch normalization.
        ({"filters": 64}, 2 * 9 * 64 * 64 + 4 * 64),
        ({"filters": 64, "kind": "bottleneck"}, 64 * 256 * 2 + 9 * 64 * 64 + 2 * (64 + 64 + 256)),
    ],
)
def test_parameter_counts_match_the_paper(arguments, count):
    layer = ResidualBlock2D(**arguments)
    layer.build((None, 8, 8, 64 if arguments.get("kind") is None else 256))
    assert sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights) == count


def test_resnext_50_32x4d_has_128_inner_channels():
    layer = ResidualBlock2D(64, kind="bottleneck", groups=32, base_width=4)
    layer.build((None, 8, 8, 256))
    assert layer.convolutions[1].kernel.shape == (3, 3, 4, 128)


def test_a_zero_branch_returns_the_input():
    inputs = np.abs(maps(2, 5, 5, 4))
    layer = ResidualBlock2D(4)
    layer.build(inputs.shape)
    layer.normalizations[-1].gamma.assign(np.zeros(4))
    np.testing.assert_allclose(run(layer, inputs), inputs, atol=1e-6)


def test_a_weighted_block_starts_as_the_identity():
    inputs = maps(2, 5, 5, 4)
    np.testing.assert_allclose(run(ResidualBlock2D(4, weighted=True), inputs), inputs, atol=1e-6)
    layer = ResidualBlock2D(4, weighted=True)
    layer.build(inputs.shape)
    assert float(layer.branch_weight.constraint(np.float32(3.0))) == 1.0


def test_stochastic_depth_drops_whole_branches_of_examples():
    inputs = np.abs(maps(64, 3, 3, 2))
    layer = ResidualBlock2D(2, drop_rate=0.5, seed=1, normalization=None, activation=None)
    outputs = run(layer, inputs, training=True)
    branch = run(layer, inputs) - inputs
    factors = (outputs - inputs) / branch
    kept = np.round(factors.reshape(64, -1).mean(1)).astype(int)
    assert set(kept) == {0, 2} and 16 < (kept == 0).sum() < 48
    np.testing.assert_allclose(outputs, inputs + kept[:, None, None, None] * branch, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 7, 8])
@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_odd_and_tiny_maps_are_accepted(size, kind):
    layer = ResidualBlock2D(2, strides=2, kind=kind)
    outputs = layer(maps(1, size, size, 3))
    assert outputs.shape == layer.compute_output_shape((1, size, size, 3))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"strides": 0}, "`strides` must be .* Received: strides=0"),
        ({"kind": "wide"}, "`kind` must be one of .* Received: kind='wide'"),
        ({"groups": 2}, 'need kind="bottleneck". Received: groups=2, base_width=64'),
        ({"kind": "bottleneck", "base_width": 8}, "`base_width` must be enough for one channel at filters=4"),
        ({"shortcut": "none"}, "`shortcut` must be one of"),
        ({"stride_on": "5x5"}, "`stride_on` must be one of"),
        ({"use_bias": 1}, "`use_bias` must be True or False"),
        ({"weighted": None}, "`weighted` must be True or False"),
        ({"squeeze_ratio": 0}, "`squeeze_ratio` must be a positive integer or None"),
        ({"drop_rate": 1.0}, "`drop_rate` must be .* Received: drop_rate=1.0"),
        ({"normalization": "layer"}, "`normalization` must be"),
        ({"activation": "no such"}, "`activation` must be"),
        ({"dilation_rate": 0}, "`dilation_rate` must be a positive integer"),
        ({"seed": 0.5}, "`seed` must be an integer"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResidualBlock2D(**{"filters": 4, **arguments})


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match="inputs of rank 4 with a known number of channels"):
        ResidualBlock2D(4).build((1, 4, 3))
    with pytest.raises(ValueError, match="cannot remove channels: the block has 4 output channels"):
        ResidualBlock2D(4, shortcut="zero_pad").build((1, 4, 4, 5))
    with pytest.raises(ValueError, match="`dilation_rate` must be 1 unless `strides` is 1"):
        ResidualBlock2D(4, 2, dilation_rate=2).build((1, 4, 4, 5))
