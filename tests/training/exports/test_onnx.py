"""ONNX weights of 8 bits, on graphs of one node."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from keras_cnn_zoo.training.exports.onnx import with_small_weights  # noqa: E402


def test_each_channel_of_a_weight_has_its_scale():
    rng = np.random.default_rng(0)
    # Channels of very different size: one scale for all would set the small ones to zero.
    weight = (rng.normal(size=(3, 40, 4, 4)) * np.array([1, 1e-3, 0])[:, None, None, None]).astype("float32")
    small = rng.normal(size=(3,)).astype("float32")
    image = rng.normal(size=(1, 40, 6, 6)).astype("float32")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w", "b"], ["y"])],
        "graph",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, image.shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 3, 3, 3))],
        [onnx.numpy_helper.from_array(weight, "w"), onnx.numpy_helper.from_array(small, "b")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model := with_small_weights(model))
    assert {one.name: one.data_type for one in model.graph.initializer} == {
        "w_int8": onnx.TensorProto.INT8,
        "w_scale": onnx.TensorProto.FLOAT,
        "b": onnx.TensorProto.FLOAT,
    }
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (given,) = session.run(None, {"x": image})
    for channel in range(3):
        scale = max(np.abs(weight[channel]).max() / 127, 1e-30)
        rounded = np.round(weight[channel] / scale) * scale
        windows = np.lib.stride_tricks.sliding_window_view(image[0], (4, 4), axis=(1, 2))
        wanted = np.einsum("chwij,cij->hw", windows, rounded) + small[channel]
        np.testing.assert_allclose(given[0, channel], wanted, atol=1e-4)


def test_weights_are_turned_into_floats_when_a_file_is_loaded(tmp_path):
    table = np.random.default_rng(0).normal(size=(300, 4)).astype("float32")
    table[5] *= 1e-4
    floats, integers = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "ids"], ["y"])],
        "graph",
        [onnx.helper.make_tensor_value_info("ids", integers, (2, 3))],
        [onnx.helper.make_tensor_value_info("y", floats, (2, 3, 4))],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model := with_small_weights(model))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "as_it_runs.onnx")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    running = onnx.load(options.optimized_model_filepath)
    assert [node.op_type for node in running.graph.node] == ["Gather"]
    ids = np.array([[5, 0, 299], [7, 5, 5]])
    (given,) = session.run(None, {"ids": ids})
    scale = np.abs(table).max(axis=1, keepdims=True) / 127
    np.testing.assert_allclose(given, (np.round(table / scale) * scale)[ids], rtol=1e-5, atol=1e-9)
