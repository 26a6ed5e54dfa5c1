"""Layer-sequential unit-variance initialization.

Model and batch -> find the kernels, and the layers that declare them -> replace the `call` of these layers
(or of their wrappers) by one that first scales the kernels -> run the model once, so layers are scaled in the
order of the calls -> replace `call` by one that measures -> run again -> {path: output variance}.
"""

import contextlib
import functools

import keras
import numpy as np

from keras_cnn_zoo.initializers import scaled_kernels
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.arrays import in_eager_mode
from keras_cnn_zoo.utils.layer_tree import nested_layers

# A rescaling must bring the logarithm of the variance closer to 0 by at least this factor.
PROGRESS = 0.99
NOT_CALLED = "its layer is not called on `batch`, or only in a traced loop"
CONSTANT = "its outputs on `batch` are constant"
CONSTRAINED = "its constraint does not admit multiples of orthonormal matrices"


class Variances(dict):
    """Output variances of the layers that `lsuv` scaled, with its reports on all other kernels.

    Attributes:
        skipped: A dict from the path of each kernel that is left as it was to the reason.
        unreached: A dict from each key whose variance is not within the tolerance to the reason.
    """

    def __init__(self):
        super().__init__()
        self.skipped, self.unreached = {}, {}


def lsuv(model, batch, *, tolerance=0.1, max_iterations=10):
    """Gives every dense and convolutional layer outputs of unit variance on a batch of data.

    Every kernel becomes orthonormal, unless it is a multiple of an orthonormal matrix. Then, from the first
    layer called to the last, `kernel = kernel / sqrt(variance)` until `abs(variance - 1) <= tolerance`, where
    `variance` is that of all outputs of the layer before its activation. This makes deep plain networks
    trainable without batch normalization. Inputs should have mean 0 and variance 1. A second call changes
    nothing.

    It scales every layer with a trainable `kernel`, also in nested models and wrappers; of a separable
    convolution, the pointwise kernel. It leaves alone, and reports: frozen and quantized kernels, those of
    recurrent layers and embeddings, kernels that start at zero, as the identity, or as a filter bank, and
    kernels whose scale has no effect, as in `CosineDense`. A rescaling that does not bring the variance
    closer to 1 is undone. Biases do not change, so initialize before training.

    Layers run in inference mode, in a few forward passes: to build, to scale, and to measure. The orthonormal
    matrices use Keras' global seed (`keras.utils.set_random_seed`).

    A layer can say how it is scaled, with a method `lsuv_kernels()` that returns a list of dicts. Each is for
    one kernel:

    - "kernel": the weight, one of the layer's own or of a layer that it wraps.
    - "scale": the weight to divide by the square root of the variance, such as the lengths of normalized
      kernels. Defaults to the kernel. It becomes 1 when the kernel becomes orthonormal.
    - "outputs": a function of the arguments of `call` that returns the tensor to measure. Defaults to the
      output of `call` with a linear `activation`.
    - "tiles": axes of the kernel with one matrix per index, such as the positions of untied kernels. Defaults
      to none.
    - "inputs": axes of a matrix's rows. Defaults to all axes but the last.
    - "skip": the reason for leaving the kernel alone, in words.

    Without the method, a layer's `kernel` is scaled by these defaults. An initializer with an attribute
    `lsuv_keeps`, a reason in words, keeps its values.

    Reference: Mishkin, Matas, 2016, "All you need is a good init", arXiv 1511.06422; the orthonormal matrices
    are those of Saxe, McClelland, Ganguli, 2014, arXiv 1312.6120.

    Args:
        model: A `keras.Model`, functional, sequential, or subclassed, built or not. It is changed in place.
        batch: Inputs of `model`; a few hundred examples are enough.
        tolerance: Positive allowed distance of the variance from 1. Defaults to 0.1.
        max_iterations: Maximum number of rescalings per layer. Defaults to 10.

    Returns:
        A dict, in the order of the calls, from the `path` of each scaled layer to its final output variance
        on `batch`. Its attribute `skipped` is a dict from the path of every other kernel to the reason why it
        is unchanged. `unreached` is a dict from each layer whose variance is not within `tolerance` to the
        reason. A layer that is called again is scaled at its first call; the variances of further calls have
        keys such as "dense#2".

    Raises:
        ValueError: for an argument outside its range, a model without a kernel to scale, or a layer with
            non-finite outputs on `batch`, or if all outputs are constant. The weights are then unchanged.

    >>> model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(4)])
    >>> variances = lsuv(model, np.random.default_rng(0).normal(size=(256, 16)))
    >>> all(abs(variance - 1) <= 0.1 for variance in variances.values())
    True
    """
    validation.instance("model", model, keras.Model, "a keras.Model")
    tolerance = validation.finite_number("tolerance", tolerance, above=0)
    max_iterations = validation.positive_integer("max_iterations", max_iterations)
    model(batch, training=False)
    groups, skipped = scaled_kernels.find(model)
    probes = _probes(nested_layers(model), groups)
    kernels = [kernel for probe in probes for kernel in probe.kernels]
    before = [kernel.values() for kernel in kernels]
    scaling = _Scaling(tolerance, max_iterations)
    try:
        scaling.run(model, batch, probes)
        skipped += [
            (kernel.weight, scaling.reasons.get(id(kernel.weight), NOT_CALLED))
            for kernel in kernels
            if id(kernel.weight) not in scaling.scaled
        ]
        variances = scaling.variances
        for weight, reason in skipped:
            variances.skipped[_free_key(variances.skipped, weight.path)] = reason
        if not variances:
            _refuse(model, variances.skipped)
    except BaseException:
        for kernel, values in zip(kernels, before, strict=True):
            kernel.restore(values)
        raise
    return variances


