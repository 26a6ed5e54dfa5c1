"""`quantize("int8")` on every layer keeps the outputs, or an error of one line explains why not."""

import warnings

import keras
import numpy as np
import pytest

from keras_cnn_zoo import layers
from keras_cnn_zoo.layers import DropConnect, NoiseInvariance, WeightNormalization
from tests.contract import collection

# Relative to the largest output. int8 has steps of 1/127 of the largest weight of a unit.
TOLERANCE = 0.05
WRAPPERS = (DropConnect, NoiseInvariance, WeightNormalization)
EVERY = {
    item.case.id: item.case
    for item in collection.collect(collection.ROOT / "tests" / "layers")
    if item.first or item.case.cls in WRAPPERS or "normalization" in item.case.own_arguments()
}
WRAPPED_DENSE = [
    lambda **dense: DropConnect(keras.layers.Dense(8, activation="relu", **dense), 0.4),
    lambda **dense: DropConnect(
        keras.layers.Dense(8, activation="relu", **dense), 0.4, inference="moment_matching"
    ),
    lambda **dense: WeightNormalization(keras.layers.Dense(8, use_bias=False, **dense)),
    lambda **dense: NoiseInvariance(keras.layers.Dense(8, **dense), 0.1, 1.0),
]


def outputs_of(function, inputs):
    """Returns the floating-point outputs, flattened, in float32."""
    outputs = keras.tree.flatten(function(inputs))
    outputs = [output for output in outputs if "float" in keras.backend.standardize_dtype(output.dtype)]
    return [keras.ops.convert_to_numpy(keras.ops.cast(output, "float32")) for output in outputs]


def assert_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() <= TOLERANCE * np.abs(other).max()


def quantize(model):
    """Quantizes a model; Keras warns about each layer that it cannot quantize and does not change it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Layer .* does not have a `quantize` method implemented")
        model.quantize("int8")


def functional(case, layer, inputs):
    """Returns a model with one layer."""
    symbols = [
        # The tensors of a dict must be named after its keys.
        keras.Input(array.shape[1:], dtype=str(array.dtype), name="_".join(map(str, path)) or None)
        for path, array in keras.tree.flatten_with_path(inputs)
    ]
    symbols = keras.tree.pack_sequence_as(inputs, symbols)
    return keras.Model(symbols, case.call(layer, symbols))


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_every_layer_has_a_case():
    assert {case.cls.__name__ for case in EVERY.values()} == {
        getattr(layers, name).__name__ for name in layers.__all__
    }


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_quantized_model_keeps_its_outputs(name):
    case = EVERY[name]
    layer, inputs = case.ready(), case.make_inputs()
    model = functional(case, layer, inputs)
    before = outputs_of(model, inputs)
    if not isinstance(layer, WRAPPERS):
        with pytest.raises(NotImplementedError, match="^Layer .* does not have a `quantize` method[^\n]*$"):
            layer.quantize("int8")
    quantize(model)
    assert_close(outputs_of(model, inputs), before)


@pytest.mark.parametrize("make", WRAPPED_DENSE)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_wrapper_quantizes_its_layer(make, dtype):
    layer, inputs = make(dtype=dtype), noise(4, 16)
    before = outputs_of(layer, inputs)
    layer.quantize("int8")
    assert (layer.dtype_policy.name, layer.layer.dtype_policy.name) == (dtype, f"int8_from_{dtype}")
    after = outputs_of(layer, inputs)
    assert_close(after, before)
    assert any((one != other).any() for one, other in zip(after, before, strict=True))


@pytest.mark.parametrize("make", WRAPPED_DENSE)
def test_a_quantized_wrapper_is_saved_and_loaded(make, tmp_path):
    inputs = noise(4, 16)
    symbols = keras.Input((16,))
    model = keras.Model(symbols, make()(symbols))
    quantize(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs_of(loaded, inputs), outputs_of(model, inputs))
    loaded.compile("sgd", "mse")
    loaded.fit(inputs, noise(4, 8), verbose=0)


@pytest.mark.parametrize("make", WRAPPED_DENSE)
def test_a_layer_created_quantized_can_be_wrapped(make):
    layer = make(dtype="int8_from_float32")
    assert layer(noise(4, 16)).shape == (4, 8)
    assert (layer.dtype_policy.name, layer.layer.dtype_policy.name) == ("float32", "int8_from_float32")


def test_a_wrapper_accepts_the_dtype_of_a_quantized_layer():
    layer = DropConnect(keras.layers.Dense(8), 0.4, dtype="int8_from_float32")
    layer.build((4, 16))
    assert (layer.dtype_policy.name, layer.layer.dtype_policy.name) == ("float32", "int8_from_float32")


def test_a_whole_model_inside_a_wrapper_is_quantized():
    inner = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(4)])
    layer, inputs = NoiseInvariance(inner, 0.1, 1.0), noise(4, 16)
    before = outputs_of(layer, inputs)
    quantize(layer)
    assert {part.quantization_mode for part in inner.layers} == {"int8"}
    assert_close(outputs_of(layer, inputs), before)


@pytest.mark.parametrize("make", WRAPPED_DENSE[:3])
def test_refuses_other_quantizations_of_the_kernel(make):
    layer, inputs = make(), noise(4, 16)
    layer(inputs)
    layer.layer.quantize("int4")
    message = (
        r"The layer 'dense.*' must be in floating point or quantized to int8, .* Received: dtype_policy='int4"
    )
    with pytest.raises(ValueError, match=message):
        layer(inputs)
    with pytest.raises(ValueError, match="floating point or quantized to int8"):
        type(layer).from_config(layer.get_config())
