"""C4: every precision gives its own dtype, finite outputs and gradients, and nearly the float32 numbers.

NaN in gives NaN out: see `not_a_number`.
"""

import keras
import numpy as np

from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.case import dtype_policy
from keras_cnn_zoo.testing.checks import labels, not_a_number
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.testing.guarantees import Broken, NotApplicable, Waived

# Policy, compute dtype, and how far an output may be from float32's, as a part of the largest one.
POLICIES = (
    ("float32", "float32", 1e-6),
    ("mixed_bfloat16", "bfloat16", 0.06),
    ("mixed_float16", "float16", 0.01),
    ("float64", "float64", 1e-4),
)
HALF_POLICIES = ("mixed_bfloat16", "mixed_float16")

KEEP_DTYPE = "cast back to `self.compute_dtype` at the end of `call`"
KEEP_FINITE = (
    "compute logs, exponentials, roots and statistics in at least float32, scale before powers, "
    "and guard divisions and roots on both sides of `where`"
)


def check_layer_default(case):
    """Checks the eager part of C4: finite outputs and gradients in float32, and NaN for NaN."""
    component = case.ready()
    inputs = case.make_inputs()
    _require_nan(
        case, component, inputs, _runs(case, component, probe.as_tensors(inputs, "float32"), "float32")
    )


def check_layer(case):
    """Checks C4 for layers."""
    base = case.ready()
    inputs = _representable_inputs(case)
    runs = _runs(case, base, probe.as_tensors(inputs, "float32"), "float32")
    _require_nan(case, base, inputs, runs)
    expected = probe.as_numpy(runs[False].outputs)
    for policy, dtype, tolerance in POLICIES:
        if probe.wide_dtype() == "float32" and dtype == "float64":
            continue  # JAX without 64-bit numbers; a separate process checks this.
        component = _twin(case, base, policy)
        run = _run(case, component, probe.as_tensors(inputs, dtype), policy)
        _require_dtype(run.outputs, dtype, policy)
        probe.require_equal(
            probe.as_numpy(run.outputs),
            expected,
            f"{policy} differs from float32",
            KEEP_FINITE,
            tolerance=tolerance,
        )
        if policy in HALF_POLICIES and "C4 hard inputs" not in case.exempt:
            _require_hard_inputs(case, base, component, inputs, policy, dtype)
    if "C4 hard inputs" in case.exempt:
        raise Waived(case.exempt["C4 hard inputs"])


def check_model(case):
    """Checks C4 for models; a model may keep its last layers in float32."""
    base = case.ready()
    inputs = _representable_inputs(case)
    # What a detector picks at inference may change with the last digit; what it learns from may not.
    modes = (True, False) if case.targets is None else (False, True)
    expected = _run(case, base, probe.as_tensors(inputs, "float32"), "float32", modes).outputs
    expected = probe.as_numpy(expected)
    for policy, dtype, tolerance in POLICIES[1:3]:
        component = _twin(case, base, policy)
        run = _run(case, component, probe.as_tensors(inputs), policy, modes)
        for tensor in keras.tree.flatten(run.outputs):
            if probe.is_float(tensor) and probe.dtype_of(tensor) not in (dtype, "float32"):
                _fail_dtype(tensor, dtype, policy)
        probe.require_equal(
            probe.as_numpy(run.outputs),
            expected,
            f"{policy} differs from float32",
            KEEP_FINITE,
            tolerance=2 * tolerance,
        )


def _representable_inputs(case):
    """Returns inputs that bfloat16 and float16 hold exactly, so that only the arithmetic differs."""
    half = probe.as_tensors(probe.as_tensors(case.make_inputs(), "bfloat16"), "float16")
    return probe.as_numpy(keras.tree.map_structure(_upcast, half))


def _upcast(tensor):
    return keras.ops.cast(tensor, "float32") if probe.is_float(tensor) else tensor


