"""lsuv: unit variances in models of every kind, orthonormal kernels, and what does not change."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_cnn_zoo.initializers import lsuv
from keras_cnn_zoo.layers import DropConnect, GatedConv1D, HighwayConv2D, LocallyConnected2D, TiledConv2D

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
    assert len(variances) == 3
    assert all(abs(variance - 1) <= 0.1 for variance in variances.values())
    for layer, shape in ((model.layers[1], (4, 36, 5)), (model.layers[2], (4, 20, 3))):
        for kernel in layer.get_weights()[0].reshape(shape):
            gram = kernel.T @ kernel
            np.testing.assert_allclose(gram / gram[0, 0], np.eye(shape[-1]), atol=1e-4)


def test_frozen_layers_do_not_change():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.Dense(4)])
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()[0]
    assert list(lsuv(model, batch(100, 6))) == [model.layers[1].path]
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], before)


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
