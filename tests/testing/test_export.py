"""C12: the operation that a format lacks is named, and a format whose package is missing is not run."""

import keras
import pytest
from keras import ops

from keras_cnn_zoo.layers import LpPooling3D, MixedPooling3D, StochasticPooling3D, TiledConv2D
from keras_cnn_zoo.testing import LayerCase
from keras_cnn_zoo.testing.checks import export
from keras_cnn_zoo.testing.guarantees import Broken, NotRun, Waived
from keras_cnn_zoo.utils import packages
from tests.testing.parts import DENSE, ChannelSoftmax, ScaledDense, register

ONLY_LITERT = {"C12 SavedModel": "not this test", "C12 ONNX": "not this test"}

needs_litert = pytest.mark.skipif(not packages.is_installed("ai_edge_litert"), reason="needs ai-edge-litert")
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


@register
class CallsErf(ScaledDense):
    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs * ops.erf(9.0 + ops.abs(outputs))


@register
class DoublesFixedSpace(ChannelSoftmax):
    """Traced with a known height, as for LiteRT only, it returns twice the output."""

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        traced = keras.backend.is_keras_tensor(inputs) or not hasattr(inputs, "numpy")
        return 2 * outputs if traced and inputs.shape[1] is not None else outputs


@on_tensorflow
@needs_litert
def test_an_operation_that_litert_lacks_is_named():
    case = LayerCase(CallsErf, DENSE, (2, 4), exempt=ONLY_LITERT)
    with pytest.raises(Broken, match=r"^LiteRT lacks tf\.Erf$") as error:
        export.check_layer(case)
    assert error.value.topic == "LiteRT"


@on_tensorflow
@needs_litert
def test_other_numbers_in_litert_are_found():
    case = LayerCase(DoublesFixedSpace, {"data_format": "channels_last", "seed": 3}, (2, 5, 6, 3))
    with pytest.raises(Broken, match="^LiteRT gives other numbers"):
        export.check_layer(case)


@on_tensorflow
def test_litert_can_be_left_out():
    case = LayerCase(CallsErf, DENSE, (2, 4), exempt={**ONLY_LITERT, "C12 LiteRT": "it is never on a phone"})
    with pytest.raises(Waived):
        export.check_layer(case)


@on_tensorflow
@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("ai_edge_litert", "^LiteRT needs ai-edge-litert$"),
        ("onnxruntime", "^ONNX needs onnxruntime$"),
    ],
)
def test_a_format_without_its_package_is_not_run(monkeypatch, missing, message):
    monkeypatch.setattr(packages, "is_installed", lambda name: name != missing)
    monkeypatch.setattr(
        export, "_onnx", lambda model, batches, folder: export._saved_model(model, batches, folder)
    )
    monkeypatch.setattr(export, "_litert", export._onnx)
    with pytest.raises(NotRun, match=message):
        export.check_layer(LayerCase(ScaledDense, DENSE, (2, 4)))


@on_tensorflow
@needs_litert
@pytest.mark.parametrize(
    ("cls", "arguments", "shape"),
    [
        (LpPooling3D, {"p": "inf"}, (1, 4, 4, 6, 2)),
        (LpPooling3D, {"pool_size": 3, "strides": 2, "p": 1, "normalize": True}, (1, 5, 4, 6, 2)),
        (LpPooling3D, {"p": 3, "padding": "same"}, (1, 5, 4, 6, 2)),
        (MixedPooling3D, {"data_format": "channels_first", "padding": "same"}, (1, 2, 5, 4, 6)),
        (StochasticPooling3D, {}, (1, 5, 4, 6, 2)),
        (TiledConv2D, {"filters": 4, "kernel_size": 3, "groups": 2}, (1, 7, 8, 4)),
    ],
)
def test_further_arguments_convert_for_litert(cls, arguments, shape):
    with pytest.raises(Waived):
        export.check_layer(LayerCase(cls, arguments, shape, exempt=ONLY_LITERT))


@on_tensorflow
@needs_litert
def test_a_recurrent_layer_converts_with_a_known_batch():
    case = LayerCase(keras.layers.LSTM, {"units": 3}, (2, 4, 5), exempt=ONLY_LITERT)
    with pytest.raises(Waived):
        export.check_layer(case)