def _twin(case, base, policy):
    """Returns the component under another policy, with the weights of `base`."""
    component = case.make(dtype=policy)
    with dtype_policy(policy if case.kind == "model" else None):
        case.call(component, case.make_inputs())
    component.set_weights(base.get_weights())
    return component


def _run(case, component, inputs, policy, modes=(True, False)):
    """Returns the last of two runs; requires finite outputs and gradients in training and inference."""
    return _runs(case, component, inputs, policy, modes)[modes[-1]]


def _runs(case, component, inputs, policy, modes=(True, False)):
    """Returns {training: run}; requires finite outputs and gradients in each."""
    runs = {}
    for training in modes:
        with fixed_draws(), probe.kept_state(component):
            run = probe.forward_backward(case, component, inputs, training)
        words = f"{policy}, {'training' if training else 'inference'}"
        probe.require_finite(probe.as_numpy(run.outputs), f"outputs in {words}", KEEP_FINITE)
        probe.require_finite(probe.as_numpy(run.gradients), f"gradients in {words}", KEEP_FINITE)
        runs[training] = run
    return runs


def _require_nan(case, component, inputs, runs):
    """Requires NaN for NaN in the inputs and in all weights; C6 has every weight by itself, compiled."""
    not_a_number.require_docstring(case)
    if not probe.has_argument(component.call, "training"):
        runs = {False: runs[False]}
    not_a_number.require(not_a_number.of_component(case, component, inputs, runs))


def _require_dtype(outputs, dtype, policy):
    for tensor in keras.tree.flatten(outputs):
        if probe.is_float(tensor) and probe.dtype_of(tensor) != dtype:
            _fail_dtype(tensor, dtype, policy)


def _fail_dtype(tensor, dtype, policy):
    raise Broken(f"output is {probe.dtype_of(tensor)} under {policy}, not {dtype}", KEEP_DTYPE)


def _require_hard_inputs(case, base, component, inputs, policy, dtype):
    """Requires finite results for zeros, tiny, and large values if those of float32 fit into the dtype."""
    limit = 6e4 if dtype == "float16" else 1e38
    for words, factor in (("zeros", 0.0), ("tiny values", 1e-4), ("values up to 400", 200.0)):
        hard = keras.tree.map_structure(
            lambda array, factor=factor: array * factor if array.dtype.kind == "f" else array, inputs
        )
        hard = probe.as_numpy(keras.tree.map_structure(_upcast, probe.as_tensors(hard, dtype)))
        for training in (False, True):
            with fixed_draws(), probe.kept_state(base):
                wide = probe.forward_backward(case, base, probe.as_tensors(hard, "float32"), training)
            with fixed_draws(), probe.kept_state(component):
                half = probe.forward_backward(case, component, probe.as_tensors(hard, dtype), training)
            for part, own, true in (
                ("outputs", half.outputs, wide.outputs),
                ("gradients", half.gradients, wide.gradients),
            ):
                for one, other in zip(keras.tree.flatten(own), keras.tree.flatten(true), strict=True):
                    one, other = probe.as_numpy(one), probe.as_numpy(other)
                    if np.abs(other).max(initial=0.0) < limit or not np.isfinite(other).all():
                        probe.require_finite(one, f"{part} for {words} under {policy}", KEEP_FINITE)


LOSS_DTYPES = (("float32", 1e-6), ("bfloat16", 0.1), ("float16", 0.02), ("float64", 1e-4))


