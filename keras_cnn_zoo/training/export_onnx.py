"""ONNX files, with weights of 32 or 8 bits."""

import keras
import numpy as np

from keras_cnn_zoo.training.export_files import outputs_of

# Axis of the output channels in the weights of an operation; each channel gets a scale.
_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1, "Gather": 0}
# Smaller weights stay as they are: their scales would take as much space.
_SMALLEST = 1024


def write(network, path, *, quantize="none"):
    """Writes a deployable network as an ONNX file.

    Args:
        network: the deployable network.
        path: path of the file.
        quantize: "none", or "weights" for weights of 8 bits.
    """
    if not isinstance(network.output, dict):
        # tf2onnx takes the names of outputs from a dict only.
        network = keras.Model(network.input, outputs_of(network), name=network.name)
    # Keras traces an ONNX file only for a model that was called once.
    call_once(network)
    network.export(path, format="onnx", verbose=False)
    if quantize == "weights":
        import onnx

        onnx.save(with_small_weights(onnx.load(path)), path)


def call_once(network):
    """Calls a network once with zeros; free sizes become 64."""
    network.predict_on_batch(keras.tree.map_structure(_zeros, network.input))


def _zeros(tensor):
    size = [1] + [64 if edge is None else edge for edge in tensor.shape[1:]]
    return np.zeros(size, dtype=keras.backend.standardize_dtype(tensor.dtype))


def with_small_weights(model):
    """Returns an ONNX model whose large weights are int8, turned back into float32 when it runs.

    A weight w of an output channel becomes round(w / s) with s = max |w| / 127 over that channel, so its
    error is at most s / 2. All computation stays in float32.

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
        small = np.rint(values / scale).astype("int8")
        names = [f"{weight.name}_{part}" for part in ("int8", "scale")]
        graph.initializer.remove(weight)
        graph.initializer.extend(
            numpy_helper.from_array(array, name)
            for array, name in zip((small, scale.reshape(-1)), names, strict=True)
        )
        added.append(
            onnx.helper.make_node(
                "DequantizeLinear", names, [weight.name], name=f"{weight.name}_float", axis=axis % values.ndim
            )
        )
    # A node comes after those whose outputs it takes.
    nodes = [*added, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _channel_axis(weight, uses):
    """Returns the axis of the output channels of a weight, or None for one that stays as it is."""
    import onnx

    if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims, dtype=int) < _SMALLEST:
        return None
    axes = set()
    for node, place in uses:
        if node.op_type == "Gemm" and place == 1:
            transposed = any(one.name == "transB" and one.i for one in node.attribute)
            axes.add(0 if transposed else 1)
        elif node.op_type in _AXES and place == (0 if node.op_type == "Gather" else 1):
            axes.add(_AXES[node.op_type])
        else:
            return None
    return axes.pop() if len(axes) == 1 and len(weight.dims) > 1 else None
