"""ONNX files, with weights of 32 or 8 bits."""

import keras
import numpy as np

from keras_cnn_zoo.training.export_files import outputs_of

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
    before, instead = [], {}
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
        is_table = uses[weight.name][0][0].op_type == "Gather"
        graph.initializer.remove(weight)
        graph.initializer.extend(
            numpy_helper.from_array(array, name)
            for array, name in zip((small, scale if is_table else scale.reshape(-1)), names, strict=True)
        )
        if is_table:
            for node, _ in uses[weight.name]:
                instead[node.output[0]] = list(_looked_up(node, *names))
        else:
            before.append(
                onnx.helper.make_node("DequantizeLinear", names, [weight.name], axis=axis % values.ndim)
            )
    # A node comes after those whose outputs it takes.
    nodes = [*before, *(one for node in graph.node for one in instead.get(node.output[0], [node]))]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _looked_up(node, small, scale):
    """Yields the nodes that look up rows of a small table and turn only these into float32."""
    import onnx

    ids, output = node.input[1], node.output[0]
    parts = [f"{output}_{part}" for part in ("int8", "scale", "float")]
    yield onnx.helper.make_node("Gather", [small, ids], [parts[0]], axis=0)
    yield onnx.helper.make_node("Gather", [scale, ids], [parts[1]], axis=0)
    yield onnx.helper.make_node("Cast", [parts[0]], [parts[2]], to=onnx.TensorProto.FLOAT)
    yield onnx.helper.make_node("Mul", [parts[2], parts[1]], [output])


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
