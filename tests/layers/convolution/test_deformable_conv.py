"""DeformableConv2D against its definition by loops, over pixels and taps."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_cnn_zoo.layers import DeformableConv2D
from keras_cnn_zoo.ops.deformable_convolution import deformable_convolution
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import WEIGHT_ARGUMENTS


def as_pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def bilinear(channel, y, x):
    """Returns a map's value at a real position; 0 outside the map, as in torchvision."""
    height, width = channel.shape
    if y <= -1 or y >= height or x <= -1 or x >= width:
        return 0.0
    top, left = int(np.floor(y)), int(np.floor(x))
    total = 0.0
    for i in (top, top + 1):
        for j in (left, left + 1):
            if 0 <= i < height and 0 <= j < width:
                total += (1 - abs(y - i)) * (1 - abs(x - j)) * channel[i, j]
    return total


def geometry(shape, size, strides, padding, dilation):
    """Returns output lengths and leading padding, from the definition of "valid" and "same"."""
    counts, before = [], []
    for length, extent, stride, rate in zip(shape, size, strides, dilation, strict=True):
        reach = rate * (extent - 1)
        count = (length - reach - 1) // stride + 1 if padding == "valid" else int(np.ceil(length / stride))
        missing = max((count - 1) * stride + reach + 1 - length, 0)
        counts.append(count)
        before.append(missing // 2 if padding == "same" else 0)
    return counts, before


def deformed(inputs, kernel, offsets, modulation, *, strides=1, padding="valid", dilation_rate=1):
    """Returns the output, channels last; `offsets` (batch, rows, columns, groups, taps, 2) or None."""
    strides, dilation_rate = as_pair(strides), as_pair(dilation_rate)
    size, (inner, filters) = kernel.shape[:2], kernel.shape[2:]
    channels = inputs.shape[-1]
    groups = channels // inner
    counts, before = geometry(inputs.shape[1:3], size, strides, padding, dilation_rate)
    outputs = np.zeros((len(inputs), *counts, filters))
    for n, row, column, f, i, j, c in np.ndindex(*outputs.shape, *size, inner):
        source = f // (filters // groups) * inner + c
        y = row * strides[0] - before[0] + i * dilation_rate[0]
        x = column * strides[1] - before[1] + j * dilation_rate[1]
        factor, tap = 1.0, i * size[1] + j
        if offsets is not None:
            part = source // (channels // offsets.shape[3])
            y, x = np.array([y, x]) + offsets[n, row, column, part, tap]
            factor = 1.0 if modulation is None else modulation[n, row, column, part, tap]
        outputs[n, row, column, f] += kernel[i, j, c, f] * factor * bilinear(inputs[n, :, :, source], y, x)
    return outputs


def reference(
    inputs,
    weights,
    kernel_size,
    data_format=None,
    activation=None,
    modulated=True,
    offset_groups=1,
    strides=1,
    padding="valid",
    dilation_rate=1,
    **_,
):
    inputs = np.moveaxis(inputs, 1, -1) if data_format == "channels_first" else inputs
    window = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    taps = int(np.prod(as_pair(kernel_size)))
    fields = deformed(inputs, weights["offset/kernel"], None, None, **window) + weights["offset/bias"]
    shape = (*fields.shape[:3], offset_groups, taps)
    offsets = fields[..., : 2 * offset_groups * taps].reshape(*shape, 2)
    modulation = (
        1 / (1 + np.exp(-fields[..., 2 * offset_groups * taps :].reshape(shape))) if modulated else None
    )
    outputs = deformed(inputs, weights["kernel"], offsets, modulation, **window) + weights.get("bias", 0.0)
    outputs = 1 / (1 + np.exp(-outputs)) if activation == "sigmoid" else outputs
    return np.moveaxis(outputs, -1, 1) if data_format == "channels_first" else outputs


CASES = [
    dict(
        cls=DeformableConv2D,
        init_kwargs={
            "filters": 4,
            "kernel_size": (3, 2),
            "strides": (2, 1),
            "padding": "same",
            "data_format": "channels_last",
            "dilation_rate": 1,
            "groups": 2,
            "activation": "sigmoid",
            **WEIGHT_ARGUMENTS,
            "modulated": False,
            "offset_groups": 2,
        },
        input_shape=(2, 6, 5, 4),
        reference=reference,
    ),
    dict(
        cls=DeformableConv2D,
        init_kwargs={"filters": 3, "kernel_size": 3, "dilation_rate": 2, "use_bias": False},
        input_shape=(1, 7, 6, 2),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@st.composite
def windows(draw):
    strided = draw(st.booleans())
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    arguments = {
        "kernel_size": draw(pair),
        "strides": draw(pair) if strided else 1,
        "dilation_rate": 1 if strided else draw(pair),
        "padding": draw(st.sampled_from(["valid", "same"])),
    }
    reach = [
        d * (k - 1)
        for d, k in zip(as_pair(arguments["dilation_rate"]), arguments["kernel_size"], strict=True)
    ]
    least = [r + 1 if arguments["padding"] == "valid" else 1 for r in reach]
    return arguments, tuple(draw(st.integers(low, low + 4)) for low in least), draw(st.sampled_from([1, 2]))


@hypothesis.given(windows())
@hypothesis.settings(max_examples=15)
def test_any_window_matches_the_loops(drawn):
    arguments, size, groups = drawn
    inputs = noise(1, *size, 2)
    layer = DeformableConv2D(2, groups=groups, **arguments)
    layer.build(inputs.shape)
    layer.set_weights([noise(*weight.shape, seed=place) for place, weight in enumerate(layer.weights)])
    outputs = numpy_of(layer(inputs))
    weights = dict(zip(("kernel", "bias", "offset/kernel", "offset/bias"), layer.get_weights(), strict=True))
    np.testing.assert_allclose(outputs, reference(inputs, weights, **arguments), atol=2e-4)
    assert layer.compute_output_shape(inputs.shape) == outputs.shape


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"padding": "same", "strides": 2},
        {"padding": "same", "dilation_rate": (1, 2)},
        {"groups": 2, "activation": "relu", "offset_groups": 4},
    ],
)
@pytest.mark.parametrize("modulated", [True, False])
def test_it_starts_as_conv2d_times_the_modulation(arguments, modulated):
    inputs = noise(2, 9, 8, 4)
    layer = DeformableConv2D(6, 3, modulated=modulated, **arguments)
    arguments = {name: value for name, value in arguments.items() if name != "offset_groups"}
    sibling = keras.layers.Conv2D(6, 3, **arguments)
    outputs = numpy_of(layer(inputs))
    sibling.build(inputs.shape)
    sibling.set_weights(layer.get_weights()[:2])
    np.testing.assert_allclose(outputs, numpy_of(sibling(inputs)) * (0.5 if modulated else 1), atol=1e-6)


