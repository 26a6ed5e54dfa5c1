"""C6: compiled by XLA, a component gives the eager numbers, gradients included."""

import keras

from keras_cnn_zoo.testing import functional, probe
from keras_cnn_zoo.testing.checks import labels, not_a_number
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.testing.guarantees import NotRun

ADVICE = "keep shapes static, loops free of Python side effects, and every operation in `keras.ops`"
TOLERANCE = 1e-4


def compiled(function, variables=(), specifications=None):
    """Returns `function` of flat tensors compiled by XLA on the current backend; `variables` are read afresh.

    On TensorFlow `specifications`, a list of (shape, dtype), may leave sizes unknown to the tracer.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        signature = (
            [tf.TensorSpec(shape, dtype) for shape, dtype in specifications] if specifications else None
        )
        return tf.function(function, jit_compile=True, autograph=False, input_signature=signature)
    if backend == "jax":
        import jax

        def pure(values, *tensors):
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*tensors)

        jitted = jax.jit(pure)
        return lambda *tensors: jitted([variable.value for variable in variables], *tensors)
    raise NotRun("XLA compiles on TensorFlow and JAX; run this check there")


def check_layer(case):
    """Checks C6 for layers: inference and training with a fixed draw, forward and backward, at once."""
    component = case.ready()
    arrays = case.make_inputs()
    inputs = probe.as_tensors(arrays)
    modes = (False, True) if probe.has_argument(component.call, "training") else (False,)

    def eager(training):
        with fixed_draws():
            run = probe.forward_backward(case, component, inputs, training)
        return [*keras.tree.flatten(run.outputs), *run.gradients]

    with probe.kept_state(component):
        expected = [probe.as_numpy(eager(training)) for training in modes]
    outputs = len(keras.tree.flatten(probe.forward(case, component, inputs)))
    factors = probe.coefficients(expected[0][:outputs])

    def program(*flat):
        results = []
        for training in modes:
            with fixed_draws():
                packed = keras.tree.pack_sequence_as(arrays, flat)
                run = probe.forward_backward(case, component, packed, training, factors)
            results.append([*keras.tree.flatten(run.outputs), *run.gradients])
        return results

    specifications = _specifications(case, component, arrays)
    function = compiled(program, component.variables, specifications)
    actual = function(*keras.tree.flatten(inputs))
    for training, one, other in zip(modes, probe.as_numpy(actual), expected, strict=True):
        words = f"XLA differs from eager in {'training' if training else 'inference'}"
        floor = 0.01 * probe.largest(*(probe.largest(gradient) for gradient in other[outputs:]))
        for position, (array, reference) in enumerate(zip(one, other, strict=True)):
            part = f"output {position}" if position < outputs else f"gradient {position - outputs}"
            probe.require_equal(
                array, reference, f"{words}, {part}", ADVICE, tolerance=TOLERANCE, floor=floor
            )
    _require_nan(case, component, arrays, modes, function, expected)


def _require_nan(case, component, arrays, modes, function, expected):
    """Requires NaN for NaN of the compiled program, which may treat it in another way than eager code."""
    flat = keras.tree.flatten(arrays)
    places = [place for place, array in enumerate(flat) if probe.is_float(array)]
    variables = not_a_number.weights_of(component)
    trainable = len(component.trainable_variables)
    first = len(expected[0]) - len(places) - trainable
    names = [not_a_number.mode_name(training) for training in modes]

    def outputs(inputs, weights, modes):
        with probe.kept_state(component):
            for variable, value in zip(variables, weights, strict=True):
                variable.assign(value)
            results = probe.as_numpy(function(*probe.as_tensors(inputs)))
        found = dict(zip(names, results, strict=True))
        return {mode: found[mode][:first] for mode in modes}

    not_a_number.require(
        not_a_number.Subject(
            case,
            flat,
            places,
            [probe.as_numpy(variable) for variable in variables],
            [variable.path for variable in variables],
            outputs,
            {
                name: dict(zip(places, result[first:], strict=False))
                for name, result in zip(names, expected, strict=True)
            },
            {name: result[len(result) - trainable :] for name, result in zip(names, expected, strict=True)},
        )
    )


def _specifications(case, component, arrays):
    """Returns (shape, dtype) of each input, with unknown batch and, unless waived, unknown space."""
    unknown = {"unknown_batch": True, "unknown_space": "C3 unknown space" not in case.exempt}
    shapes = functional.flat_shapes(arrays, functional.input_shapes(component, arrays, **unknown))
    flat = keras.tree.flatten(arrays)
    return [(shape, probe.dtype_of(array)) for shape, array in zip(shapes, flat, strict=True)]


def check_model(case):
    """Checks C6 for models: inference; the training step is compiled in the overfit check."""
    component = case.ready()
    arrays = case.make_inputs()

    def program(*flat):
        packed = keras.tree.pack_sequence_as(arrays, flat)
        return probe.forward(case, component, packed, training=False)

    flat = keras.tree.flatten(probe.as_tensors(arrays))
    actual = probe.as_numpy(compiled(program, component.variables)(*flat))
    expected = probe.as_numpy(probe.forward(case, component, arrays, training=False))
    probe.require_equal(actual, expected, "XLA differs from eager", ADVICE, tolerance=TOLERANCE)


def check_loss(case):
    """Checks C6 for losses: value and gradient, and NaN for labels that are no class."""
    reduced, each = (
        lambda *leaves, loss=loss: loss(case.y_true, keras.tree.pack_sequence_as(case.y_pred, leaves))
        for loss in (case.make(), case.make(reduction="none"))
    )
    _check_function(case, reduced, keras.tree.flatten(case.y_pred), each)
    labels.require_nan(case, compiled)


def check_regularizer(case):
    """Checks C6 for regularizers: value and gradient."""
    component = case.make()
    _check_function(case, component, [case.weight], component)


def _check_function(case, function, arrays, each):
    """Compares a function and its gradients, and `each`, its values before they are reduced."""
    arrays = [array.astype("float32") for array in arrays]

    def program(*leaves):
        value, gradients, _ = probe.value_and_gradients(function, leaves)
        return [value, each(*leaves), *gradients]

    program_compiled = compiled(program)
    expected = probe.as_numpy(program(*probe.as_tensors(arrays)))
    actual = probe.as_numpy(program_compiled(*probe.as_tensors(arrays)))
    for one, other in zip(actual, expected, strict=True):
        probe.require_equal(one, other, "XLA differs from eager", ADVICE, tolerance=TOLERANCE)

    def outputs(arrays):
        return probe.as_numpy(program_compiled(*probe.as_tensors(arrays)))[:2]

    not_a_number.require(not_a_number.of_function(case, arrays, outputs, expected[2:]))