def _refuse(model, skipped):
    if CONSTANT in skipped.values():
        raise ValueError(_useless("of every layer", 0.0))
    raise ValueError(
        f"`model` must have a layer with a trainable kernel that can be scaled. Received: model={model!r}"
        + "".join(f"; {path}: {reason}" for path, reason in list(skipped.items())[:5])
    )


def _useless(layer, variance):
    return (
        f"The outputs {layer} on `batch` must vary and be finite. "
        f"Received: a batch with output variance {variance}"
    )


class _Scaling:
    """One run: which kernels were scaled, the reasons for the others, and the variances."""

    def __init__(self, tolerance, max_iterations):
        self.tolerance, self.max_iterations = tolerance, max_iterations
        self.scaled, self.reasons, self.stopped, self.recorded = set(), {}, {}, set()
        self.variances = Variances()

    def run(self, model, batch, probes):
        for visit in (self._scale, self._record):
            with contextlib.ExitStack() as stack:
                for probe in probes:
                    stack.enter_context(probe.visited_by(visit))
                model(batch, training=False)

    def _scale(self, kernel, measure):
        """Scales a kernel at the first call of its layer; `measure()` returns the variance, or None."""
        if id(kernel.weight) in self.scaled or id(kernel.weight) in self.reasons:
            return
        if measure() is None:
            return
        original = kernel.values()
        reason = self._scaled(kernel, measure)
        if (
            reason is None
            and getattr(kernel.weight, "constraint", None) is not None
            and not kernel.is_orthonormal()
        ):
            reason = CONSTRAINED
        if reason is None:
            self.scaled.add(id(kernel.weight))
        else:
            kernel.restore(original)
            self.reasons[id(kernel.weight)] = reason

    def _scaled(self, kernel, measure):
        """Returns None after scaling a kernel, or the reason why it cannot be scaled."""
        kernel.make_orthonormal()
        variance = measure()
        if not np.isfinite(variance):
            raise ValueError(_useless(f"of layer '{kernel.owner.path}'", variance))
        if variance == 0:
            return CONSTANT
        for number in range(self.max_iterations):
            if abs(variance - 1) <= self.tolerance:
                return None
            before = kernel.values()
            kernel.divide_by(np.sqrt(variance))
            rescaled = measure()
            if not self._closer(rescaled, variance):
                if number == 0:
                    return f"rescaling it changes the variance from {variance:.4g} to {rescaled:.4g}"
                kernel.restore(before)
                self.stopped[id(kernel.weight)] = "further rescaling does not bring the variance closer to 1"
                return None
            variance = rescaled
        return None

    def _closer(self, variance, than):
        if not 0 < variance < np.inf:
            return False
        return abs(variance - 1) <= self.tolerance or abs(np.log(variance)) < PROGRESS * abs(np.log(than))

    def _record(self, kernel, measure):
        """Records the variance of a scaled kernel; only that of its first call should be 1."""
        if id(kernel.weight) not in self.scaled:
            return
        key = _free_key(self.variances, kernel.name)
        variance = self.variances[key] = measure()
        first = id(kernel) not in self.recorded
        self.recorded.add(id(kernel))
        if first and abs(variance - 1) > self.tolerance:
            reason = self.stopped.get(id(kernel.weight), "`max_iterations` rescalings were not enough")
            self.variances.unreached[key] = reason


