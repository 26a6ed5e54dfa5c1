"""Layer-sequential unit-variance initialization (Mishkin, Matas, 2016), checked by passes in NumPy."""

import warnings

import keras
import numpy as np
import pytest

from keras_cnn_zoo import initializers, layers

TOLERANCE = 0.05


def numpy_of(weight):
    return np.asarray(keras.ops.convert_to_numpy(weight), "float64")


def convolved(x, kernel):
    """Returns the correlation of images and a kernel at every valid position, in loops over positions."""
    height, width = kernel.shape[:2]
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    y = np.empty((len(x), rows, columns, kernel.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            y[:, i, j] = np.einsum("bstc,stcf->bf", x[:, i : i + height, j : j + width], kernel)
    return y


def scaled(model, batch):
    """Runs `lsuv` and returns the variances it reports, and the text of its warnings."""
    keras.utils.set_random_seed(1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        variances = initializers.lsuv(model, batch, tolerance=TOLERANCE)
    return variances, " ".join(str(warning.message) for warning in caught)


def scaled_or_refused(model, batch):
    """Returns what `scaled` does, and an empty report if the model is refused as one without a layer."""
    try:
        return scaled(model, batch)
    except ValueError:
        return {}, ""


def data(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def assert_reported(layer, variance, variances, text):
    """Checks that a layer is in the report with its true variance, as skipped, or named by a warning."""
    skipped = any(path.startswith(layer.path) for path in variances.skipped)
    assert layer.path in variances or skipped or layer.name in text
    if layer.path in variances:
        assert variances[layer.path] == pytest.approx(variance, rel=1e-3)


def test_every_layer_of_a_plain_network_has_unit_variance():
    """Mishkin, Matas, 2016, algorithm 1: the variance of the output before each activation is 1."""
    model = keras.Sequential(
        [
            keras.Input((7, 6, 3)),
            keras.layers.Conv2D(8, (3, 2), activation="relu"),
            keras.layers.Conv2D(5, 2, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )
    x = data(64, 7, 6, 3)
    variances, _ = scaled(model, x)
    first = convolved(x, numpy_of(model.layers[0].kernel))
    second = convolved(np.maximum(first, 0), numpy_of(model.layers[1].kernel))
    third = np.tanh(second).reshape(64, -1) @ numpy_of(model.layers[3].kernel)
    assert list(variances) == [model.layers[i].path for i in (0, 1, 3)]
    for output, reported in zip((first, second, third), variances.values(), strict=True):
        assert output.var() == pytest.approx(1, abs=TOLERANCE)
        assert reported == pytest.approx(output.var(), rel=1e-3)


@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_the_kernel_of_cosines_is_not_multiplied(scale):
    """Wang et al., 2017: y = scale * cos(w, x) is constant in |w|, with a slope proportional to 1 / |w|."""
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(10), layers.CosineDense(6, scale)])
    head, x = model.layers[1], data(128, 12)
    before = np.linalg.norm(numpy_of(head.kernel), axis=0)
    variances, text = scaled(model, x)
    kernel, features = numpy_of(head.kernel), x @ numpy_of(model.layers[0].kernel)
    ratio = np.linalg.norm(kernel, axis=0) / before
    smallest, largest = ratio.min(), ratio.max()
    assert smallest > 0.1 and largest < 10
    cosines = features @ (kernel / np.linalg.norm(kernel, axis=0))
    y = scale * cosines / np.linalg.norm(features, axis=1, keepdims=True)
    assert features.var() == pytest.approx(1, abs=TOLERANCE)
    assert_reported(head, y.var(), variances, text)


def test_a_head_of_cosines_still_learns_after_the_initialization():
    """The slope of a cosine is up to 1 / |w|, so a step of rate 1 moves an output by about 1 / |w|^2."""
    model = keras.Sequential([keras.Input((12,)), layers.CosineDense(6)])
    x = data(32, 12)
    scaled_or_refused(model, x)
    before = numpy_of(model(x))
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse", run_eagerly=True)
    model.train_on_batch(x, np.ones((32, 6)))
    change = np.abs(numpy_of(model(x)) - before).max()
    assert change > 1e-3


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_weight_normalization_is_scaled_by_its_length(kind):
    """Salimans, Kingma, 2016: w = g * v / |v|, so only g changes the variance."""
    inner = keras.layers.Dense(6) if kind == "dense" else keras.layers.Conv2D(6, 2)
    shape = (9,) if kind == "dense" else (5, 4, 3)
    model = keras.Sequential([keras.Input(shape), layers.WeightNormalization(inner)])
    layer, x = model.layers[0], 3 * data(64, *shape)
    v_before = numpy_of(inner.kernel).reshape(-1, 6)
    variances, _ = scaled(model, x)
    v, g = numpy_of(inner.kernel), numpy_of(layer.g)
    norms = np.linalg.norm(v.reshape(-1, 6), axis=0)
    w = v * g / norms
    output = x @ w if kind == "dense" else convolved(x, w)
    assert output.var() == pytest.approx(1, abs=TOLERANCE)
    assert [value for value in variances.values()] == pytest.approx([output.var()], rel=1e-3)
    # Orthonormal or as before, but not multiplied.
    kept = np.allclose(norms, np.linalg.norm(v_before, axis=0), rtol=1e-4)
    assert kept or np.allclose(norms, 1, rtol=1e-4)
    assert np.abs(g - norms).max() > 0.1


@pytest.mark.parametrize("modulated", [True, False])
def test_the_offsets_of_a_deformable_convolution_stay_zero(modulated):
    """Zhu et al., 2019: offsets start at 0 and the modulation at 1/2; then y is half of a convolution."""
    layer = layers.DeformableConv2D(5, 3, modulated=modulated)
    model = keras.Sequential([keras.Input((7, 6, 3)), layer])
    x = data(64, 7, 6, 3)
    variances, text = scaled(model, x)
    largest = max(np.abs(numpy_of(weight)).max() for weight in (layer.offset.kernel, layer.offset.bias))
    assert largest == 0
    output = convolved(x, numpy_of(layer.kernel)) * (0.5 if modulated else 1.0)
    assert output.var() == pytest.approx(1, abs=TOLERANCE)
    assert_reported(layer, output.var(), variances, text)


@pytest.mark.parametrize("place", ["last", "middle of a residual branch"])
def test_a_kernel_of_zeros_stays_zero(place):
    """A start of zeros is a decision, such as a residual branch that starts as the identity; 0 * c = 0."""
    inputs = keras.Input((8,))
    first = keras.layers.Dense(8, activation="relu")
    zeros, last = keras.layers.Dense(8, kernel_initializer="zeros"), keras.layers.Dense(4)
    x = first(inputs)
    if place == "last":
        model = keras.Model(inputs, zeros(x))
    else:
        model = keras.Model(inputs, last(keras.layers.Add()([x, zeros(x)])))
    batch = data(128, 8)
    variances, _ = scaled(model, batch)
    hidden = batch @ numpy_of(first.kernel)
    largest = np.abs(numpy_of(zeros.kernel)).max()
    assert largest == 0
    assert hidden.var() == pytest.approx(1, abs=TOLERANCE)
    assert variances.get(zeros.path, 0.0) == 0
    if place != "last":
        assert (np.maximum(hidden, 0) @ numpy_of(last.kernel)).var() == pytest.approx(1, abs=TOLERANCE)


def test_the_dense_layers_of_squeeze_and_excitation_are_in_the_report():
    """Hu, Shen, Sun, 2018: s = sigmoid(W2 relu(W1 mean(x))), two dense layers with an activation each."""
    layer = layers.SqueezeExcitation(2)
    model = keras.Sequential([keras.Input((4, 3, 8)), layer])
    x = data(256, 4, 3, 8)
    variances, text = scaled_or_refused(model, x)
    squeezed = x.mean((1, 2)).astype("float64")
    kernels = {w.shape: numpy_of(w) for w in layer.trainable_weights if len(w.shape) == 2}
    reduced = squeezed @ kernels[8, 4]
    expanded = np.maximum(reduced, 0) @ kernels[4, 8]
    listed = [value for path, value in variances.items() if path.startswith(layer.path)]
    assert len(listed) == 2 or layer.name in text
    if listed:
        assert listed == pytest.approx([reduced.var(), expanded.var()], rel=1e-3)


def test_the_gate_of_a_network_after_squeeze_and_excitation_is_measured_at_its_final_weights():
    """Mishkin, Matas, 2016: layers are scaled from first to last, so later ones see the final gates."""
    gate = layers.SqueezeExcitation(2)
    model = keras.Sequential([keras.Input((4, 3, 8)), gate, keras.layers.Flatten(), keras.layers.Dense(5)])
    x = data(256, 4, 3, 8)
    scaled(model, x)
    kernels = {w.shape: numpy_of(w) for w in gate.trainable_weights if len(w.shape) == 2}
    gates = np.maximum(x.mean((1, 2)) @ kernels[8, 4], 0) @ kernels[4, 8]
    y = x / (1 + np.exp(-gates[:, None, None]))
    assert (y.reshape(256, -1) @ numpy_of(model.layers[2].kernel)).var() == pytest.approx(1, abs=TOLERANCE)
