"""Networks that cannot become LiteRT files."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.training.exports import litert
from keras_cnn_zoo.utils.errors import InputError


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_operations_that_litert_lacks_are_named(tmp_path):
    inputs = keras.Input((4,), name="numbers")
    network = keras.Model(inputs, keras.layers.Activation(keras.ops.erf, name="erf")(inputs))
    with pytest.raises(InputError, match=r"LiteRT does not have tf\.Erf$"):
        litert.write(network, str(tmp_path / "a.tflite"))


def test_sound_is_not_quantized_for_litert():
    with pytest.raises(InputError, match="`quantize` weights does not work for sound in a LiteRT file"):
        litert.check_answers({"inputs": {"audio": {"kind": "audio"}}}, "weights")
    litert.check_answers({"inputs": {"images": {"kind": "image"}}}, "weights")


def test_the_response_of_a_tracker_is_not_quantized():
    facts = {"inputs": {"exemplar": {"kind": "image"}, "search": {"kind": "image"}}}
    with pytest.raises(InputError, match="`quantize` full does not work for a tracker"):
        litert.check_answers(facts, "full")
    litert.check_answers(facts, "weights")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_weights_of_8_bits_round_the_activations_to_8_bits_too(tmp_path):
    """The page on deployment states it: the file rounds inputs of 1000 and 1 by the same step of about 8."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    inputs = keras.Input((64,), name="numbers")
    dense = keras.layers.Dense(64, use_bias=False, kernel_initializer="identity")
    network = keras.Model(inputs, {"copies": dense(inputs)})
    numbers = np.ones((1, 64), "float32")
    numbers[0, 0] = 1000
    copies = {}
    for quantize in ("none", "weights"):
        path = str(tmp_path / f"{quantize}.tflite")
        litert.write(network, path, quantize=quantize)
        run = interpreter.Interpreter(path, num_threads=1).get_signature_runner()
        copies[quantize] = run(numbers=numbers)["copies"][0]
    np.testing.assert_allclose(copies["none"], numbers[0])
    np.testing.assert_allclose(copies["weights"], [1000] + 63 * [0], atol=1e-3)