class _Probe:
    """A layer that declares kernels, and the layers whose `call` may reach it: its wrappers and itself."""

    def __init__(self, layer, kernels, wrappers):
        self.layer, self.kernels, self.callers = layer, kernels, [*wrappers, layer]

    @contextlib.contextmanager
    def visited_by(self, visit):
        """At the start of each call of the layer, calls `visit(kernel, measure)` for each of its kernels.

        A wrapper may call its layer several times, or compute with its weights. So the outermost call counts,
        and `measure()` returns the variance over all calls inside it, or None if it cannot be measured.
        """
        outermost, measured = None, None

        def intercepted(caller, call, *args, **kwargs):
            nonlocal outermost
            if outermost is not None:
                if measured is not None and caller is self.layer:
                    kernel, tensors = measured
                    tensors.append(_preactivation(kernel, call, args, kwargs))
                return call(*args, **kwargs)
            outermost = caller
            try:
                for kernel in self.kernels:
                    visit(kernel, functools.partial(measure, kernel, call, args, kwargs))
                return call(*args, **kwargs)
            finally:
                outermost = None

        def measure(kernel, call, args, kwargs):
            nonlocal measured
            if outermost is self.layer:
                return _variance([_preactivation(kernel, call, args, kwargs)])
            measured = (kernel, [])
            try:
                call(*args, **kwargs)
                tensors = measured[1]
            finally:
                measured = None
            variance = _variance(tensors)
            if variance is None and kernel.outputs is None:
                # The wrapper does not call its layer, or only in a traced loop.
                variance = _variance([_preactivation(kernel, call, args, kwargs)])
            return variance

        with contextlib.ExitStack() as stack:
            for caller in self.callers:
                stack.enter_context(
                    _replaced(caller, "call", functools.partial(intercepted, caller, caller.call))
                )
            yield


@contextlib.contextmanager
def _replaced(layer, name, value):
    """Replaces an attribute of a layer, which may come from its class."""
    own, before = name in vars(layer), getattr(layer, name)
    setattr(layer, name, value)
    try:
        yield
    finally:
        if own:
            setattr(layer, name, before)
        else:
            delattr(layer, name)


def _preactivation(kernel, call, args, kwargs):
    if kernel.outputs is not None:
        return kernel.outputs(*args, **kwargs)
    if getattr(kernel.owner, "activation", None) is None:
        return call(*args, **kwargs)
    with _replaced(kernel.owner, "activation", keras.activations.linear):
        return call(*args, **kwargs)


def _variance(structures):
    """Returns the variance of all values in tensors, or None if there are none or they are symbolic.

    It is 0 if it is rounding error.
    """
    tensors = [leaf for structure in structures for leaf in keras.tree.flatten(structure) if leaf is not None]
    arrays = [in_eager_mode(keras.ops.cast(tensor, "float32")) for tensor in tensors]
    if not arrays or any(array is None for array in arrays):
        return None
    values = np.concatenate([array.ravel() for array in arrays]).astype("float64")
    variance = float(np.var(values))
    epsilon = 2 * max(_epsilon(tensor) for tensor in tensors)
    return 0.0 if variance <= (epsilon * np.mean(values)) ** 2 else variance


def _epsilon(tensor):
    return scaled_kernels.EPSILONS.get(keras.backend.standardize_dtype(tensor.dtype), 1.2e-7)


def _free_key(taken, path):
    """Returns `path`, with a number if the layer is called again or another one has the same path."""
    keys = (path if number == 1 else f"{path}#{number}" for number in range(1, len(taken) + 2))
    return next(key for key in keys if key not in taken)


def _probes(layers, groups):
    wrappers = [layer for layer in layers if isinstance(layer, keras.layers.Wrapper)]

    def around(layer):
        outer = [wrapper for wrapper in wrappers if wrapper.layer is layer]
        return [*(found for wrapper in outer for found in around(wrapper)), *outer]

    return [_Probe(layer, kernels, around(layer)) for layer, kernels in groups]
