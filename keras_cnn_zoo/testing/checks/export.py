"""C12: exported as a SavedModel, as ONNX, and for LiteRT, the file gives the numbers of the component."""

import os
import re
import tempfile

import keras
import numpy as np

from keras_cnn_zoo.testing import functional, probe
from keras_cnn_zoo.testing.guarantees import Broken, NotRun, Waived
from keras_cnn_zoo.utils import packages
from keras_cnn_zoo.utils.console import quiet

TOLERANCE = 1e-5
ADVICE = {
    "SavedModel": "use operations that a TensorFlow graph can have, and no constant made from a traced size",
    "ONNX": (
        "use operations that ONNX has (no FFT, no complex numbers, no draw at inference), "
        "and (a + b - 1) // b instead of -(-a // b)"
    ),
    "LiteRT": (
        "use operations that LiteRT has built in (no 3D pooling, erf, FFT, or complex numbers); slice and "
        "transpose tensors of at most 6 axes"
    ),
}
PACKAGES = {"ONNX": ("onnx", "onnxruntime", "tf2onnx"), "LiteRT": ("ai_edge_litert",)}
MISSING = re.compile(r"'(tf\.\w+)' op is neither a custom op nor a flex op")


def check_layer(case):
    """Checks C12 for layers, with the batch unknown and, unless waived, the space too."""
    _require_tensorflow()
    component = case.ready()
    unknown = {"unknown_batch": True, "unknown_space": "C3 unknown space" not in case.exempt}
    model, arrays = functional.as_model(case, component, **unknown)
    _check(case, model, arrays)


def check_model(case):
    """Checks C12 for models."""
    _require_tensorflow()
    _check(case, case.ready(), case.make_inputs())


def _require_tensorflow():
    if keras.backend.backend() != "tensorflow":
        raise NotRun("exported files are compared on the TensorFlow backend")


def _check(case, model, arrays):
    batches = [arrays]
    if case.inputs is None:
        batches.append(keras.tree.map_structure(lambda array: np.concatenate([array[:1]] * 3), arrays))
    expected = [keras.tree.flatten(probe.as_numpy(model(batch, training=False))) for batch in batches]
    absent = []
    with tempfile.TemporaryDirectory() as folder, quiet():
        for name, run in (("SavedModel", _saved_model), ("ONNX", _onnx), ("LiteRT", _litert)):
            if f"C12 {name}" in case.exempt:
                continue
            missing = [package for package in PACKAGES.get(name, ()) if not packages.is_installed(package)]
            if missing:
                absent.append(f"{name} needs {' and '.join(missing)}".replace("_", "-"))
                continue
            # LiteRT may have run the first batch only.
            for actual, wanted in zip(run(model, batches, folder), expected, strict=name != "LiteRT"):
                probe.require_equal(
                    _ordered(actual, wanted),
                    wanted,
                    f"{name} gives other numbers",
                    ADVICE[name],
                    tolerance=TOLERANCE,
                    topic=name,
                )
    if absent:
        raise NotRun("; ".join(absent))
    for name in ADVICE:
        if f"C12 {name}" in case.exempt:
            raise Waived(case.exempt[f"C12 {name}"])


def _saved_model(model, batches, folder):
    import tensorflow as tf

    path = os.path.join(folder, "saved_model")
    model.export(path, format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(path)  # Its variables live as long as this name.
    return [keras.tree.flatten(probe.as_numpy(loaded.serve(batch))) for batch in batches]


def _onnx(model, batches, folder):
    import onnxruntime

    path = os.path.join(folder, "model.onnx")
    model.export(path, format="onnx", verbose=False)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return [session.run(None, dict(zip(names, keras.tree.flatten(batch), strict=True))) for batch in batches]


def _litert(model, batches, folder):
    """Converts with the space fixed, for which LiteRT has more operations, and the batch unknown.

    Recurrent layers need a known batch. `model.export(format="litert")` makes the same file, but writes a
    SavedModel first, and accepts operations that a phone does not have unless `target_spec` is passed.
    """
    from ai_edge_litert import interpreter

    try:
        content = _converted(model, batches[0], fixed_batch=False)
    except Exception as cause:
        if "TensorList" not in str(cause):
            raise
        batches = [batch for batch in batches if _sizes(batch) == _sizes(batches[0])]
        content = _converted(model, batches[0], fixed_batch=True)
    run = interpreter.Interpreter(model_content=content, num_threads=1).get_signature_runner()
    names = run.get_input_details()  # Without inputs that the model does not use.
    results = []
    for batch in batches:
        given = {f"input_{place}": array for place, array in enumerate(keras.tree.flatten(batch))}
        outputs = run(**{name: given[name] for name in names})
        results.append([outputs[f"output_{place}"] for place in range(len(outputs))])
    return results


def _sizes(batch):
    return [array.shape[:1] for array in keras.tree.flatten(batch)]


def _converted(model, batch, *, fixed_batch):
    """Returns the content of a LiteRT file."""
    import tensorflow as tf

    signature = [
        tf.TensorSpec(
            array.shape if fixed_batch else (None, *array.shape[1:]), array.dtype, name=f"input_{place}"
        )
        for place, array in enumerate(keras.tree.flatten(batch))
    ]

    @tf.function(input_signature=signature)
    def serve(*tensors):
        return keras.tree.flatten(model(keras.tree.pack_sequence_as(batch, tensors), training=False))

    # The converter finds variables in the attributes of a module only.
    owner = tf.Module()
    owner.tracked = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], owner)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return converter.convert()
    except Exception as cause:
        operations = sorted(set(MISSING.findall(str(cause))))
        if not operations:
            raise
        raise Broken(f"LiteRT lacks {', '.join(operations)}", ADVICE["LiteRT"], topic="LiteRT") from cause


def _ordered(actual, expected):
    """Returns exported outputs in the order of the model's, if names have reordered a dictionary."""
    return actual if len(actual) == 1 else sorted(actual, key=lambda a: _place(a, expected))


def _place(array, expected):
    """Returns the first output of that shape and kind of number."""
    kind = (array.shape, array.dtype.kind)
    places = (place for place, other in enumerate(expected) if (other.shape, other.dtype.kind) == kind)
    return next(places, len(expected))
