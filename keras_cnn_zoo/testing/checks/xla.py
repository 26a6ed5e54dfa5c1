"""C6: compiled by XLA, a component gives the eager numbers, gradients included."""

import keras

from keras_cnn_zoo.testing import functional, probe
from keras_cnn_zoo.testing.checks import labels
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
    actual = compiled(program, component.variables, specifications)(*keras.tree.flatten(inputs))
    for training, one, other in zip(modes, probe.as_numpy(actual), expected, strict=True):
        words = f"XLA differs from eager in {'training' if training else 'inference'}"
        floor = 0.01 * probe.largest(*(probe.largest(gradient) for gradient in other[outputs:]))
        for position, (array, reference) in enumerate(zip(one, other, strict=True)):
            part = f"output {position}" if position < outputs else f"gradient {position - outputs}"
            probe.require_equal(
                array, reference, f"{words}, {part}", ADVICE, tolerance=TOLERANCE, floor=floor
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
    component = case.make()
    arrays = keras.tree.flatten(case.y_pred)
    _check_function(
        lambda *leaves: component(case.y_true, keras.tree.pack_sequence_as(case.y_pred, leaves)), arrays
    )
    labels.require_nan(case, compiled)


def check_regularizer(case):
    """Checks C6 for regularizers: value and gradient."""
    _check_function(case.make(), [case.weight])


def _check_function(function, arrays):
    tensors = probe.as_tensors([array.astype("float32") for array in arrays])

    def program(*leaves):
        value, gradients, _ = probe.value_and_gradients(function, leaves)
        return [value, *gradients]

    expected = probe.as_numpy(program(*tensors))
    actual = probe.as_numpy(compiled(program)(*tensors))
    for one, other in zip(actual, expected, strict=True):
        probe.require_equal(one, other, "XLA differs from eager", ADVICE, tolerance=TOLERANCE)
