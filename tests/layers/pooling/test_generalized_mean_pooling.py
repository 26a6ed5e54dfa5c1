"""GeneralizedMeanPooling2D by loops, its limits, and over the range of its dtype."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies

from keras_cnn_zoo.layers import GeneralizedMeanPooling2D
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, p=3.0, trainable_p=True, data_format=None, keepdims=False):
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    inputs = inputs if first else np.moveaxis(inputs, -1, 1)
    p = float(weights.get("power", p))
    outputs = np.zeros(inputs.shape[:2])
    for place in np.ndindex(outputs.shape):
        total = 0.0
        for entry in inputs[place].ravel():
            total += max(entry, 0.0) ** p
        outputs[place] = (total / inputs[place].size) ** (1 / p)
    if not keepdims:
        return outputs
    return outputs[:, :, None, None] if first else outputs[:, None, None, :]


CASES = [
    dict(
        cls=GeneralizedMeanPooling2D,
        init_kwargs={"p": 2.5, "trainable_p": True, "data_format": "channels_last", "keepdims": True},
        input_shape=(2, 5, 6, 3),
        expected_output_shape=(2, 1, 1, 3),
        reference=reference,
    ),
    dict(cls=GeneralizedMeanPooling2D, init_kwargs={}, input_shape=(2, 5, 6, 3), reference=reference),
    dict(
        cls=GeneralizedMeanPooling2D,
        init_kwargs={"p": 4, "trainable_p": False, "keepdims": False},
        input_shape=(2, 5, 6, 3),
        reference=reference,
    ),
    dict(
        cls=GeneralizedMeanPooling2D,
        init_kwargs={"p": 0.7, "trainable_p": False},
        input_shape=(2, 4, 3, 2),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def positive(*shape):
    return (np.abs(np.random.default_rng(0).normal(size=shape)) + 0.1).astype("float32")


def outputs_and_gradients(layer, inputs):
    """Returns the outputs and the gradients of their sum for the inputs and the power, in float32."""
    inputs = np.asarray(inputs, layer.compute_dtype)
    outputs = numpy_of(keras.ops.cast(layer(inputs), "float32"))
    _, of_inputs, of_weights = value_and_gradients(
        lambda x: keras.ops.sum(keras.ops.cast(layer(x), "float32")), [inputs], layer.trainable_variables
    )
    return outputs, *(numpy_of(keras.ops.cast(gradient, "float32")) for gradient in (*of_inputs, *of_weights))


@pytest.mark.parametrize("trainable_p", [True, False])
def test_p_1_equals_the_average(trainable_p):
    inputs = positive(2, 5, 7, 3)
    outputs = GeneralizedMeanPooling2D(1, trainable_p=trainable_p)(inputs)
    average = keras.layers.GlobalAveragePooling2D()(inputs)
    np.testing.assert_allclose(numpy_of(outputs), numpy_of(average), rtol=1e-6)


@pytest.mark.parametrize("trainable_p", [True, False])
def test_a_huge_p_equals_the_maximum(trainable_p):
    inputs = positive(2, 5, 7, 3)
    outputs = GeneralizedMeanPooling2D(1e30, trainable_p=trainable_p)(inputs)
    np.testing.assert_array_equal(numpy_of(outputs), inputs.max((1, 2)))


@hypothesis.given(
    height=strategies.integers(1, 9),
    width=strategies.integers(1, 9),
    p=strategies.floats(1, 50),
    trainable_p=strategies.booleans(),
)
def test_lies_between_average_and_maximum(height, width, p, trainable_p):
    inputs = positive(2, height, width, 2)
    outputs = numpy_of(GeneralizedMeanPooling2D(p, trainable_p=trainable_p)(inputs))
    assert (outputs >= inputs.mean((1, 2)) * (1 - 1e-5)).all()
    assert (outputs <= inputs.max((1, 2)) * (1 + 1e-5)).all()
    np.testing.assert_allclose(outputs, reference(inputs.astype("float64"), {}, p), rtol=2e-5)


def test_the_output_grows_with_p():
    inputs = positive(2, 4, 4, 3)
    means = [numpy_of(GeneralizedMeanPooling2D(p)(inputs)) for p in (0.5, 1, 2, 3, 10, 100, 5000)]
    for smaller, larger in zip(means[:-1], means[1:], strict=True):
        assert (smaller < larger).all()
    np.testing.assert_allclose(means[-1], inputs.max((1, 2)), rtol=1e-3)


def test_equals_the_formula_of_pytorch():
    torch = pytest.importorskip("torch")
    inputs = positive(2, 6, 5, 3)
    p = torch.tensor(3.0, requires_grad=True)
    x = torch.tensor(inputs, requires_grad=True)
    peer = (x.clamp(min=1e-6) ** p).mean((1, 2)) ** (1 / p)
    peer.sum().backward()
    outputs, of_inputs, of_p = outputs_and_gradients(GeneralizedMeanPooling2D(3.0), inputs)
    np.testing.assert_allclose(outputs, peer.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(of_inputs, x.grad.numpy(), rtol=1e-4)
    np.testing.assert_allclose(of_p, p.grad.numpy(), rtol=1e-4)


def test_fixed_integer_powers_equal_trainable_powers():
    inputs = positive(2, 6, 5, 3) - 0.3
    for p in (1.0, 2.0, 3.0, 7.0, 16.0):
        one, other = (
            outputs_and_gradients(GeneralizedMeanPooling2D(p, trainable_p=t), inputs) for t in (False, True)
        )
        np.testing.assert_allclose(one[0], other[0], rtol=1e-5)
        np.testing.assert_allclose(one[1], other[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("p", [0.3, 1, 3, 7.5, 40.0, 1000.0, 1e30])
@pytest.mark.parametrize("trainable_p", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float16", "mixed_bfloat16"])
def test_zeros_have_a_finite_gradient(p, trainable_p, dtype):
    inputs = positive(3, 4, 4, 2)
    inputs[0] = 0
    inputs[1, :2] = 0
    inputs[2, 0, 0] = -3
    layer = GeneralizedMeanPooling2D(p, trainable_p=trainable_p, dtype=dtype if p < 6e4 else "float32")
    outputs, *gradients = outputs_and_gradients(layer, inputs)
    assert np.isfinite(outputs).all() and (outputs[0] == 0).all() and (outputs[1:] > 0).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert not gradients[0][0].any() and not gradients[0][1, :2].any() and not gradients[0][2, 0, 0].any()
    assert np.abs(gradients[0][1:]).max() > 0


@pytest.mark.parametrize("p", [0.5, 3, 7.5, 40.0])
@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e37])
def test_is_proportional_to_its_input_over_the_whole_range(p, scale):
    inputs = positive(1, 4, 6, 2).astype("float64")
    layer = GeneralizedMeanPooling2D(p)
    expected = reference(inputs, {}, p) * scale
    outputs, of_inputs, of_p = outputs_and_gradients(layer, inputs * scale)
    np.testing.assert_allclose(outputs, expected, rtol=3e-5)
    _, same, slope = outputs_and_gradients(layer, inputs)
    np.testing.assert_allclose(of_inputs, same, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(of_p, slope * scale, rtol=1e-3)


def test_large_values_in_float16_do_not_overflow():
    layer = GeneralizedMeanPooling2D(4.0, dtype="float16")
    outputs, of_inputs, _ = outputs_and_gradients(layer, np.full((1, 2, 2, 1), 60000))
    np.testing.assert_allclose(outputs, 60000, rtol=1e-3)
    np.testing.assert_allclose(of_inputs, 0.25, rtol=1e-3)


def test_the_power_learns():
    inputs = positive(4, 5, 5, 2)
    layer = GeneralizedMeanPooling2D(3.0)
    model = keras.Sequential([keras.Input((None, None, 2)), layer])
    model.compile(keras.optimizers.SGD(3.0), "mse")
    model.fit(inputs, inputs.max((1, 2)), epochs=8, verbose=0)
    assert float(layer.power) > 3.05 and layer.p == 3.0


def test_a_fixed_power_is_not_a_weight():
    layer = GeneralizedMeanPooling2D(3.0, trainable_p=False)
    layer.build((None, None, None, 4))
    assert layer.weights == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"p": 0}, "`p` must be a finite number at most 1e+30 and above 0. Received: p=0"),
        ({"p": -1.0}, "Received: p=-1.0"),
        ({"p": float("inf")}, "Received: p=inf"),
        ({"trainable_p": 1}, "`trainable_p` must be True or False. Received: trainable_p=1"),
        ({"keepdims": None}, "`keepdims` must be True or False. Received: keepdims=None"),
        ({"data_format": "first"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        GeneralizedMeanPooling2D(**arguments)
    assert message in str(caught.value)


def test_refuses_another_rank():
    with pytest.raises(ValueError, match=r"takes inputs of rank 4. Received: input_shape=\(1, 4, 4\)"):
        GeneralizedMeanPooling2D().build((1, 4, 4))


def test_the_power_starts_at_p_in_float64():
    layer = GeneralizedMeanPooling2D(3.7, dtype="float64")
    layer.build((None, 4, 4, 1))
    assert float(layer.power) == 3.7
