"""Which kernels lsuv scales, by which weight, and what it reports on all others."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_cnn_zoo.initializers import ConvIdentity, GaborFilterBank, lsuv
from keras_cnn_zoo.layers import (
    ContextModule2D,
    CosineDense,
    DeformableConv2D,
    DropConnect,
    FastDropoutDense,
    GatedConv1D,
    MaxoutDense,
    SqueezeExcitation,
    Standout,
    WeightNormalization,
)

CASES = []


def batch(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def array(tensor):
    return np.array(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def chain(shape, *parts):
    """Returns a built model of layers after each other."""
    return keras.Sequential([keras.Input(shape), *parts])


def unchanged(model, inputs, layer, reason):
    """Checks that `lsuv` reports the kernel of `layer` for `reason` and does not change its weights."""
    before = [array(weight) for weight in layer.weights]
    variances = lsuv(model, inputs)
    assert reason in variances.skipped[layer.kernel.path]
    assert layer.path not in variances
    for old, weight in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(old, array(weight))
    return variances


# === Layers of the package ===


def test_cosine_dense_is_left_alone_and_still_learns():
    head = CosineDense(3)
    model = chain((6,), layers.Dense(5), head)
    unchanged(model, batch(64, 6), head, "does not depend on its scale")
    before = array(head.kernel)
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    model.train_on_batch(batch(64, 6), batch(64, 3, seed=1))
    assert np.abs(array(head.kernel) - before).max() > 1e-3


@pytest.mark.parametrize("units", [4, 9])
def test_weight_normalization_is_scaled_by_its_lengths(units):
    part = WeightNormalization(layers.Dense(units, activation="relu"))
    model, inputs = chain((6,), part), batch(200, 6)
    lsuv(model, inputs)
    v, g = array(part.layer.kernel), array(part.g)
    gram = v.T @ v if units < 6 else v @ v.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-5)
    np.testing.assert_allclose(g, g[0], rtol=1e-6)
    outputs = inputs @ (g * v / np.linalg.norm(v, axis=0))
    assert abs(np.var(outputs) - 1) <= 0.1


def test_the_offsets_of_a_deformable_convolution_stay_zero():
    part = DeformableConv2D(4, 3)
    variances = lsuv(chain((6, 6, 3), part), batch(32, 6, 6, 3))
    assert list(variances) == [part.path]
    assert variances.skipped == {part.offset.kernel.path: "it starts at zero"}
    assert not array(part.offset.kernel).any()


def test_the_dense_layers_of_squeeze_excitation_are_scaled():
    part = SqueezeExcitation(2)
    inputs = batch(64, 3, 3, 6)
    variances = lsuv(chain((3, 3, 6), part), inputs, tolerance=0.01)
    assert list(variances) == [part.reduce.path, part.expand.path] and not variances.skipped
    hidden = inputs.mean(axis=(1, 2)) @ array(part.reduce.kernel)
    assert np.var(hidden) == pytest.approx(1, abs=0.01)
    assert np.var(np.maximum(hidden, 0) @ array(part.expand.kernel)) == pytest.approx(1, abs=0.01)


def test_both_kernels_of_a_gated_convolution_are_scaled():
    part = GatedConv1D(5, 1, activation="tanh")
    inputs = batch(64, 7, 4)
    variances = lsuv(chain((7, 4), part), inputs, tolerance=0.01)
    assert list(variances) == [part.path, part.gate_kernel.path]
    for kernel in (part.kernel, part.gate_kernel):
        assert np.var(inputs @ array(kernel)[0]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "part, factor",
    [
        (FastDropoutDense(5, 0.4, activation="tanh"), 0.6),
        (FastDropoutDense(5, 0.4), 0.6),
        (Standout(5, activation="relu"), 1),
        (Standout(5), 1),
        (MaxoutDense(4, pieces=3), 1),
    ],
    ids=lambda part: getattr(part, "name", None),
)
def test_dense_layers_are_measured_before_the_activation(part, factor):
    inputs = batch(128, 6)
    (variance,) = lsuv(chain((6,), part), inputs, tolerance=0.01).values()
    expected = np.var(factor * inputs @ array(part.kernel))
    assert expected == pytest.approx(variance, rel=1e-4) and expected == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("inference", ["mean", "moment_matching"])
def test_drop_connect_is_measured_before_the_activation(inference):
    part = DropConnect(layers.Dense(5, activation="gelu"), 0.5, inference=inference)
    inputs = batch(128, 6)
    assert lsuv(chain((6,), part), inputs, tolerance=0.01).keys() == {part.layer.path}
    assert np.var(0.5 * inputs @ array(part.layer.kernel)) == pytest.approx(1, abs=0.01)


def test_a_context_module_stays_the_identity_unless_its_kernels_are_random():
    inputs = batch(8, 9, 9, 3)
    module = ContextModule2D(3, dilation_rates=(1, 2))
    model = chain((9, 9, 3), module, layers.Dense(3))
    before = module(inputs)
    variances = lsuv(model, inputs)
    assert list(variances) == [model.layers[-1].path]
    assert set(variances.skipped.values()) == {"it starts as the identity"} and len(variances.skipped) == 3
    np.testing.assert_array_equal(array(module(inputs)), array(before))
    module = ContextModule2D(3, dilation_rates=(1, 2), kernel_initializer="he_normal")
    assert len(lsuv(chain((9, 9, 3), module), inputs)) == 3


@pytest.mark.parametrize(
    "initializer, reason",
    [
        ("zeros", "starts at zero"),
        ("identity", "starts as the identity"),
        (ConvIdentity(), "starts as the identity"),
        (GaborFilterBank(orientations=3), "starts as a bank of Gabor filters"),
    ],
)
def test_designed_initial_values_stay(initializer, reason):
    dense = initializer == "identity"
    part = layers.Dense(6) if dense else layers.Conv2D(6, 5, padding="same", kernel_initializer=initializer)
    if dense:
        part = layers.Dense(6, kernel_initializer=initializer)
    model = chain((6, 6, 6), layers.Dense(6), part)
    unchanged(model, batch(8, 6, 6, 6), part, reason)


# === Layers of Keras ===


def test_attention_is_scaled_by_its_projections_and_recurrent_layers_are_reported():
    inputs = keras.Input((6, 8))
    x = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.GRU(3, return_sequences=True)(x)
    x = layers.TimeDistributed(layers.Dense(5, activation="relu"))(x)
    outputs = layers.SpectralNormalization(layers.Dense(4))(x)
    variances = lsuv(keras.Model(inputs, outputs), batch(64, 6, 8))
    assert len(variances) == 5
    assert all(abs(variance - 1) <= 0.1 for variance in variances.values())
    reasons = list(variances.skipped.values())
    assert reasons.count("kernels of recurrent layers are not scaled") == 6
    assert reasons.count("training divides it by its norm") == 1 and len(reasons) == 7


def test_an_embedding_and_the_depthwise_part_of_a_separable_convolution_are_reported():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(5, 4)(inputs)
    model = keras.Model(inputs, layers.SeparableConv1D(3, 2)(x))
    embedding, separable = model.layers[1:]
    variances = lsuv(model, np.arange(60).reshape(10, 6) % 5)
    assert list(variances) == [separable.path]
    assert variances.skipped == {
        embedding.embeddings.path: "rows of an embedding are looked up, not multiplied",
        separable.depthwise_kernel.path: "its scale is part of that of the pointwise kernel",
    }


def assert_orthonormal(matrix):
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(gram / gram[0, 0], np.eye(len(gram)), atol=1e-4)


def test_each_channel_of_a_depthwise_convolution_is_orthonormal():
    part = layers.DepthwiseConv2D(3, depth_multiplier=2)
    lsuv(chain((6, 6, 4), part), batch(20, 6, 6, 4))
    for channel in range(4):
        assert_orthonormal(array(part.kernel)[:, :, channel].reshape(9, 2))


@pytest.mark.parametrize(
    "equation, shape, matrices",
    [
        ("abc,cde->abde", (None, 2, 3), lambda kernel: [kernel.reshape(6, 6)]),
        ("abc,dec->abde", (None, 2, 3), lambda kernel: [kernel.reshape(6, 6)]),
        ("abc,bcd->abd", (4, 5), list),  # one matrix per position
        ("...c,cd->...d", (5,), lambda kernel: [kernel]),
    ],
)
def test_the_matrices_of_an_einsum_are_orthonormal(equation, shape, matrices):
    part = layers.EinsumDense(equation, shape)
    (variance,) = lsuv(chain((4, 6), part), batch(50, 4, 6)).values()
    assert abs(variance - 1) <= 0.1
    for matrix in matrices(array(part.kernel)):
        assert_orthonormal(matrix)


def test_quantized_layers_and_those_with_lora_are_reported():
    model = chain((5,), layers.Dense(4), layers.Dense(4), layers.Dense(3))
    quantized, adapted, plain = model.layers
    quantized.quantize("int8")
    adapted.enable_lora(2)
    variances = lsuv(model, batch(64, 5))
    assert list(variances) == [plain.path]
    assert variances.skipped[quantized.path + "/kernel"] == "it is quantized to int8"
    assert list(variances.skipped.values()).count("its layer has LoRA weights") == 3


# === Layers of users ===


class Direction(layers.Layer):
    """Dense layer whose output does not depend on the scale of its kernel, and which does not say so."""

    power = 0

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

    def call(self, inputs):
        norm = ops.sqrt(ops.sum(ops.square(self.kernel)))
        return inputs @ self.kernel * 3 * norm ** (self.power - 1)


class Inverse(Direction):
    power = -1


class Square(Direction):
    power = 2


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("kind", [Direction, Inverse, Square])
def test_a_rescaling_that_does_not_help_is_undone_and_reported(kind, policy):
    part = kind(dtype=policy)
    model = chain((6,), layers.Dense(5, dtype=policy), part)
    unchanged(model, batch(64, 6), part, "rescaling it changes the variance from")


def test_a_rescaling_that_helps_no_more_is_undone_and_reported():
    bias = keras.initializers.RandomNormal(0, 2, seed=1)
    part = layers.Dense(50, bias_initializer=bias)
    variances = lsuv(chain((6,), part), batch(64, 6), max_iterations=1000)
    assert variances[part.path] > 2
    assert variances.unreached == {part.path: "further rescaling does not bring the variance closer to 1"}
    assert np.linalg.norm(array(part.kernel), axis=1).min() > 0.01


def test_too_few_rescalings_are_reported():
    part = layers.Dense(50, bias_initializer=keras.initializers.RandomNormal(0, 0.5, seed=1))
    variances = lsuv(chain((6,), part), batch(64, 6), tolerance=1e-4, max_iterations=1)
    assert variances.unreached == {part.path: "`max_iterations` rescalings were not enough"}


class Declared(layers.Layer):
    """Layer of two kernels, one of them stored transposed and with a separate scale, and a gate."""

    def build(self, shape):
        self.rows = self.add_weight(shape=(3, shape[-1]), name="rows")
        self.gain = self.add_weight(shape=(), initializer="ones", name="gain")
        self.gate = self.add_weight(shape=(shape[-1], 3), initializer="ones", name="gate")

    def values(self, inputs):
        return self.gain * ops.matmul(inputs, ops.transpose(self.rows))

    def call(self, inputs):
        return self.values(inputs) * ops.sigmoid(ops.matmul(inputs, self.gate))

    def lsuv_kernels(self):
        return [
            {"kernel": self.rows, "scale": self.gain, "inputs": (1,), "outputs": self.values},
            {"kernel": self.gate, "skip": "the gate starts open"},
        ]


def test_a_layer_can_say_how_it_is_scaled():
    part, inputs = Declared(), batch(100, 6)
    variances = lsuv(chain((6,), part), inputs, tolerance=0.01)
    assert list(variances) == [part.path] and variances.skipped == {part.gate.path: "the gate starts open"}
    np.testing.assert_allclose(array(part.rows) @ array(part.rows).T, np.eye(3), atol=1e-5)
    assert np.var(array(part.gain) * inputs @ array(part.rows).T) == pytest.approx(1, abs=0.01)
    assert (array(part.gate) == 1).all()


@pytest.mark.parametrize("entry", ["kernel", {"scale": 1}, {"kernel": 1}, {"kernel": None, "rows": 1}])
def test_a_wrong_answer_of_a_layer_raises(entry):
    class Wrong(Declared):
        def lsuv_kernels(self):
            return [entry]

    with pytest.raises(ValueError, match="`lsuv_kernels` of layer .* must return dicts with a weight under"):
        lsuv(chain((6,), Wrong()), batch(10, 6))


def test_a_layer_with_weights_of_an_unknown_kind_is_reported():
    class Unknown(layers.Layer):
        def build(self, shape):
            self.matrix = self.add_weight(shape=(shape[-1], 3), name="matrix")

        def call(self, inputs):
            return ops.matmul(inputs, self.matrix)

    part = Unknown()
    variances = lsuv(chain((6,), part, layers.Dense(2)), batch(10, 6))
    assert "its layer does not say how to scale it" in variances.skipped[part.matrix.path]


class Residual(layers.Wrapper):
    def call(self, inputs):
        return inputs + self.layer(inputs)


class Functional(layers.Wrapper):
    """Computes with the weights of its layer instead of calling it."""

    def call(self, inputs):
        return self.layer.activation(ops.matmul(inputs, 2 * self.layer.kernel))


@pytest.mark.parametrize("wrapper, factor", [(Residual, 1), (Functional, 2)])
def test_other_wrappers_are_measured_at_their_layer(wrapper, factor):
    part, inputs = wrapper(layers.Dense(6, activation="relu")), batch(100, 6)
    (variance,) = lsuv(chain((6,), part), inputs, tolerance=0.01).values()
    expected = np.var(factor * inputs @ array(part.layer.kernel))
    assert expected == pytest.approx(variance, rel=1e-4) and expected == pytest.approx(1, abs=0.01)