@pytest.mark.parametrize("groups, offset_groups", [(1, 1), (2, 4)])
@pytest.mark.parametrize("strides, dilation", [(2, 1), (1, 2)])
def test_it_equals_torchvision(groups, offset_groups, strides, dilation):
    torch = pytest.importorskip("torch")
    operation = pytest.importorskip("torchvision").ops.deform_conv2d
    samples = offset_groups * 6
    inputs, kernel = noise(2, 8, 7, 4), noise(3, 2, 4 // groups, 6, seed=1)
    counts, _ = geometry((8, 7), (3, 2), (strides,) * 2, "valid", (dilation,) * 2)
    offsets = 2 * noise(2, *counts, 2 * samples, seed=2)
    modulation = noise(2, *counts, samples, seed=3)
    arrays = [np.moveaxis(array, -1, 1) for array in (inputs, offsets, modulation)]
    tensors = [torch.tensor(array.copy(), requires_grad=True) for array in arrays]
    expected = operation(
        tensors[0],
        tensors[1],
        torch.tensor(kernel.transpose(3, 2, 0, 1).copy()),
        stride=strides,
        dilation=dilation,
        mask=tensors[2],
    )
    weights = noise(*expected.shape, seed=4)
    (expected * torch.tensor(weights)).sum().backward()

    def summed(*given):
        outputs = deformable_convolution(
            given[0],
            keras.ops.convert_to_tensor(kernel),
            *given[1:],
            strides=(strides,) * 2,
            padding="valid",
            dilation_rate=(dilation,) * 2,
        )
        factors = keras.ops.convert_to_tensor(np.moveaxis(weights, 1, -1))
        return keras.ops.sum(outputs * factors), outputs

    (_, outputs), gradients, _ = value_and_gradients(summed, [inputs, offsets, modulation], has_aux=True)
    np.testing.assert_allclose(np.moveaxis(numpy_of(outputs), -1, 1), expected.detach().numpy(), atol=1e-4)
    for gradient, tensor in zip(gradients, tensors, strict=True):
        np.testing.assert_allclose(np.moveaxis(numpy_of(gradient), -1, 1), tensor.grad.numpy(), atol=1e-3)


def test_a_3x3_case_by_hand():
    # One tap, 0.5 pixels down and 1 to the right, with the modulation 3/4.
    inputs = np.arange(1, 10, dtype="float32").reshape(1, 3, 3, 1)
    layer = DeformableConv2D(1, 1, use_bias=False)
    layer.build(inputs.shape)
    kernel, offset_kernel, _ = layer.get_weights()
    layer.set_weights([np.ones_like(kernel), offset_kernel, np.array([0.5, 1.0, np.log(3.0)], "float32")])
    expected = 0.75 * np.array([[3.5, 4.5, 0], [6.5, 7.5, 0], [4, 4.5, 0]])
    np.testing.assert_allclose(numpy_of(layer(inputs))[0, ..., 0], expected, rtol=1e-6)


def sampled(inputs, offsets):
    return deformable_convolution(
        inputs, np.ones((1, 1, 1, 1), "float32"), offsets, strides=(1, 1), padding="valid"
    )


@pytest.mark.parametrize("offset", [3.0, -3.0, 1e3, -1e9, 1e30, -3e38, np.inf])
def test_a_sample_outside_is_zero_and_has_zero_gradient(offset):
    inputs, offsets = noise(1, 3, 3, 1), np.full((1, 3, 3, 2), offset, "float32")
    assert not numpy_of(sampled(inputs, offsets)).any()
    _, gradients, _ = value_and_gradients(lambda *both: keras.ops.sum(sampled(*both)), [inputs, offsets])
    assert not any(numpy_of(gradient).any() for gradient in gradients)


@pytest.mark.parametrize("axis", [0, 1])
def test_at_integer_positions_the_gradient_is_from_the_right(axis):
    # Also one pixel outside, where the next pixel is the first of the map.
    inputs = noise(1, 4, 4, 1)
    for offset in (0.0, 1.0, -1.0):
        offsets = np.full((1, 4, 4, 2), offset, "float32")
        _, (gradient,), _ = value_and_gradients(lambda o: keras.ops.sum(sampled(inputs, o)), [offsets])
        moved = offsets.copy()
        moved[..., axis] += 0.5  # linear up to the next pixel
        slope = (numpy_of(sampled(inputs, moved)) - numpy_of(sampled(inputs, offsets))) / 0.5
        np.testing.assert_allclose(numpy_of(gradient)[..., axis], slope[..., 0], atol=1e-5)


def test_offset_groups_move_separate_channels():
    inputs = noise(1, 5, 5, 4)
    kernel = np.eye(4, dtype="float32").reshape(1, 1, 4, 4)
    offsets = np.zeros((1, 5, 5, 4), "float32")
    offsets[..., 3] = 1  # the second group, one to the right
    outputs = numpy_of(deformable_convolution(inputs, kernel, offsets, strides=(1, 1), padding="valid"))
    np.testing.assert_array_equal(outputs[..., :2], inputs[..., :2])
    np.testing.assert_array_equal(outputs[:, :, :-1, 2:], inputs[:, :, 1:, 2:])
    assert not outputs[:, :, -1, 2:].any()


def test_offsets_are_learned():
    inputs = np.tile(np.linspace(-1, 1, 12, dtype="float32"), (8, 12, 1))[..., None]
    inputs = inputs * np.linspace(0.5, 1.5, 8, dtype="float32").reshape(8, 1, 1, 1)
    targets = np.roll(inputs, -2, axis=2)
    layer = DeformableConv2D(1, 1, use_bias=False, modulated=False, kernel_initializer="ones")
    layer.build(inputs.shape)
    layer.kernel.trainable = False
    model = keras.Sequential([layer, keras.layers.Cropping2D(((0, 0), (0, 3)))])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(inputs, targets[:, :, :-3], epochs=60, verbose=0)
    offsets = numpy_of(layer.offset(inputs))[:, :, :-3]
    np.testing.assert_allclose(offsets[..., 1], 2.0, atol=0.2)


def test_positions_are_exact_in_half_precision():
    # 300 needs nine bits: bfloat16 positions would be two pixels apart.
    inputs = np.tile(np.arange(300) % 2, (1, 1, 1)).astype("float32")[..., None]
    layer = DeformableConv2D(
        1, 1, use_bias=False, modulated=False, kernel_initializer="ones", dtype="bfloat16"
    )
    np.testing.assert_array_equal(numpy_of(keras.ops.cast(layer(inputs), "float32")), inputs)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"kernel_size": (3, 3, 3)}, "`kernel_size` must be a positive integer or 2 of them"),
        ({"strides": 0}, "`strides` must be a positive integer or 2 of them. Received: strides="),
        ({"padding": "causal"}, "`padding` must be one of 'valid', 'same'. Received: padding='causal'"),
        ({"data_format": "x"}, "`data_format` must be one of"),
        ({"dilation_rate": 2, "strides": 2}, "`dilation_rate` must be 1 with strides=(2, 2)"),
        ({"groups": 3}, "`groups` must be a divisor of filters=4. Received: groups=3"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
        ({"modulated": 1}, "`modulated` must be True or False. Received: modulated=1"),
        ({"offset_groups": 0}, "`offset_groups` must be a positive integer. Received: offset_groups=0"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        DeformableConv2D(**{"filters": 4, "kernel_size": 3, **arguments})
    assert message in str(caught.value)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"window of `DeformableConv2D` is larger"):
        DeformableConv2D(4, 3).build((1, 2, 8, 3))
    with pytest.raises(ValueError, match=r"`DeformableConv2D` takes inputs of rank 4"):
        DeformableConv2D(4, 3).build((1, 8, 3))
    for name in ("groups", "offset_groups"):
        message = rf"divisible by `{name}`. Received: {name}=2, input_shape=\(1, 8, 8, 3\)"
        with pytest.raises(ValueError, match=message):
            DeformableConv2D(4, 3, **{name: 2}).build((1, 8, 8, 3))
