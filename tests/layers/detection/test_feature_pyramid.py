"""FeaturePyramid against convolutions by loops over windows, and its limits."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import FeaturePyramid, LocalResponseNormalization


def convolved(inputs, weights, name, strides=1, **normalized):
    """Returns a convolution with one pixel of zero padding (none for a 1 x 1 kernel), normalized."""
    kernel = weights[f"{name}/kernel"]
    size = len(kernel)
    reach = size // 2
    padded = np.pad(inputs, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    height, width = ((length - 1) // strides + 1 for length in inputs.shape[1:3])
    outputs = np.zeros((len(inputs), height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            window = padded[
                :, row * strides : row * strides + size, column * strides : column * strides + size
            ]
            outputs[:, row, column] = np.tensordot(window, kernel, axes=3)
    if f"{name}/bias" in weights:
        return outputs + weights[f"{name}/bias"]
    if f"{name}_normalization/gamma" in weights:
        gamma, beta, mean, variance = (
            weights[f"{name}_normalization/{part}"]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (outputs - mean) / np.sqrt(variance + 1e-5) + beta
    energy = outputs**2
    energy[..., 1:] += outputs[..., :-1] ** 2
    energy[..., :-1] += outputs[..., 1:] ** 2
    return outputs / (1.5 + 0.3 * energy) ** 0.6


def reference(inputs, weights, filters, extra_levels=0, extra="pooling", **others):
    names = sorted(inputs)
    merged, outputs = None, {}
    for name in reversed(names):
        lateral = convolved(inputs[name], weights, f"lateral_{name}")
        if merged is not None:
            doubled = merged.repeat(2, axis=1).repeat(2, axis=2)
            lateral = lateral + doubled[:, : lateral.shape[1], : lateral.shape[2]]
        merged = lateral
        outputs[name] = convolved(merged, weights, f"output_{name}")
    level = outputs[names[-1]]
    for number in range(extra_levels):
        name = f"P{int(names[-1][1:]) + 1 + number}"
        if extra == "pooling":
            level = level[:, ::2, ::2]
        else:
            level = convolved(np.maximum(level, 0) if number else level, weights, f"extra_{name}", strides=2)
        outputs[name] = level
    return outputs


CASES = [
    dict(
        cls=FeaturePyramid,
        init_kwargs={
            "filters": 3,
            "extra_levels": 2,
            "extra": "convolution",
            # Keras' normalizations compute float64 in float32 on JAX and PyTorch.
            "normalization": LocalResponseNormalization(depth_radius=1, bias=1.5, alpha=0.3, beta=0.6),
            "kernel_initializer": "he_normal",
            "kernel_regularizer": keras.regularizers.L2(0.01),
            "data_format": "channels_last",
        },
        input_shape={"P3": (2, 7, 10, 2), "P4": (2, 4, 5, 4)},
        reference=reference,
    ),
    dict(
        cls=FeaturePyramid,
        init_kwargs={"filters": 4, "extra_levels": 1},
        input_shape={"P2": (1, 8, 8, 2), "P3": (1, 4, 4, 3), "P4": (1, 2, 2, 4)},
        reference=reference,
    ),
    dict(
        cls=FeaturePyramid,
        init_kwargs={
            "filters": 2,
            "extra_levels": 1,
            "extra": "convolution",
            "normalization": keras.layers.BatchNormalization(epsilon=1e-5),
        },
        input_shape={"P3": (2, 5, 4, 2)},
        reference=reference,
    ),
]


def stages(*sizes, channels=2):
    rng = np.random.default_rng(0)
    return {
        f"P{number}": rng.normal(size=(1, *size, channels)).astype("float32")
        for number, size in enumerate(sizes, start=3)
    }


def test_one_stage_is_two_convolutions():
    layer = FeaturePyramid(4)
    inputs = stages((5, 6))
    outputs = layer(inputs)["P3"]
    lateral, last = layer._laterals["P3"], layer._outputs["P3"]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(outputs),
        keras.ops.convert_to_numpy(last(lateral(inputs["P3"]))),
        rtol=1e-6,
    )


def test_information_flows_from_coarse_to_fine_only():
    layer = FeaturePyramid(4)
    inputs = stages((8, 8), (4, 4))
    before = {name: keras.ops.convert_to_numpy(value) for name, value in layer(inputs).items()}
    for changed, same, other in (("P3", ("P4",), ("P3",)), ("P4", (), ("P3", "P4"))):
        moved = dict(inputs)
        moved[changed] = inputs[changed] + 1
        after = {name: keras.ops.convert_to_numpy(value) for name, value in layer(moved).items()}
        assert all(np.array_equal(after[name], before[name]) for name in same)
        assert all(not np.array_equal(after[name], before[name]) for name in other)


def test_channels_follow_the_data_format():
    inputs = {name: value.transpose(0, 3, 1, 2) for name, value in stages((7, 6), (4, 3)).items()}
    layer = FeaturePyramid(5, extra_levels=1, normalization="batch", data_format="channels_first")
    shapes = {name: tuple(value.shape) for name, value in layer(inputs).items()}
    assert shapes == {"P3": (1, 5, 7, 6), "P4": (1, 5, 4, 3), "P5": (1, 5, 2, 2)}


def test_the_parameter_count_matches_torchvision():
    # torchvision 0.20: FeaturePyramidNetwork([256, 512, 1024, 2048], 256) has 3,344,384.
    layer = FeaturePyramid(256)
    layer.build({f"P{n}": (None, 2 ** (9 - n), 2 ** (9 - n), 64 * 2**n) for n in (2, 3, 4, 5)})
    assert layer.count_params() == (256 + 512 + 1024 + 2048) * 256 + 4 * 256 + 4 * (9 * 256 * 256 + 256)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer"),
        ({"extra_levels": -1}, "`extra_levels` must be a non-negative integer"),
        ({"extra": "max"}, "`extra` must be one of 'pooling', 'convolution'"),
        ({"normalization": "layer"}, "`normalization` must be a keras.Layer"),
        ({"data_format": "first"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeaturePyramid(**{"filters": 4, **arguments})


@pytest.mark.parametrize(
    "inputs, message",
    [
        (np.zeros((1, 4, 4, 2)), "takes a dict of maps"),
        ({"P3": np.zeros((1, 4, 4, 2)), "P5": np.zeros((1, 1, 1, 2))}, "consecutive numbers"),
        ({"fine": np.zeros((1, 4, 4, 2))}, "keys have consecutive numbers"),
        ({"P3": np.zeros((1, 4, 4, 2)), "P4": np.zeros((1, 4, 4, 2))}, "half the height and width"),
    ],
)
def test_refuses_other_stages(inputs, message):
    with pytest.raises(ValueError, match=message):
        FeaturePyramid(4)(inputs)
