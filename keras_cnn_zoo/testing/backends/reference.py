"""Outputs, gradients, and statistics of draws of a case in the current process, for the others to compare."""

import keras
import numpy as np

from keras_cnn_zoo.testing.backends import programs
from keras_cnn_zoo.testing.backends.compare import summarize_draws
from keras_cnn_zoo.testing.probe import as_numpy, wide_dtype
from keras_cnn_zoo.utils.autodiff import value_and_gradients

NUM_DRAWS = 256

KINDS = ("output", "weight gradient", "input gradient")


def reference_arrays(case):
    """Returns {name: array}: inputs, weights, and per dtype and mode the outputs and gradients of `case`."""
    arrays = {}
    program = programs.make_program(case, "float32")
    weights = program.get_weights()
    random = is_random(program)
    program.set_weights(weights)
    arrays["random"] = np.array(random)
    arrays["has float64"] = np.array(wide_dtype() == "float64")
    store(arrays, "input", program.inputs)
    store(arrays, "weight", weights)
    for dtype in ("float32", "float64"):
        if dtype == "float64":
            if not arrays["has float64"] or case.kind not in programs.FLOAT64_KINDS:
                continue
            program = programs.make_program(case, dtype)
            program.set_weights(weights)
        for mode in () if random and case.kind == "initializer" else program.modes:
            results = evaluate(program, mode, random)
            for kind in KINDS:
                store(arrays, f"{dtype}/{mode}/{kind}", results[kind])
    if random:
        program = programs.make_program(case, "float32")
        program.set_weights(weights)
        draws = draw(program, NUM_DRAWS)
        arrays["draws/center"] = center_of(arrays, draws)
        for name, value in summarize_draws(draws, arrays["draws/center"]).items():
            arrays[f"draws/{name}"] = value
    return arrays


def store(arrays, prefix, values):
    """Puts a list of arrays under `prefix/0`, `prefix/1`, ..."""
    for index, value in enumerate(values):
        arrays[f"{prefix}/{index}"] = value


def fetch(arrays, prefix):
    """Returns the list that `store` put there."""
    values = []
    while f"{prefix}/{len(values)}" in arrays:
        values.append(arrays[f"{prefix}/{len(values)}"])
    return values


def evaluate(program, mode, random=False):
    """Returns `as_results` of one call and its gradients, with the draws held fixed if `random`."""

    def function(*chosen):
        flat = list(program.inputs)
        for place, value in zip(program.differentiable, chosen, strict=True):
            flat[place] = value
        with programs.held_draws(random and mode == "training"):
            outputs = [keras.ops.convert_to_tensor(output) for output in program.apply(flat, mode)]
        return programs.objective(outputs), outputs

    chosen = [program.inputs[place] for place in program.differentiable]
    if not program.has_gradient(mode):
        return as_results(function(*chosen)[1], [], [])
    value, of_inputs, of_weights = value_and_gradients(function, chosen, program.trainable, has_aux=True)
    return as_results(value[1], of_weights, of_inputs)


def outputs(program, mode, random):
    """Returns the outputs as arrays, without gradients, with the draws held fixed if `random`."""
    with programs.held_draws(random and mode == "training"):
        return as_numpy([keras.ops.convert_to_tensor(one) for one in program.apply(program.inputs, mode)])


def as_results(outputs, of_weights, of_inputs):
    """Returns lists of NumPy arrays under the names of `KINDS`, and the outputs' dtypes under "dtype"."""
    lists = (as_numpy(list(tensors)) for tensors in (outputs, of_weights, of_inputs))
    results = dict(zip(KINDS, lists, strict=True))
    results["dtype"] = [keras.backend.standardize_dtype(output.dtype) for output in outputs]
    return results


def is_random(program):
    """Returns whether two calls in training differ."""
    if program.case.kind == "initializer":
        first, second = (np.asarray(values) for values in draw(program, 2))
        return not np.array_equal(first, second)
    if "training" not in program.modes:
        return False
    first, second = (as_numpy(program.apply(program.inputs, "training")) for _ in range(2))
    return any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def draw(program, count):
    """Returns the first output of `count` calls in training, or of `count` seeds of an initializer."""
    if program.case.kind == "initializer":
        return np.stack([_seeded_initializer(program.case, seed) for seed in range(count)])
    call = _in_graph(lambda: program.apply(program.inputs, "drawn")[0])
    return np.stack([as_numpy(call()).astype("float64") for _ in range(count)])


def center_of(arrays, draws):
    """Returns the inference output if it has the shape of a draw, else zeros, which no draw changes."""
    inference = arrays.get("float32/inference/output/0")
    if "float32/training/output/0" in arrays and inference.shape == draws.shape[1:]:
        return inference.astype("float64")
    return np.zeros(draws.shape[1:])


def _seeded_initializer(case, seed):
    config = case.make().get_config()
    if "seed" not in config:
        return as_numpy(case.make()(case.shape))
    return as_numpy(case.cls.from_config({**config, "seed": seed})(case.shape))


def _in_graph(function):
    """Returns `function` as a TensorFlow graph, which makes many small calls several times faster."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function)
