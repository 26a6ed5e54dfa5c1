"""Layer-sequential unit-variance initialization."""

import contextlib
import functools

import keras
import numpy as np

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.layer_tree import nested_layers


def lsuv(model, batch, *, tolerance=0.1, max_iterations=10):
    """Gives every dense and convolutional layer outputs of unit variance on a batch of data.

    Every kernel is made orthonormal; then, from the first layer called to the last,
    `kernel = kernel / sqrt(variance)` until `abs(variance - 1) <= tolerance`, the variance being that of all
    outputs of the layer before its activation. Makes deep plain networks trainable without batch
    normalization. Inputs should have mean 0 and variance 1.

    Layers with a trainable `kernel` (or `pointwise_kernel`) are treated, wherever they are nested in the
    model, but not the cells of recurrent layers; biases stay as they are, so initialize before training.
    Layers run as at inference, one forward pass is made to build, one to initialize and one to measure. The
    orthonormal matrices come from Keras' global seed (`keras.utils.set_random_seed`).

    Reference: Mishkin, Matas, 2016, "All you need is a good init", arXiv 1511.06422; the orthonormal matrices
    are those of Saxe, McClelland, Ganguli, 2014, arXiv 1312.6120.

    Args:
        model: A `keras.Model`, functional, sequential or subclassed, built or not. Changed in place.
        batch: Inputs as `model` takes them; some hundred examples are enough.
        tolerance: Positive distance of the variance from 1 that is near enough. Defaults to 0.1.
        max_iterations: Rescalings of one layer, at most. Defaults to 10.

    Returns:
        A dict, in the order of the calls, from each treated layer's `path` to its output variance on `batch`
        when all is done. A layer that could not be brought within `tolerance` shows there.

    Raises:
        ValueError: for an argument outside its range, a model without such a layer, or a layer whose outputs
            on `batch` are constant or not finite.

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
        if id(probe) in treated:
            return call(*args, **kwargs)
        treated.add(id(probe))
        _make_orthonormal(probe)
        for _ in range(max_iterations):
            outputs, variance = probe.measure(call, *args, **kwargs)
            if not 0 < variance < np.inf:
                raise ValueError(
                    f"The outputs of layer '{probe.layer.path}' on `batch` must vary and be finite. "
                    f"Received: a batch that gives them the variance {variance}"
                )
            if abs(variance - 1) <= tolerance:
                return outputs
            probe.kernel.assign(keras.ops.convert_to_numpy(probe.kernel) / np.sqrt(variance))
        return call(*args, **kwargs)

    def measure(probe, call, *args, **kwargs):
        outputs, variances[_free_key(variances, probe.layer.path)] = probe.measure(call, *args, **kwargs)
        return outputs

    treated = set()
    for visit in (initialize, measure):
        with contextlib.ExitStack() as stack:
            for probe in probes:
                stack.enter_context(probe.visited_by(visit))
            model(batch, training=False)
    return variances


class _Probe:
    """A layer with a kernel, and the layers through whose `call` it may be reached: itself or its wrapper."""

    def __init__(self, layer, kernel, wrappers):
        self.layer, self.kernel, self.callers = layer, kernel, [*wrappers, layer]

    @contextlib.contextmanager
    def visited_by(self, visit):
        """Sends calls of the layer through `visit(probe, call, *args, **kwargs)`."""
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
        """The outputs, and their variance before the layer's activation."""
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
    """`path`, numbered where a layer is called again or another one has the same path."""
    keys = (path if number == 1 else f"{path}#{number}" for number in range(1, len(taken) + 2))
    return next(key for key in keys if key not in taken)


def _make_orthonormal(probe):
    """Fills the kernel with an orthonormal matrix, or one for each tile where its first axes are tiles."""
    shape = tuple(probe.kernel.shape)
    tiles = shape[: _tile_axes(probe.layer, len(shape))]
    matrices = [
        keras.ops.convert_to_numpy(keras.initializers.Orthogonal()(shape[len(tiles) :], dtype="float32"))
        for _ in range(int(np.prod(tiles)))
    ]
    probe.kernel.assign(np.stack(matrices).reshape(shape))


def _tile_axes(layer, rank):
    """How many axes of a layer's kernel number kernels that are used at different positions."""
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