def check_loss(case):
    """Checks C4 for losses: `dtype` is obeyed and rounds no class id; hard scores give finite results."""
    expected = probe.as_numpy(case.make(reduction="none")(case.y_true, case.y_pred))
    for dtype, tolerance in LOSS_DTYPES:
        if probe.wide_dtype() == "float32" and dtype == "float64":
            continue
        value = case.make(reduction="none", dtype=dtype)(case.y_true, case.y_pred)
        if probe.dtype_of(value) != dtype:
            raise Broken(
                f"dtype={dtype!r} gives {probe.dtype_of(value)}",
                "pass `dtype` on, and compute in it",
            )
        probe.require_equal(
            probe.as_numpy(value),
            expected,
            f"dtype={dtype!r} differs from float32",
            KEEP_FINITE,
            tolerance=tolerance,
        )
    labels.require_exact_ids(case)
    component = case.make()
    _require_nan_loss(case)
    for factor in (1.0, 0.0, 1e-4, 100.0):
        for dtype in ("float32", "bfloat16", "float16"):
            scores = keras.tree.map_structure(
                lambda array, factor=factor: (array * factor).astype("float32"), case.y_pred
            )
            values = differentiate_loss(case, component, probe.as_tensors(scores, dtype))
            words = f"{dtype} scores times {factor:g}"
            probe.require_finite([probe.as_numpy(value) for value in values], words, KEEP_FINITE)


def _require_nan_loss(case):
    scores = keras.tree.map_structure(lambda array: array.astype("float32"), case.y_pred)
    each, reduced = case.make(reduction="none"), case.make()

    def outputs(arrays):
        packed = keras.tree.pack_sequence_as(scores, arrays)
        return [probe.as_numpy(loss(case.y_true, packed)) for loss in (each, reduced)]

    gradients = differentiate_loss(case, reduced, probe.as_tensors(scores))[1:]
    flat = keras.tree.flatten(scores)
    not_a_number.require(not_a_number.of_function(case, flat, outputs, probe.as_numpy(gradients)))


def differentiate_loss(case, component, scores):
    """Returns the loss and its gradients for each array of scores."""
    flat = keras.tree.flatten(scores)
    value, gradients, _ = probe.value_and_gradients(
        lambda *leaves: component(case.y_true, keras.tree.pack_sequence_as(scores, leaves)), flat
    )
    return [value, *gradients]


def check_regularizer(case):
    """Checks C4 for regularizers: value and gradient are finite in every dtype, at zero and large values."""
    component = case.make()
    for dtype in ("float32", "bfloat16", "float16", "float64"):
        if probe.wide_dtype() == "float32" and dtype == "float64":
            continue
        for factor in (1.0, 0.0, 1e-4, 10.0):
            weight = keras.ops.convert_to_tensor(case.weight * factor, dtype=dtype)
            value, (gradient,), _ = probe.value_and_gradients(component, [weight])
            words = f"a {dtype} weight times {factor:g}"
            probe.require_finite([probe.as_numpy(value), probe.as_numpy(gradient)], words, KEEP_FINITE)
    weight = case.weight.astype("float32")
    _, (gradient,), _ = probe.value_and_gradients(component, [keras.ops.convert_to_tensor(weight)])

    def outputs(arrays):
        return [probe.as_numpy(component(keras.ops.convert_to_tensor(arrays[0])))]

    not_a_number.require(not_a_number.of_function(case, [weight], outputs, [probe.as_numpy(gradient)]))


def check_metric(case):
    """Checks C4 for metrics: NaN predictions give NaN or the worst result, or are refused."""
    component, has_floats = case.make(), False
    try:
        for y_true, y_pred, *weights in case.updates:
            has_floats = has_floats or not_a_number.has_floats(y_pred)
            component.update_state(y_true, not_a_number.as_nan(y_pred), *weights)
    except ValueError:
        return
    if not has_floats:
        raise NotApplicable("its predictions are not floating-point numbers")
    not_a_number.require_worst(component)


def check_initializer(case):
    """Checks C4 for initializers: finite in the dtype that was asked for."""
    for dtype in ("float32", "bfloat16", "float16"):
        value = case.make()(case.shape, dtype=dtype)
        if probe.dtype_of(value) != dtype:
            raise Broken(f"gives {probe.dtype_of(value)} for dtype={dtype!r}", "cast to `dtype`")
        probe.require_finite(probe.as_numpy(value), dtype, KEEP_FINITE)
