"""Forward and backward of a component as a function without arguments, on TensorFlow."""

import inspect
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import THREADS

CLASSES = 64


def labels(kind, shape, rng):
    """Returns `y_true` for a loss whose `y_pred` has this shape; see `Part.labels`."""
    batch = shape[0]
    if kind == "classes":
        # Losses on scores take class ids below the number of scores.
        return rng.integers(0, min(CLASSES, shape[-1]), batch).astype("int32")
    if kind == "pairs":
        return rng.integers(0, 2, batch).astype("float32")
    if kind == "sets":
        return (np.arange(shape[1]) % 2 * np.ones((batch, 1))).astype("float32")
    if kind == "ones":
        return np.ones((batch, 1), "float32")
    if kind == "zeros":
        return np.zeros(shape, "float32")
    if kind == "distribution":
        weights = rng.random(shape).astype("float32")
        return weights / weights.sum(axis=-1, keepdims=True)
    raise ValueError(f"`kind` must be one of the values of `Part.labels`. Received: kind={kind!r}")


def tensors(value):
    """Returns the floating-point tensors in the output of a component."""
    return [leaf for leaf in tf.nest.flatten(value) if leaf.dtype.is_floating]


def make_step(make, part, shape, jit_compile):
    """Returns a step: the gradient of the sum of a component's squared outputs, or of a loss.

    Args:
        make: Creates the component.
        part: The `Part`, which determines the inputs.
        shape: Shape of the input.
        jit_compile: Whether XLA compiles the step.

    Returns:
        A function without arguments. Its first call traces and compiles.
    """
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    component = make()
    rng = np.random.default_rng(0)
    is_loss = isinstance(component, keras.losses.Loss)
    target = None if part.labels is None else tf.constant(labels(part.labels, shape, rng))
    if part.labels == "distribution":
        start = labels("distribution", shape, rng)
    else:
        start = rng.standard_normal(shape).astype("float32")
    inputs = [tf.constant(start)] * part.inputs

    # Anything else than a layer or a loss is a function of the input, and of class ids if it takes `labels`.
    takes = component.call if isinstance(component, keras.layers.Layer) else component
    names = () if is_loss else inspect.signature(takes).parameters
    options = {"training": True} if "training" in names else {}
    if "labels" in names:
        options["labels"] = target

    def forward(inputs):
        if is_loss:
            return component(target, inputs[0])
        outputs = component(inputs if part.inputs > 1 else inputs[0], **options)
        return tf.add_n([tf.reduce_sum(tf.square(each)) for each in tensors(outputs)])

    forward(inputs)  # builds the component

    @tf.function(jit_compile=jit_compile, autograph=False)
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = forward(inputs)
        return tape.gradient(loss, [*inputs, *tape.watched_variables()])

    return lambda: step(inputs)


def prepare(part):
    """Returns ({(who, mode): step}, {(who, mode): seconds of the first call}, {who: error under XLA})."""
    steps, first, failures = {}, {}, {}
    for mode in ("graph", "xla"):
        for who, make, shape in (
            ("own", part.own, part.shape),
            ("sibling", part.sibling, part.sibling_shape or part.shape),
        ):
            try:
                start = time.perf_counter()
                step = make_step(make, part, shape, mode == "xla")
                step()
            except Exception as error:
                if mode == "graph":
                    raise
                # That XLA cannot compile a component is a result too.
                failures[who] = str(error).strip().splitlines()[0][:160]
                continue
            steps[who, mode] = step
            first[who, mode] = time.perf_counter() - start
    return steps, first, failures
