"""ONNX files, with weights of 32 or 8 bits."""

import keras
import numpy as np

from keras_cnn_zoo.training.exports.files import outputs_of

# Axis of the output channels in the weights of an operation; each channel gets a scale.
_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1}
# Smaller weights stay as they are: their scales would take as much space.
_SMALLEST = 1024


def write(network, path, *, quantize="none"):
    """Writes a deployable network as an ONNX file.

    Args:
        network: the deployable network.
        path: path of the file.
        quantize: "none", or "weights" for weights of 8 bits.
    """
    export_named(network, path, "onnx")
    if quantize == "weights":
        import onnx

        onnx.save(with_small_weights(onnx.load(path)), path)


def export_named(network, path, format):
    """Exports a network by Keras, with the names of its outputs."""
    if not isinstance(network.output, dict):
        # tf2onnx and OpenVINO take the names of outputs from a dict only.
        network = keras.Model(network.input, outputs_of(network), name=network.name)
    # Keras traces a file only for a model that was called once.
    call_once(network)
    network.export(path, format=format, verbose=False)


def call_once(network):
    """Calls a network once with zeros; free sizes become 64."""
    network.predict_on_batch(keras.tree.map_structure(_zeros, network.input))


def _zeros(tensor):
    size = [1] + [64 if edge is None else edge for edge in tensor.shape[1:]]
    return np.zeros(size, dtype=keras.backend.standardize_dtype(tensor.dtype))


def with_small_weights(model):
    """Returns an ONNX model whose large weights are int8, turned back into float32 when it is loaded.

    A weight w of an output channel becomes round(w / s) with s = max |w| / 127 over that channel, so its
    error is at most s / 2. In a table of vectors, each vector has its s. All computation stays in float32.

    Args:
        model: an `onnx.ModelProto`, which is changed.
    """
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    uses = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, place))
    added = []
    for weight in list(graph.initializer):
        axis = _channel_axis(weight, uses.get(weight.name, []))
        if axis is None:
            continue
        values = numpy_helper.to_array(weight)
        others = tuple(place for place in range(values.ndim) if place != axis % values.ndim)
        largest = np.abs(values).max(axis=others, keepdims=True)
        scale = np.where(largest > 0, largest / 127, 1).astype("float32")
        arrays = {"int8": np.rint(values / scale).astype("int8"), "scale": scale}
        graph.initializer.remove(weight)
        graph.initializer.extend(
            numpy_helper.from_array(array, f"{weight.name}_{part}") for part, array in arrays.items()
        )
        small, factor, cast = (f"{weight.name}_{part}" for part in (*arrays, "cast"))
        # onnxruntime computes these two once, when it loads a file, and then has the weight for its faster
        # kernels. It computes a DequantizeLinear in every call: a U-Net took three times as long.
        added.append(onnx.helper.make_node("Cast", [small], [cast], to=onnx.TensorProto.FLOAT))
        added.append(onnx.helper.make_node("Mul", [cast, factor], [weight.name]))
    # A node comes after those whose outputs it takes.
    nodes = [*added, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _channel_axis(weight, uses):
    """Returns the axis of the output channels of a weight, or None for one that stays as it is."""
    import onnx

    small = np.prod(weight.dims, dtype=int) < _SMALLEST
    if weight.data_type != onnx.TensorProto.FLOAT or len(weight.dims) < 2 or small:
        return None
    axes = {_axis_of_use(node, place) for node, place in uses}
    return axes.pop() if len(axes) == 1 else None


def _axis_of_use(node, place):
    """Returns the axis of the output channels for one use of a weight, or None for an unknown one."""
    given = {one.name: one.i for one in node.attribute}
    if node.op_type == "Gather":
        return 0 if place == 0 and given.get("axis", 0) == 0 else None
    if place != 1:
        return None
    if node.op_type == "Gemm":
        return 0 if given.get("transB", 0) else 1
    return _AXES.get(node.op_type)
