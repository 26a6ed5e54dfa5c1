"""lsuv: unit variances in models of every kind, orthonormal kernels, and what does not change."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_cnn_zoo.initializers import lsuv
from keras_cnn_zoo.layers import DropConnect, GatedConv1D, HighwayConv2D, LocallyConnected2D, TiledConv2D
from keras_cnn_zoo.testing.case import dtype_policy

CASES = []


def batch(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def variance_before_activation(model, layer, inputs):
    """Returns the output variance of a layer of a sequential model, from a copy without activation."""
    until = keras.Model(model.inputs[0], layer.input)
    twin = type(layer).from_config({**layer.get_config(), "activation": None})
    twin.build(layer.input.shape)
    twin.set_weights(layer.get_weights())
    return float(np.var(keras.ops.convert_to_numpy(twin(until(inputs, training=False)))))


@pytest.fixture(scope="module")
def deep():
    """Returns a model of thirty layers, twenty of them convolutions, and its variances after `lsuv`."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 3))])
    for number in range(20):
        model.add(layers.Conv2D(12, 3, padding="same", activation=("relu", "tanh", "elu", None)[number % 4]))
    model.add(layers.Flatten())
    for number in range(10):
        model.add(layers.Dense(10 + number, activation=("relu", "sigmoid", "softmax")[number % 3]))
    inputs = batch(64, 8, 8, 3)
    return model, inputs, lsuv(model, inputs, tolerance=0.05)


def test_all_variances_of_a_thirty_layer_network_are_within_tolerance(deep):
    model, inputs, variances = deep
    assert len(variances) == 30
    assert all(abs(variance - 1) <= 0.05 for variance in variances.values())


def test_the_returned_variances_are_those_of_the_layers(deep):
    model, inputs, variances = deep
    treated = [layer for layer in model.layers if layer.weights]
    assert list(variances) == [layer.path for layer in treated]
    for layer in treated[::5]:
        assert variance_before_activation(model, layer, inputs) == pytest.approx(
            variances[layer.path], rel=1e-4
        )


def test_kernels_are_multiples_of_orthonormal_matrices(deep):
    for layer in deep[0].layers:
        if layer.weights:
            matrix = layer.get_weights()[0].reshape(-1, layer.get_weights()[0].shape[-1])
            gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
            np.testing.assert_allclose(gram / gram[0, 0], np.eye(len(gram)), atol=1e-4)
            assert not layer.get_weights()[1].any()


def test_calls_and_activations_are_restored(deep):
    model, inputs, _ = deep
    first = model.layers[0]
    assert first.activation is keras.activations.relu
    assert "call" not in vars(first)
    before = model.get_weights()
    keras.ops.convert_to_numpy(model(inputs))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


class Subclassed(keras.Model):
    """Layers in an attribute, a list, a dict and a nested model; one layer called twice."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(8, activation="relu")
        self.blocks = [layers.Dense(8, activation="tanh") for _ in range(2)]
        self.heads = {"a": layers.Dense(3), "b": keras.Sequential([layers.Dense(4)])}
        self.unused = layers.Dense(5)
        self.unused.build((None, 6))

    def call(self, inputs, training=False):
        x = self.first(inputs)
        for block in self.blocks:
            x = block(block(x))
        return {name: head(x) for name, head in self.heads.items()}


def test_a_subclassed_model_with_nested_and_shared_layers():
    variances = lsuv(Subclassed(), batch(200, 6))
    assert len(variances) == 7  # shared layers are measured at each call, and initialized at the first
    fitted = {path: variance for path, variance in variances.items() if not path.endswith("#2")}
    assert len(fitted) == 5
    assert all(abs(variance - 1) <= 0.1 for variance in fitted.values())


def test_wrappers_blocks_and_other_kernels():
    inputs = keras.Input((8, 8, 4))
    x = DropConnect(layers.Conv2D(4, 3, activation="relu"), 0.5)(inputs)
    x = HighwayConv2D(4, 3)(x)
    x = layers.SeparableConv2D(6, 3)(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.Conv2DTranspose(3, 2, strides=2)(layers.BatchNormalization()(x))
    x = layers.TimeDistributed(layers.Dense(5, activation="relu"))(layers.Reshape((8, 24))(x))
    x = layers.LSTM(3)(layers.Dropout(0.5)(x))
    variances = lsuv(keras.Model(inputs, x), batch(50, 8, 8, 4))
    assert len(variances) == 7
    assert all(abs(variance - 1) <= 0.1 for variance in variances.values())


def test_each_kernel_of_several_positions_is_orthonormal():
    inputs = keras.Input((6, 6, 4))
    x = TiledConv2D(5, 3)(inputs)
    x = LocallyConnected2D(3, 2, strides=2)(x)
    x = GatedConv1D(5, 2)(layers.Reshape((4, 3))(x))
    model = keras.Model(inputs, x)
    variances = lsuv(model, batch(100, 6, 6, 4))
    assert len(variances) == 4  # the gated convolution has two kernels
    assert all(abs(variance - 1) <= 0.1 for variance in variances.values())
    for layer, shape in ((model.layers[1], (4, 36, 5)), (model.layers[2], (4, 20, 3))):
        for kernel in layer.get_weights()[0].reshape(shape):
            gram = kernel.T @ kernel
            np.testing.assert_allclose(gram / gram[0, 0], np.eye(shape[-1]), atol=1e-4)


def sequential(*parts):
    return keras.Sequential([keras.Input((6,)), *parts])


def orthonormal(kernel):
    """Returns the nearest orthonormal matrix, from a singular value decomposition."""
    left, _, right = np.linalg.svd(kernel, full_matrices=False)
    return left @ right


def papers_kernel(kernel, inputs, bias, tolerance, max_iterations):
    """Returns the kernel after the paper's algorithm 1, from an orthonormal matrix on."""
    for _ in range(max_iterations):
        variance = np.var(inputs @ kernel + bias)
        if abs(variance - 1) <= tolerance:
            break
        kernel = kernel / np.sqrt(variance)
    return kernel


