"""C7: gradients reach every trainable weight and the input, and match finite differences in float64."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.testing import inputs as input_arrays
from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.testing.guarantees import Broken, Waived

STEP = 1e-6
TOLERANCE = 1e-6

REACH = "use the weight in `call`, and do not cut its path by `stop_gradient`, rounding or a comparison"
DIFFER = (
    "look for `stop_gradient`, for an operation that computes in float32 under float64, "
    "and for a custom gradient; exempt 'C7 finite differences' for a straight-through path"
)


def check_layer(case):
    """Checks C7 for layers, in inference and in training with the draw held fixed."""
    component = case.ready(dtype=probe.wide_dtype())
    inputs = probe.as_tensors(case.make_inputs(), probe.wide_dtype())
    modes = {"inference": False, "training": True}
    if not probe.has_argument(component.call, "training"):
        del modes["training"]
    runs = {}
    for words, training in modes.items():
        with fixed_draws(), probe.kept_state(component):
            runs[words] = probe.forward_backward(case, component, inputs, training)
        probe.require_finite(probe.as_numpy(runs[words].gradients), f"gradients in {words}", DIFFER)
    _require_reached(case, component, runs.values())
    if "C7 finite differences" not in case.exempt and probe.wide_dtype() == "float64":
        for words, training in modes.items():
            _require_finite_differences(case, component, inputs, training, runs[words], words)
    for part in ("C7 finite differences", "C7 input gradient"):
        if part in case.exempt:
            raise Waived(case.exempt[part])


def _require_reached(case, component, runs):
    """Raises `Broken` if the gradient of a float input or trainable weight is zero everywhere."""
    alive = [[probe.largest(probe.as_numpy(gradient)) > 0 for gradient in run.gradients] for run in runs]
    reached = np.any(alive, axis=0)
    count = len(reached) - len(component.trainable_variables)
    if "C7 input gradient" not in case.exempt and not all(reached[:count]):
        raise Broken("the gradient of an input is zero everywhere", REACH.replace("weight", "input"))
    for weight, alive in zip(component.trainable_variables, reached[count:], strict=True):
        if not alive:
            raise Broken(f"the gradient of weight {weight.path!r} is zero everywhere", REACH)


def _require_finite_differences(case, component, inputs, training, run, words):
    """Compares directional derivatives: one direction for each input and weight, two forward passes each."""
    factors = probe.coefficients(run.outputs)
    flat = keras.tree.flatten(inputs)
    places = [place for place, tensor in enumerate(flat) if probe.is_float(tensor)]

    def value(leaves):
        with fixed_draws(), probe.kept_state(component):
            outputs = probe.forward(case, component, keras.tree.pack_sequence_as(inputs, leaves), training)
            return float(probe.as_numpy(probe.objective(outputs, factors)))

    roundoff = sum(float(np.abs(output).sum()) for output in keras.tree.flatten(probe.as_numpy(run.outputs)))
    for place, gradient in zip(places, run.input_gradients, strict=True):
        if "C7 input gradient" in case.exempt:
            break

        def moved(step, place=place):
            return value([*flat[:place], flat[place] + step, *flat[place + 1 :]])

        _compare(moved, gradient, roundoff, f"input {place} in {words}")
    for weight, gradient in zip(component.trainable_variables, run.weight_gradients, strict=True):
        original = ops.convert_to_tensor(probe.as_numpy(weight))

        def moved(step, weight=weight, original=original):
            weight.assign(original + step)
            result = value(flat)
            weight.assign(original)
            return result

        _compare(moved, gradient, roundoff, f"weight {weight.path!r} in {words}")


def _compare(moved, gradient, roundoff, words):
    gradient = probe.as_numpy(gradient)
    direction = input_arrays.spread(gradient.shape, seed=17, low=-1, high=1)
    step = ops.convert_to_tensor(STEP * direction, dtype="float64")
    measured = (moved(step) - moved(-step)) / (2 * STEP)
    analytic = float((gradient * direction).sum())
    allowed = TOLERANCE * float(np.abs(gradient * direction).sum()) + 1e-9 * roundoff
    if not abs(measured - analytic) <= allowed:
        message = (
            f"directional derivative for {words} is {analytic:.9g}, finite differences give {measured:.9g}"
        )
        raise Broken(message, DIFFER)


def check_loss(case):
    """Checks C7 for losses: the gradient for the scores is finite, not zero, and matches finite differences.

    Losses are differentiated per sample, because Keras' own reduction is float32 on PyTorch.
    """
    dtype = probe.wide_dtype()
    component = case.make(dtype=dtype, reduction="none")
    scores = probe.as_tensors(case.y_pred, dtype)

    def function(*leaves):
        return probe.objective(component(case.y_true, keras.tree.pack_sequence_as(scores, leaves)))

    _check_function(case, function, keras.tree.flatten(scores))


def check_regularizer(case):
    """Checks C7 for regularizers."""
    component = case.make()
    _check_function(case, component, [ops.convert_to_tensor(case.weight, dtype=probe.wide_dtype())])


def _check_function(case, function, arguments):
    value, gradients, _ = probe.value_and_gradients(function, arguments)
    probe.require_finite(probe.as_numpy(gradients), "gradients", DIFFER)
    for place, gradient in enumerate(gradients):
        if probe.largest(probe.as_numpy(gradient)) == 0:
            raise Broken(f"the gradient of argument {place} is zero everywhere", REACH)
        if "C7 finite differences" in case.exempt or probe.wide_dtype() != "float64":
            continue

        def moved(step, place=place):
            leaves = [*arguments[:place], arguments[place] + step, *arguments[place + 1 :]]
            return float(probe.as_numpy(function(*leaves)))

        _compare(moved, gradient, abs(float(probe.as_numpy(value))), f"argument {place}")
    if "C7 finite differences" in case.exempt:
        raise Waived(case.exempt["C7 finite differences"])
