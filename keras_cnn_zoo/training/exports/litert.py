"""LiteRT files: built-in operations only, for one example at a time."""

import re

from keras_cnn_zoo.training.exports.files import outputs_of
from keras_cnn_zoo.utils.console import quiet
from keras_cnn_zoo.utils.errors import InputError

_MISSING = re.compile(r"'(tf\.\w+)' op is neither a custom op nor a flex op")
_LOOPS = {"While", "StatelessWhile"}


def write(network, path, *, quantize="none", calibration=None):
    """Writes a deployable network as a LiteRT file for a batch of one.

    A batch of one keeps all shapes known, which the delegates of phones need.

    Args:
        network: the deployable network, on the TensorFlow backend.
        path: path of the file.
        quantize: "none"; "weights" for weights of 8 bits; "full" for weights and activations of 8 bits, where
            LiteRT has such an operation. Inputs and outputs stay as they are.
        calibration: function that returns an iterator over dicts of input arrays, each a batch of one; only
            for "full".

    Raises:
        InputError: for an operation that LiteRT does not have, and for loops with "full".
    """
    import tensorflow as tf

    function, owner = _traced(network)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    operations = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "full":
        converter.representative_dataset = calibration
        operations = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, *operations]
    converter.target_spec.supported_ops = operations
    try:
        with quiet():
            content = converter.convert()
    except Exception as cause:
        missing = sorted(set(_MISSING.findall(str(cause))))
        if not missing:
            raise
        raise InputError(f"`format` litert: LiteRT does not have {', '.join(missing)}") from cause
    with open(path, "wb") as file:
        file.write(content)


def check_answers(facts, quantize):
    """Raises an `InputError` for a network whose answers do not survive quantization.

    Sound: the converter quantizes activations for "weights" too, at run time. The power of a spectrogram
    covers more than eight orders of magnitude: three of four answers stayed the same, and one of two with
    "full".

    A tracker: the peak of its response is a little higher than what is next to it. With "full", one peak of
    eight stayed in its place.
    """
    inputs = facts.get("inputs", {})
    if quantize == "full" and "exemplar" in inputs:
        raise InputError(
            "`quantize` full does not work for a tracker, whose response would lose its peak: use weights"
        )
    if any(one.get("kind") == "audio" for one in inputs.values()):
        raise InputError(
            f"`quantize` {quantize} does not work for sound in a LiteRT file, whose spectrogram would have "
            "8 bits: use none, or `format` onnx"
        )


def check_loops(network):
    """Raises an `InputError` if a network has a loop, on which TensorFlow's calibrator crashes."""
    function, _ = _traced(network)
    graph = function.graph.as_graph_def()
    parts = [graph.node, *(part.node_def for part in graph.library.function)]
    if any(node.op in _LOOPS for nodes in parts for node in nodes):
        raise InputError(
            "`quantize` full does not work for a network with loops, such as suppression of boxes or a "
            "recurrent layer, because TensorFlow's calibrator crashes on them: use weights"
        )


def _traced(network):
    """Returns (function that takes and returns dicts, module with its variables) for a batch of one."""
    import tensorflow as tf

    signature = {
        tensor.name: tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype, name=tensor.name)
        for tensor in network.inputs
    }
    first = network.inputs[0].name
    names = list(outputs_of(network))

    @tf.function(input_signature=[signature])
    def serve(inputs):
        outputs = network(inputs if isinstance(network.input, dict) else inputs[first], training=False)
        return outputs if isinstance(outputs, dict) else {names[0]: outputs}

    # The converter finds variables in the attributes of a module only.
    owner = tf.Module()
    owner.tracked = [variable.value for variable in network.variables]
    return serve.get_concrete_function(), owner