@pytest.mark.parametrize("tolerance, max_iterations", [(0.1, 10), (0.01, 10), (1e-6, 3), (1e-6, 40)])
def test_kernels_are_those_of_the_papers_algorithm(tolerance, max_iterations):
    bias = keras.initializers.RandomNormal(0, 0.4, seed=3)
    convolution = layers.Conv2D(5, 3, activation="tanh", bias_initializer=bias)
    parts = [layers.Dense(7, activation="relu", bias_initializer=bias), layers.Dense(3)]
    model = keras.Sequential([keras.Input((6, 6, 2)), convolution, *parts])
    images = batch(40, 6, 6, 2).astype("float64") * 3
    lsuv(model, images, tolerance=tolerance, max_iterations=max_iterations)
    patches = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2))
    rows = np.moveaxis(patches, 3, -1).reshape(-1, 18)
    activations = (np.tanh, lambda x: np.maximum(x, 0), np.asarray)
    for layer, activation in zip((convolution, *parts), activations, strict=True):
        kernel, bias = (np.float64(weight) for weight in layer.get_weights())
        kernel = kernel.reshape(-1, kernel.shape[-1])
        expected = papers_kernel(orthonormal(kernel), rows, bias, tolerance, max_iterations)
        np.testing.assert_allclose(kernel, expected, rtol=2e-4, atol=1e-5)
        rows = activation(rows @ kernel + bias)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_a_second_call_changes_nothing(policy):
    with dtype_policy(policy):
        model = sequential(layers.Dense(5, activation="relu"), layers.Dense(1), layers.Dense(4))
    lsuv(model, batch(100, 6), tolerance=0.05)
    before = [np.array(keras.ops.convert_to_numpy(weight)) for weight in model.weights]
    variances = lsuv(model, batch(100, 6), tolerance=0.05)
    assert len(variances) == 3 and not variances.unreached
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(weight))


def test_kernels_of_mixed_precision_are_not_rounded():
    with dtype_policy("mixed_bfloat16"):
        model = sequential(layers.Dense(5), layers.Dense(4))
    lsuv(model, batch(100, 6))
    for kernel in model.get_weights()[::2]:
        gram = kernel.T @ kernel
        np.testing.assert_allclose(gram / gram[0, 0], np.eye(len(gram)), atol=1e-5)


