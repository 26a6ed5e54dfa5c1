"""Layer-sequential unit-variance initialization.

Model and batch -> find every layer with a kernel -> replace the `call` of these layers (or of their wrappers)
by one that first initializes the kernel -> run the model once, so layers are initialized in the order of the
calls -> replace `call` by one that measures -> run again -> {path: output variance}.
"""

import contextlib
import functools

import keras
import numpy as np

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.layer_tree import nested_layers


def lsuv(model, batch, *, tolerance=0.1, max_iterations=10):
    """Gives every dense and convolutional layer outputs of unit variance on a batch of data.

    Every kernel becomes orthonormal. Then, from the first layer called to the last,
    `kernel = kernel / sqrt(variance)` until `abs(variance - 1) <= tolerance`, where `variance` is that of all
    outputs of the layer before its activation. This makes deep plain networks trainable without batch
    normalization. Inputs should have mean 0 and variance 1.

    It initializes every layer with a trainable `kernel` (or `pointwise_kernel`), also in nested models, but
    not the cells of recurrent layers. Biases do not change, so initialize before training. Layers run in
    inference mode, in three forward passes: to build, to initialize, and to measure. The orthonormal matrices
    use Keras' global seed (`keras.utils.set_random_seed`).

    Reference: Mishkin, Matas, 2016, "All you need is a good init", arXiv 1511.06422; the orthonormal matrices
    are those of Saxe, McClelland, Ganguli, 2014, arXiv 1312.6120.

    Args:
        model: A `keras.Model`, functional, sequential, or subclassed, built or not. It is changed in place.
        batch: Inputs of `model`; a few hundred examples are enough.
        tolerance: Positive allowed distance of the variance from 1. Defaults to 0.1.
        max_iterations: Maximum number of rescalings per layer. Defaults to 10.

    Returns:
        A dict, in the order of the calls, from each initialized layer's `path` to its final output variance
        on `batch`. It shows layers that did not reach `tolerance`.

    Raises:
        ValueError: for an argument outside its range, a model without such a layer, or a layer with constant
            or non-finite outputs on `batch`.

    >>> model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(4)])
    >>> variances = lsuv(model, np.random.default_rng(0).normal(size=(256, 16)))
    >>> all(abs(variance - 1) <= 0.1 for variance in variances.values())
    True
    """
    validation.instance("model", model, keras.Model, "a keras.Model")
    tolerance = validation.finite_number("tolerance", tolerance, above=0)
    max_iterations = validation.positive_integer("max_iterations", max_iterations)
    model(batch, training=False)
    probes = _probes(model)
    if not probes:
        raise ValueError(f"`model` must have a layer with a trainable kernel. Received: model={model!r}")

    variances = {}

    def initialize(probe, call, *args, **kwargs):
        if id(probe) in initialized:
            return call(*args, **kwargs)
        initialized.add(id(probe))
        _make_orthonormal(probe)
        for _ in range(max_iterations):
            outputs, variance = probe.measure(call, *args, **kwargs)
            if not 0 < variance < np.inf:
                raise ValueError(
                    f"The outputs of layer '{probe.layer.path}' on `batch` must vary and be finite. "
                    f"Received: a batch with output variance {variance}"
                )
            if abs(variance - 1) <= tolerance:
                return outputs
            probe.kernel.assign(keras.ops.convert_to_numpy(probe.kernel) / np.sqrt(variance))
        return call(*args, **kwargs)

    def measure(probe, call, *args, **kwargs):
        outputs, variances[_free_key(variances, probe.layer.path)] = probe.measure(call, *args, **kwargs)
        return outputs

    initialized = set()
    for visit in (initialize, measure):
        with contextlib.ExitStack() as stack:
            for probe in probes:
                stack.enter_context(probe.visited_by(visit))
            model(batch, training=False)
    return variances


class _Probe:
    """A layer with a kernel, and the layers whose `call` may reach it: its wrappers and itself."""

    def __init__(self, layer, kernel, wrappers):
        self.layer, self.kernel, self.callers = layer, kernel, [*wrappers, layer]

    @contextlib.contextmanager
    def visited_by(self, visit):
        """Replaces calls of the layer by `visit(probe, call, *args, **kwargs)`."""
        inside = False

        def intercepted(call, *args, **kwargs):
            nonlocal inside
            if inside:
                return call(*args, **kwargs)
            inside = True
            try:
                return visit(self, call, *args, **kwargs)
            finally:
                inside = False

        for caller in self.callers:
            caller.call = functools.partial(intercepted, caller.call)
        try:
            yield
        finally:
            for caller in self.callers:
                del caller.call

    def measure(self, call, *args, **kwargs):
        """Returns the outputs, and their variance before the layer's activation."""
        activation = getattr(self.layer, "activation", None)
        if activation is None:
            outputs = call(*args, **kwargs)
            return outputs, _variance([outputs])
        given = []

        def recording(values):
            given.append(values)
            return activation(values)

        self.layer.activation = recording
        try:
            outputs = call(*args, **kwargs)
        finally:
            self.layer.activation = activation
        return outputs, _variance(given or [outputs])


def _variance(tensors):
    arrays = [np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))) for tensor in tensors]
    return float(np.var(np.concatenate([array.ravel() for array in arrays]), dtype="float64"))


def _free_key(taken, path):
    """Returns `path`, with a number if the layer is called again or another one has the same path."""
    keys = (path if number == 1 else f"{path}#{number}" for number in range(1, len(taken) + 2))
    return next(key for key in keys if key not in taken)


def _make_orthonormal(probe):
    """Fills the kernel with an orthonormal matrix, or with one per tile if its first axes are tiles."""
    shape = tuple(probe.kernel.shape)
    tiles = shape[: _tile_axes(probe.layer, len(shape))]
    matrices = [
        keras.ops.convert_to_numpy(keras.initializers.Orthogonal()(shape[len(tiles) :], dtype="float32"))
        for _ in range(int(np.prod(tiles)))
    ]
    probe.kernel.assign(np.stack(matrices).reshape(shape))


def _tile_axes(layer, rank):
    """Returns the number of leading kernel axes that index kernels for different positions."""
    if hasattr(layer, "tile_axes"):
        return layer.tile_axes
    return rank - len(layer.kernel_size) - 2 if hasattr(layer, "kernel_size") else 0


def _probes(model):
    layers = nested_layers(model)
    probes = []
    for layer in layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            kernel = getattr(layer, "pointwise_kernel", None)
        if (
            isinstance(kernel, keras.Variable)
            and len(kernel.shape) >= 2
            and kernel.trainable
            and layer.trainable
            and not hasattr(layer, "recurrent_kernel")
        ):
            wrappers = [
                other for other in layers if isinstance(other, keras.layers.Wrapper) and other.layer is layer
            ]
            probes.append(_Probe(layer, kernel, wrappers))
    return probes
