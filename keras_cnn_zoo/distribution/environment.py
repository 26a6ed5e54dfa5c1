"""Precision, devices, and compilation of a model."""

import contextlib

import keras

from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.layer_tree import nested_layers

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def set_up(*, precision="float32", distribute="none", seed=0):
    """Sets Keras' global seed, dtype policy, and, on JAX, the distribution of data over devices.

    Args:
        precision: "float32", "mixed_bfloat16", or "mixed_float16".
        distribute: "none", or "auto" to split each batch over all devices of this host.
        seed: non-negative integer for weights and dropout.

    Raises:
        InputError: for an unknown precision or distribution.
    """
    if precision not in PRECISIONS:
        raise InputError(f"`precision` must be one of {', '.join(PRECISIONS)}. Received: {precision!r}")
    if distribute not in ("none", "auto"):
        raise InputError(f"`distribute` must be none or auto. Received: {distribute!r}")
    if not 0 <= seed < 2**32:
        raise InputError(f"`seed` must be at least 0 and below {2**32}. Received: {seed}")
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    if distribute == "auto" and keras.backend.backend() == "jax":
        keras.distribution.set_distribution(keras.distribution.DataParallel())


def model_scope(distribute="none"):
    """Returns the context to build and compile a model in.

    It is the scope of a `MirroredStrategy` for several GPUs on TensorFlow, and changes nothing elsewhere.

    Args:
        distribute: "none", or "auto" to use all devices of this host.
    """
    if distribute == "auto" and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if len(tf.config.list_logical_devices("GPU")) > 1:
            return tf.distribute.MirroredStrategy().scope()
    return contextlib.nullcontext()


def jit_argument(jit, model=None):
    """Returns the value of `jit_compile` for `compile`.

    "auto" is Keras' choice, with one exception. XLA's grouped and depthwise convolutions are several times
    slower than TensorFlow's on a CPU, so a model that has them is trained without XLA there.

    Args:
        jit: "auto", "on", or "off".
        model: the model to compile, or None if only the word is checked.

    Raises:
        InputError: for another value, and for "on" with the PyTorch backend, which has no XLA.
    """
    choices = {"auto": "auto", "on": True, "off": False}
    if jit not in choices:
        raise InputError(f"`jit` must be auto, on, or off. Received: {jit!r}")
    if jit == "on" and keras.backend.backend() == "torch":
        raise InputError(
            "`jit` must be off or auto with the PyTorch backend, which has no XLA. Received: 'on'"
        )
    if jit == "auto" and model is not None and _is_tensorflow_on_a_cpu() and _has_grouped_convolution(model):
        return False
    return choices[jit]


def _has_grouped_convolution(model):
    depthwise = (
        keras.layers.DepthwiseConv1D,
        keras.layers.DepthwiseConv2D,
        keras.layers.SeparableConv1D,
        keras.layers.SeparableConv2D,
    )
    return any(
        isinstance(layer, depthwise) or (hasattr(layer, "kernel_size") and getattr(layer, "groups", 1) > 1)
        for layer in nested_layers(model)
    )


def _is_tensorflow_on_a_cpu():
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    devices = tf.config.list_logical_devices()
    return not any(device.device_type in ("GPU", "TPU") for device in devices)


def prepare_to_predict(model):
    """Makes a model's predict function without XLA where XLA costs more than it saves: TensorFlow on a CPU.

    XLA compiles again for each input shape, which takes seconds, and its convolutions are slower than
    TensorFlow's there. Training is not affected.

    Args:
        model: a `keras.Model`.
    """
    if getattr(model, "predict_function", False) is not None or not _is_tensorflow_on_a_cpu():
        return
    before, model.jit_compile = model.jit_compile, False
    model.make_predict_function()
    model.jit_compile = before
