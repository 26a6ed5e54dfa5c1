"""C3: eager, symbolic and declared output shapes and dtypes agree, with sizes unknown too."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.testing import functional, probe
from keras_cnn_zoo.testing import inputs as input_arrays
from keras_cnn_zoo.testing.case import positional
from keras_cnn_zoo.testing.guarantees import Broken, Waived

FIX_SHAPE = "make `compute_output_shape` follow the arithmetic of `call`, with None for what it cannot know"


UNKNOWN = (
    ("all sizes known", {}),
    ("unknown batch", {"unknown_batch": True}),
    ("unknown batch and space", {"unknown_batch": True, "unknown_space": True}),
)


def check_layer_eager(case):
    """Checks the eager part of C3: the output, in inference and training, has the declared shapes."""
    component = case.ready()
    inputs = case.make_inputs()
    outputs = probe.forward(case, component, inputs, training=False)
    actual = _shapes(outputs)
    _require_expected(case, actual)
    if type(component).compute_output_shape is keras.layers.Layer.compute_output_shape:
        raise Broken("`compute_output_shape` is not declared", "implement it for this layer")
    in_training = _shapes(probe.forward(case, component, inputs, training=True))
    _require_same("the output in training mode", in_training, actual)
    _require_same("compute_output_shape", _declared(component, inputs), actual)
    return component, inputs, outputs


def check_layer(case):
    """Checks C3 for layers: also symbolic, also with unknown sizes."""
    component, inputs, outputs = check_layer_eager(case)
    _require_symbolic(case, inputs, outputs, *UNKNOWN[0])
    _require_symbolic(case, inputs, outputs, *UNKNOWN[1])
    if not functional.has_space(component, inputs):
        return
    try:
        _require_symbolic(case, inputs, outputs, *UNKNOWN[2])
    except ValueError as error:
        if "C3 unknown space" in case.exempt:
            raise Waived(case.exempt["C3 unknown space"]) from error
        advice = "let the layer run on it, or exempt 'C3 unknown space' where the maths does not allow it"
        raise Broken(f"refuses unknown space ({error})", advice) from error
    _require_consistent_elsewhere(component, inputs)


def check_model(case):
    """Checks C3 for models: eager, symbolic and declared shapes, with unknown batch."""
    component = case.ready()
    inputs = case.make_inputs()
    outputs = probe.forward(case, component, inputs, training=False)
    _require_expected(case, _shapes(outputs))
    for words, unknown in UNKNOWN[:2]:
        symbols = functional.symbolic_inputs(component, inputs, **unknown)
        _require_fit(f"symbolic, {words}", _shapes(case.call(component, symbols)), outputs, unknown)
        declared = _declared(component, inputs, **unknown)
        _require_fit(f"compute_output_shape, {words}", declared, outputs, unknown)


def check_loss(case):
    """Checks C3 for losses: a number per sample, a scalar after reduction, labels that do not broadcast."""
    batch = (
        case.y_pred.shape[0] if not isinstance(case.y_pred, dict) else len(next(iter(case.y_pred.values())))
    )
    each = case.make(reduction="none")(case.y_true, case.y_pred)
    if tuple(each.shape)[:1] != (batch,):
        raise Broken(
            f"the loss has shape {tuple(each.shape)} for a batch of {batch}",
            "return one value a sample",
        )
    for reduction in ("sum", "sum_over_batch_size"):
        value = case.make(reduction=reduction)(case.y_true, case.y_pred)
        if tuple(value.shape) != ():
            raise Broken(
                f"reduction={reduction!r} gives shape {tuple(value.shape)}",
                "leave reduction to Keras",
            )
    _require_labels_of_both_shapes(case, each, batch)


def check_regularizer(case):
    """Checks C3 for regularizers: a scalar."""
    value = case.make()(ops.convert_to_tensor(case.weight))
    if tuple(value.shape) != ():
        raise Broken(f"the penalty has shape {tuple(value.shape)}", "return a scalar")


def check_initializer(case):
    """Checks C3 for initializers: the shape and dtype that were asked for."""
    for dtype in ("float32", "float16"):
        value = case.make()(case.shape, dtype=dtype)
        if tuple(value.shape) != tuple(case.shape) or probe.dtype_of(value) != dtype:
            raise Broken(
                f"gives {probe.dtype_of(value)}{tuple(value.shape)} for {dtype}{tuple(case.shape)}",
                "return `shape` in `dtype`",
            )


def _require_labels_of_both_shapes(case, each, batch):
    if not isinstance(case.y_true, np.ndarray) or case.y_true.shape not in ((batch,), (batch, 1)):
        return
    expected = probe.as_numpy(each)
    for shape in ((batch,), (batch, 1)):
        actual = probe.as_numpy(case.make(reduction="none")(case.y_true.reshape(shape), case.y_pred))
        probe.require_equal(
            actual,
            expected,
            f"y_true of shape {shape} gives another loss",
            "reshape y_true to (batch,) before it meets y_pred, so that nothing broadcasts",
            tolerance=1e-6,
        )


def _require_expected(case, actual):
    if case.expected_output_shape is not None:
        expected = input_arrays.flatten_shapes(case.expected_output_shape)
        _require_same("the output", actual, expected)


def _require_symbolic(case, inputs, outputs, words, unknown):
    """Checks that on symbolic inputs a fresh layer has, and declares, the shapes and dtypes of `outputs`."""
    fresh = case.make()
    model, _ = functional.as_model(case, fresh, inputs, **unknown)
    symbolic = keras.tree.flatten(model.outputs)
    _require_fit(f"symbolic, {words}", _shapes(symbolic), outputs, unknown)
    _require_fit(f"compute_output_shape, {words}", _declared(fresh, inputs, **unknown), outputs, unknown)
    for one, other in zip(symbolic, keras.tree.flatten(outputs), strict=True):
        if probe.dtype_of(one) != probe.dtype_of(other):
            what = f"symbolic dtype {probe.dtype_of(one)}, {words}, against {probe.dtype_of(other)}"
            raise Broken(what, "make `compute_output_spec` follow the dtype of `call`")


def _require_consistent_elsewhere(component, inputs):
    """Checks that the shapes declared for unknown sizes are also true of a larger map than the case's."""
    unknown = _declared(component, inputs, unknown_space=True)
    larger = keras.tree.map_structure(lambda array: _enlarged(component, array), inputs)
    try:
        known = _declared(component, larger)
    except ValueError:
        return  # Built for one size only.
    for shape, exact in zip(unknown, known, strict=True):
        if len(shape) != len(exact) or any(s not in (None, e) for s, e in zip(shape, exact, strict=True)):
            _require_same("compute_output_shape for unknown space", [shape], [exact])


