"""Networks that cannot become LiteRT files."""

import keras
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
