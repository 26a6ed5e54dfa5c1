"""`quantize("int8")` on every model: the outputs stay close, and a file restores them."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.layer_tree import nested_layers
from tests.compatibility.outputs import fixed_inputs, sampled
from tests.models.test_arguments import BUILDS

OTHER = keras.quantizers.Int8QuantizationConfig(keras.quantizers.AbsMaxQuantizer(axis=0))
DETECTORS = ("FasterRCNN", "RetinaNet")


def calibrate(model):
    """Give batch normalization the statistics of the inputs, so that deep networks do not fade to zero."""
    layers = [x for x in nested_layers(model) if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(fixed_inputs(model), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def outputs(model):
    return np.concatenate(list(sampled(model(fixed_inputs(model), training=False)).values()))


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_a_quantized_model_is_close_to_the_original_and_can_be_loaded(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = BUILDS[name]()
    calibrate(model)
    before = outputs(model)
    model.quantize("int8")
    after = outputs(model)
    assert np.isfinite(after).all() and after.shape == before.shape
    if name not in DETECTORS:
        # Small differences of scores decide which boxes are kept.
        assert np.abs(after - before).max() <= 0.05 * np.abs(before).max()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(loaded), after)
    assert loaded.get_config()["quantization"] == "int8"


@pytest.mark.parametrize(
    "arguments", [{"mode": "float8"}, {"mode": "int8", "filters": "logits"}, {"config": OTHER}]
)
def test_options_that_a_file_could_not_restore_are_refused(arguments):
    with pytest.raises(ValueError, match='LeNet5.quantize accepts only mode="int8". Received: mode='):
        models.LeNet5(2, width=0.2).quantize(**arguments)


def test_a_quantized_model_cannot_be_quantized_again_or_saved_as_a_preset(tmp_path):
    model = models.LeNet5(2, width=0.2)
    model.quantize("int8")
    with pytest.raises(ValueError, match="is already quantized"):
        model.quantize("int8")
    with pytest.raises(InputError, match="a quantized model cannot be a preset"):
        model.save_to_preset(tmp_path / "preset")