def test_frozen_layers_do_not_change():
    inner = sequential(layers.Dense(5), layers.Dense(5))
    model = sequential(layers.Dense(6), inner, layers.Dense(5), layers.Dense(4))
    model.layers[0].trainable = inner.trainable = False
    # Frozen by the model around it.
    inner.layers[0].trainable = True
    before = inner.get_weights() + model.layers[0].get_weights()
    variances = lsuv(model, batch(100, 6))
    assert list(variances) == [layer.path for layer in model.layers[2:]]
    frozen = [model.layers[0], *inner.layers]
    assert variances.skipped == {layer.kernel.path: "it is not trainable" for layer in frozen}
    for old, new in zip(before, inner.get_weights() + model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_frozen_model_raises_with_the_reasons():
    model = sequential(layers.Dense(5))
    model.trainable = False
    message = "trainable kernel that can be scaled. Received: .*/kernel: it is not trainable"
    with pytest.raises(ValueError, match=message):
        lsuv(model, batch(100, 6))


class KernelOf(layers.Layer):
    """Dense layer with the kernel of another one."""

    def __init__(self, other):
        super().__init__()
        self.other = lambda: other

    def build(self, shape):
        self.kernel = self.other().kernel

    def call(self, inputs):
        return keras.ops.matmul(inputs, self.kernel)


class Tied(keras.Model):
    """Two layers with one kernel, and one layer that is not called."""

    def __init__(self):
        super().__init__()
        self.first, self.unused = layers.Dense(6), layers.Dense(6)
        for layer in (self.first, self.unused):
            layer.build((None, 6))
        self.second = KernelOf(self.first)

    def call(self, inputs):
        return self.second(3 * self.first(inputs))


def test_a_kernel_of_two_layers_is_scaled_once_and_layers_without_a_call_are_reported():
    model = Tied()
    variances = lsuv(model, batch(100, 6))
    assert variances[model.first.path] == pytest.approx(1, abs=0.1)
    assert variances[model.second.path] > 2 and set(variances.unreached) == {model.second.path}
    reason = variances.skipped[model.unused.kernel.path]
    assert reason == "its layer is not called on `batch`, or only in a traced loop"


def test_an_error_leaves_all_weights_as_they_were():
    explode = layers.Lambda(lambda x: x / 0.0)
    model = sequential(layers.Dense(5), explode, layers.Dense(4))
    before = model.get_weights()
    with pytest.raises(ValueError, match="of layer .* must vary and be finite"):
        lsuv(model, batch(100, 6))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert "call" not in vars(model.layers[0])


def test_layers_after_zeros_are_reported_as_constant():
    parts = [layers.Dense(5), layers.Dense(4, kernel_initializer="zeros"), layers.Dense(3)]
    model = sequential(*parts)
    before = parts[2].get_weights()[0]
    variances = lsuv(model, batch(100, 6))
    assert list(variances) == [parts[0].path]
    assert list(variances.skipped.values()) == ["it starts at zero", "its outputs on `batch` are constant"]
    np.testing.assert_array_equal(parts[2].get_weights()[0], before)


def test_constant_outputs_with_rounding_errors_are_not_scaled_up():
    bias = keras.initializers.Constant(3.0)
    parts = [layers.Dense(5), layers.Dense(1, bias_initializer=bias)]
    model = sequential(parts[0], layers.Lambda(lambda x: 0 * x + 0.1), parts[1])
    variances = lsuv(model, batch(1000, 6))
    assert variances.skipped == {parts[1].kernel.path: "its outputs on `batch` are constant"}


@pytest.mark.parametrize(
    "constraint, reason",
    [("unit_norm", "rescaling it changes the variance"), ("non_neg", "its constraint does not admit")],
)
def test_a_constraint_that_undoes_the_scale_is_reported(constraint, reason):
    part = layers.Dense(4, kernel_constraint=constraint)
    model = sequential(layers.Dense(5), part)
    before = part.get_weights()[0]
    assert reason in lsuv(model, batch(100, 6), tolerance=1e-6).skipped[part.kernel.path]
    np.testing.assert_array_equal(part.get_weights()[0], before)


def test_biases_do_not_change_and_cost_iterations():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(50, bias_initializer=keras.initializers.RandomNormal(0, 0.5))]
    )
    before = model.layers[0].get_weights()[1]
    (once,) = lsuv(model, batch(100, 6), tolerance=1e-4, max_iterations=1).values()
    (variance,) = lsuv(model, batch(100, 6), tolerance=1e-4, max_iterations=50).values()
    assert abs(variance - 1) <= 1e-4 < abs(once - 1)
    np.testing.assert_array_equal(model.layers[0].get_weights()[1], before)


def test_the_global_seed_determines_the_kernels():
    kernels = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([layers.Dense(4), layers.Dense(4)])
        lsuv(model, batch(20, 4))
        kernels.append(model.get_weights()[2])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_a_model_of_several_inputs():
    inputs = [keras.Input((3,)), keras.Input((2,))]
    outputs = layers.Dense(4)(layers.Concatenate()(inputs))
    (variance,) = lsuv(keras.Model(inputs, outputs), [batch(50, 3), batch(50, 2)]).values()
    assert abs(variance - 1) <= 0.1


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"model": "model"}, "`model` must be a keras.Model. Received: model='model'"),
        ({"tolerance": 0}, "`tolerance` must be a finite number above 0. Received: tolerance=0"),
        ({"max_iterations": 0}, "`max_iterations` must be a positive integer. Received: max_iterations=0"),
        (
            {"model": keras.Sequential([layers.Flatten()])},
            "`model` must have a layer with a trainable kernel",
        ),
        (
            {"batch": np.zeros((5, 4))},
            "must vary and be finite. Received: a batch with output variance 0.0",
        ),
        ({"batch": np.full((5, 4), np.nan)}, "must vary and be finite. Received: .* variance nan"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    arguments = {"model": keras.Sequential([layers.Dense(3)]), "batch": batch(5, 4), **arguments}
    with pytest.raises(ValueError, match=message):
        lsuv(**arguments)