def _enlarged(component, array):
    """Returns an array of zeros, five larger along each axis that counts as space."""
    (shape,) = functional.flat_shapes(array, functional.input_shapes(component, array, unknown_space=True))
    sizes = [own + 5 if size is None else own for own, size in zip(array.shape, shape, strict=True)]
    return np.zeros(sizes, array.dtype)


def _declared(component, inputs, **unknown):
    """Returns the shapes that `compute_output_shape` gives, flat."""
    shapes = functional.input_shapes(component, inputs, **unknown)
    if isinstance(inputs, tuple):
        shapes = positional(component.compute_output_shape, tuple(shapes))
    else:
        shapes = (shapes,)
    return input_arrays.flatten_shapes(component.compute_output_shape(*shapes))


def _shapes(outputs):
    return [tuple(tensor.shape) for tensor in keras.tree.flatten(outputs)]


def _require_fit(what, shapes, outputs, unknown):
    """Checks that known sizes are exact, an unknown batch stays unknown, and no size is wrong."""
    for shape, exact in zip(shapes, _shapes(outputs), strict=True):
        wanted = exact
        if unknown.get("unknown_batch") and exact:
            wanted = (None, *exact[1:])
        if unknown.get("unknown_space") and len(shape) == len(exact):
            wanted = tuple(None if own is None else want for own, want in zip(shape, wanted, strict=True))
        _require_same(what, [shape], [wanted])


def _require_same(what, actual, expected):
    if actual != expected:
        words = f"{what}: shape {_words(actual)} against {_words(expected)}"
        raise Broken(words, FIX_SHAPE)


def _words(shapes):
    return ", ".join(map(str, shapes))
