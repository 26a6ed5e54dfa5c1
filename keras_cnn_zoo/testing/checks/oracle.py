"""C13: the component equals an independent float64 reading of the formula, which the case brings along."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.checks import labels
from keras_cnn_zoo.testing.epochs import epochs_run
from keras_cnn_zoo.testing.guarantees import NotApplicable, NotRun

ADVICE = "compare both with the paper's formula; a float64 run must be float64 throughout"
ADVICE_CALLBACK = "set `self.model.stop_training` at the end of the epoch that is to be the last"


def tolerance():
    """Returns how close the wide run must come, as a part of the largest value; it may be float32."""
    return 1e-9 if probe.wide_dtype() == "float64" else 1e-5


def check_layer(case):
    """Checks C13 for layers: `reference(inputs, weights, **init_kwargs)` is the inference output."""
    _require_reference(case)
    component = case.ready(dtype=probe.wide_dtype())
    inputs = case.make_inputs()
    actual = probe.forward(case, component, probe.as_tensors(inputs, probe.wide_dtype()), training=False)
    wide = keras.tree.map_structure(
        lambda array: array.astype("float64") if array.dtype.kind == "f" else array, inputs
    )
    expected = case.reference(wide, weights_by_name(component), **case.init_kwargs)
    _same(probe.as_numpy(actual), expected, "inference differs from the reference")


def weights_by_name(component):
    """Returns float64 arrays of the weights by their paths below the component, such as "gate/kernel"."""
    named = {}
    for weight in component.weights:
        parts = weight.path.split("/")
        if component.name in parts:
            parts = parts[parts.index(component.name) + 1 :]
        array = probe.as_numpy(ops.convert_to_tensor(weight))
        named["/".join(parts)] = array.astype("float64") if array.dtype.kind == "f" else array
    return named


def check_loss(case):
    """Checks C13 for losses: values per sample, and every reduction and sample weight of them."""
    dtype = probe.wide_dtype()
    each = probe.as_numpy(case.make(reduction="none", dtype=dtype)(case.y_true, case.y_pred))
    if case.expected is not None:
        actual = probe.as_numpy(case.make(dtype=dtype)(case.y_true, case.y_pred))
        probe.require_equal(actual, case.expected, "the loss differs from `expected`", ADVICE, tolerance=1e-6)
    elif case.reference is None:
        raise NotRun("no reference was given: pass reference=... or expected=...")
    if case.reference is not None:
        wide = keras.tree.map_structure(lambda array: np.asarray(array, "float64"), case.y_pred)
        expected = case.reference(case.y_true, wide, **case.init_kwargs)
        _same(each, expected, "the loss per sample differs from the reference")
    _require_reductions(case, dtype, each)
    labels.require_left_out(case)


def _require_reductions(case, dtype, each):
    advice = "return one value per sample from `call`, and leave reduction and weights to keras.losses.Loss"
    weights = np.linspace(0.5, 2.0, len(each)).reshape((-1,) + (1,) * (each.ndim - 1)) * np.ones_like(each)
    for reduction, reduced in (
        ("none", lambda values: values),
        ("sum", np.sum),
        ("sum_over_batch_size", np.mean),
    ):
        component = case.make(reduction=reduction, dtype=dtype)
        for sample_weight, values in ((None, each), (weights, each * weights)):
            actual = component(case.y_true, case.y_pred, sample_weight=sample_weight)
            words = f"reduction={reduction!r}" + (" with sample_weight" if sample_weight is not None else "")
            probe.require_equal(probe.as_numpy(actual), reduced(values), words, advice, tolerance=1e-6)


def check_regularizer(case):
    """Checks C13 for regularizers: `reference(weight, **init_kwargs)` is the penalty."""
    _require_reference(case)
    actual = case.make()(ops.convert_to_tensor(case.weight, dtype=probe.wide_dtype()))
    expected = case.reference(np.asarray(case.weight, "float64"), **case.init_kwargs)
    _same(probe.as_numpy(actual), expected, "the penalty differs from the reference")


def check_initializer(case):
    """Checks C13 for initializers whose values are a formula: `reference(shape, **init_kwargs)`."""
    if case.reference is None:
        raise NotApplicable("a random initializer is tested by its statistics")
    actual = probe.as_numpy(case.make()(case.shape, dtype="float32"))
    expected = case.reference(case.shape, **case.init_kwargs)
    probe.require_equal(actual, expected, "differs from the reference", ADVICE, tolerance=1e-6)


def check_metric(case):
    """Checks C13 for metrics: `expected`, in steps and in one go, and nothing left over by `reset_state`."""
    component = case.make()
    for update in case.updates:
        component.update_state(*update)
    _require_result(component, case.expected, "the result")
    component.reset_state()
    fresh = case.make()
    for metric in (component, fresh):
        metric.update_state(*case.updates[0])
    _require_result(component, probe.as_numpy(fresh.result()), "the first result after reset_state")
    whole = _in_one_go(case.updates)
    if whole is not None:
        component.reset_state()
        component.update_state(*whole)
        _require_result(component, case.expected, "the result of one update with all examples")


def check_callback(case):
    """Checks C13 for callbacks: training with these logs ends after `expected` epochs."""
    if case.expected is None:
        raise NotRun("nothing was expected: pass expected=..., the number of epochs that run")
    actual = epochs_run(case.make(), case.logs)
    probe.require_equal(actual, case.expected, "other epochs than expected", ADVICE_CALLBACK)


def _require_result(component, expected, words):
    actual = keras.tree.map_structure(np.asarray, probe.as_numpy(component.result()))
    advice = "keep sums and counts in the state, and divide in `result`"
    probe.require_equal(actual, expected, f"{words} differs from what is expected", advice, tolerance=1e-6)


def _in_one_go(updates):
    """Returns all updates as one, or None if their arrays differ in more than the number of examples."""
    merged = []
    for parts in zip(*updates, strict=True):
        if all(isinstance(part, list) for part in parts):
            merged.append([item for part in parts for item in part])
            continue
        arrays = [np.asarray(part) for part in parts]
        if len({array.shape[1:] for array in arrays}) > 1 or any(array.ndim == 0 for array in arrays):
            return None
        merged.append(np.concatenate(arrays))
    return merged


def _require_reference(case):
    if case.reference is None:
        raise NotRun("no reference was given: pass reference=..., the formula in float64 NumPy")


def _same(actual, expected, what):
    probe.require_equal(actual, expected, what, ADVICE, tolerance=tolerance())
