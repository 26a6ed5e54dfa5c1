"""NaN stays NaN: the formulas of the papers in IEEE arithmetic, with a NaN in a weight or an input.

An operation with a NaN operand gives NaN (IEEE 754, section 6.2), so NaN reaches every number that depends on
it in the formula. The patterns below follow from the index ranges in the formulas.
"""

import keras
import numpy as np
import pytest

from keras_cnn_zoo import layers, losses, regularizers

NAN = float("nan")


def fill_with_nan(layer):
    """Sets every trainable weight of a layer or model to NaN, as a diverged step does."""
    for weight in layer.trainable_weights:
        weight.assign(np.full(weight.shape, NAN))


def diverged(kind):
    """Returns a built model, inputs, and targets of one kind of task."""
    rng = np.random.default_rng(0)
    x, class_ids = rng.normal(size=(8, 6)).astype("float32"), np.arange(8) % 2
    if kind in ("arcface", "cosface"):
        loss = losses.ArcFace() if kind == "arcface" else losses.CosFace()
        model, y = keras.Sequential([keras.layers.Dense(3), layers.CosineDense(2)]), class_ids
    elif kind in ("iou", "giou", "diou", "ciou"):
        loss, model = losses.BoxIoU(kind), keras.Sequential([keras.layers.Dense(4)])
        y = np.tile([[0.1, 0.2, 0.6, 0.9]], (8, 1))
    elif kind == "vlad":
        x = rng.normal(size=(8, 5, 6)).astype("float32")
        model = keras.Sequential([layers.VLAD(3), keras.layers.Dense(1, trainable=False)])
        loss, y = keras.losses.MeanSquaredError(), np.zeros((8, 1))
    elif kind == "sampling":
        model = keras.Sequential([keras.layers.Dense(4), layers.GaussianSampling(seed=0)])
        loss, y = keras.losses.MeanSquaredError(), np.zeros((8, 2))
    elif kind == "kl":
        loss, model = losses.GaussianKLDivergence(), keras.Sequential([keras.layers.Dense(4)])
        y = np.zeros((8, 4))
    elif kind == "hinge":
        loss, model, y = losses.MulticlassHinge(), keras.Sequential([keras.layers.Dense(3)]), class_ids
    else:
        classes = {"histogram": losses.Histogram, "triplet": losses.Triplet, "lda": losses.LDA}
        loss, model, y = classes[kind](), keras.Sequential([keras.layers.Dense(2)]), class_ids
    model.build(x.shape)
    model.compile(optimizer="sgd", loss=loss, run_eagerly=True)
    return model, x, y


MODELS = ["arcface", "cosface", "iou", "giou", "diou", "ciou", "vlad", "sampling", "kl", "hinge"]
MODELS += ["histogram", "triplet", "lda"]


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_nan_weights_has_a_nan_loss(kind):
    """Every output is a sum of products with a NaN weight, so the loss is NaN (IEEE 754, section 6.2)."""
    model, x, y = diverged(kind)
    fill_with_nan(model)
    assert np.isnan(model.test_on_batch(x, y))
    assert np.isnan(model.train_on_batch(x, y))


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
def test_a_head_after_a_diverged_network_has_a_nan_loss(kind):
    """Deng et al., 2019, and Wang et al., 2018: the cosines are quotients of the NaN features."""
    model, x, y = diverged(kind)
    fill_with_nan(model.layers[0])
    assert np.isnan(model.test_on_batch(x, y))
    assert np.isnan(model.train_on_batch(x, y))


@pytest.mark.parametrize("kind", ["arcface", "giou", "histogram", "triplet"])
def test_terminate_on_nan_stops_a_diverged_model(kind):
    """Keras' callback stops at the first batch with a NaN loss; later epochs never start."""
    model, x, y = diverged(kind)
    fill_with_nan(model.layers[0])
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1 and model.stop_training


EMBEDDINGS = {
    "triplet, all": losses.Triplet(mining="all"),
    "triplet, semi-hard": losses.Triplet(mining="semi_hard"),
    "triplet, hard": losses.Triplet(mining="hard"),
    "histogram": losses.Histogram(),
    "lda": losses.LDA(),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
@pytest.mark.parametrize("row", [0, 5])
def test_one_nan_embedding_makes_the_loss_of_a_batch_nan(name, row):
    """The mean over all triplets or pairs, and the covariance of a class, contain the row.

    Ustinova, Lempitsky, 2016 (histograms over all pairs); Hermans, Beyer, Leibe, 2017 (the maximum and the
    minimum over all rows, which IEEE 754's `maximum` and `minimum` make NaN); Dorfer, Kelz, Widmer, 2016.
    """
    embeddings = np.random.default_rng(1).normal(size=(8, 3))
    embeddings[row, 1] = NAN
    assert np.isnan(float(EMBEDDINGS[name](np.arange(8) % 2, embeddings)))


ROWS = {
    "contrastive": (losses.Contrastive(reduction=None), np.array([0, 1, 0]), (3, 2, 4)),
    "contrastive, squared": (
        losses.Contrastive(squared_hinge=True, reduction=None),
        np.array([0, 1, 0]),
        (3, 2, 4),
    ),
    "double margin": (
        losses.DoubleMarginContrastive(0.5, 2.0, reduction=None),
        np.array([0, 1, 0]),
        (3, 2, 4),
    ),
    "coupled clusters": (losses.CoupledClusters(reduction=None), np.array([[1, 1, 0]] * 3), (3, 3, 4)),
    "given triplets": (losses.Triplet(mining=None, reduction=None), np.zeros(3), (3, 3, 4)),
    "one versus rest": (losses.MulticlassHinge(reduction=None), np.array([0, 1, 2]), (3, 3)),
    "weston": (
        losses.MulticlassHinge(formulation="weston_watkins", reduction=None),
        np.array([0, 1, 2]),
        (3, 3),
    ),
    "crammer": (
        losses.MulticlassHinge(formulation="crammer_singer", reduction=None),
        np.array([0, 1, 2]),
        (3, 3),
    ),
    "arcface": (losses.ArcFace(reduction=None), np.array([0, 1, 2]), (3, 3)),
    "cosface": (losses.CosFace(reduction=None), np.array([0, 1, 2]), (3, 3)),
    "gan": (losses.GANLoss("hinge", reduction=None), np.array([0, 1, 1]), (3, 1)),
    "jensen-shannon": (losses.JensenShannon(reduction=None), np.full((3, 4), 0.25), (3, 4)),
    "lovasz, per image": (
        losses.LovaszSoftmax(per_image=True, reduction=None),
        np.array([[[0, 1]]] * 3),
        (3, 1, 2, 2),
    ),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("entry", [0, -1])
def test_a_nan_prediction_makes_the_loss_of_its_row_nan_and_no_other(name, entry):
    """A row's loss sums over its entries; the NaN is in the second row (IEEE 754, section 6.2)."""
    loss, y_true, shape = ROWS[name]
    y_pred = np.random.default_rng(2).uniform(0.1, 0.9, size=shape)
    y_pred[1].reshape(-1)[entry] = NAN
    values = keras.ops.convert_to_numpy(loss(y_true, y_pred))
    assert np.isnan(values).tolist() == [False, True, False]


def neighbors(pattern, radius):
    """Returns where a channel has a NaN in its window of `radius` channels (AlexNet, section 3.3)."""
    result = np.zeros_like(pattern)
    for *index, channel in np.ndindex(*pattern.shape):
        low, high = max(channel - radius, 0), channel + radius + 1
        result[(*index, channel)] = pattern[(*index, slice(low, high))].any()
    return result


def groups(pattern, pieces):
    return pattern.reshape(*pattern.shape[:-1], -1, pieces).any(-1)


def windows(pattern):
    batch, height, width, channels = pattern.shape
    return pattern.reshape(batch, height // 2, 2, width // 2, 2, channels).any((2, 4))


def unchanged(pattern):
    return pattern


def rows(units):
    return lambda pattern: np.repeat(pattern.any(-1, keepdims=True), units, axis=-1)


def dense(units, **arguments):
    return keras.layers.Dense(units, **arguments)


# Layer, shape of the input, and where the output depends on an entry of the input.
SWEEP = {
    "RReLU": (layers.RReLU(), (2, 6), unchanged),
    "RReLU per channel": (layers.RReLU(per="channel", inference_slope=0.25), (2, 3, 6), unchanged),
    "Probout": (layers.Probout(2), (2, 6), lambda p: groups(p, 2)),
    "Probout, no dropout": (layers.Probout(3, dropout=False), (2, 6), lambda p: groups(p, 3)),
    "LocalResponseNormalization": (layers.LocalResponseNormalization(1), (2, 6), lambda p: neighbors(p, 1)),
    "LocalResponseNormalization, beta": (
        layers.LocalResponseNormalization(2, beta=0.5),
        (2, 3, 6),
        lambda p: neighbors(p, 2),
    ),
    "InstanceNormalization": (
        layers.InstanceNormalization(),
        (2, 4, 4, 3),
        lambda p: np.broadcast_to(p.any((1, 2), keepdims=True), p.shape),
    ),
    "WeightNormalization": (layers.WeightNormalization(dense(3)), (2, 6), rows(3)),
    "WeightNormalization, relu": (layers.WeightNormalization(dense(3, activation="tanh")), (2, 6), rows(3)),
    "DropConnect": (layers.DropConnect(dense(3), 0.5), (2, 6), rows(3)),
    "Standout": (layers.Standout(3), (2, 6), rows(3)),
    "StochasticDepth": (layers.StochasticDepth(0.5), (2, 6), unchanged),
    "StochasticDepth at inference": (layers.StochasticDepth(0.5, scale_at="inference"), (2, 6), unchanged),
    "DropBlock2D": (layers.DropBlock2D(2, 0.5), (2, 4, 4, 3), unchanged),
    "NoiseInvariance": (layers.NoiseInvariance(dense(3), 0.1, 1.0), (2, 6), rows(3)),
    "CosineDense": (layers.CosineDense(3), (2, 6), rows(3)),
    "LargeMarginSoftmax": (layers.LargeMarginSoftmax(3), (2, 6), rows(3)),
    "GaussianSampling": (layers.GaussianSampling(), (2, 6), lambda p: p[..., :3]),
    "VLAD": (layers.VLAD(4), (2, 5, 6), lambda p: np.repeat(p.any((1, 2))[:, None], 24, axis=1)),
    "GeneralizedMeanPooling2D": (layers.GeneralizedMeanPooling2D(3.5), (2, 4, 4, 3), lambda p: p.any((1, 2))),
    "GeneralizedMeanPooling2D, fixed": (
        layers.GeneralizedMeanPooling2D(2, trainable_p=False),
        (2, 4, 4, 3),
        lambda p: p.any((1, 2)),
    ),
    "LpPooling2D": (layers.LpPooling2D(), (2, 4, 4, 3), windows),
    "LpPooling2D, p=3.5": (layers.LpPooling2D(p=3.5, normalize=True), (2, 4, 4, 3), windows),
    "MixedPooling2D": (layers.MixedPooling2D(), (2, 4, 4, 3), windows),
    "StochasticPooling2D": (layers.StochasticPooling2D(), (2, 4, 4, 3), windows),
    "SpatialPyramidPooling2D": (
        layers.SpatialPyramidPooling2D((1,), pooling="average"),
        (2, 4, 4, 3),
        lambda p: p.any((1, 2)),
    ),
}
for activation in ("linear", "relu", "leaky_relu", "relu6", "sigmoid", "hard_sigmoid", "elu", "gelu"):
    SWEEP[f"FastDropoutDense, {activation}"] = (layers.FastDropoutDense(3, 0.5, activation), (2, 6), rows(3))
    SWEEP[f"moment matching, {activation}"] = (
        layers.DropConnect(dense(3, activation=activation), 0.5, inference="moment_matching"),
        (2, 6),
        rows(3),
    )


@pytest.mark.parametrize("name", SWEEP)
def test_nan_reaches_the_outputs_that_depend_on_it(name):
    """The formula of each layer's paper names the entries an output sums over (IEEE 754, section 6.2)."""
    layer, shape, spread = SWEEP[name]
    for position in (0, int(np.prod(shape[1:])) // 2 - 1):
        x = np.random.default_rng(3).uniform(0.1, 1.0, size=shape).astype("float32")
        x[1].reshape(-1)[position] = NAN
        output = keras.ops.convert_to_numpy(layer(x, training=False) if takes_training(layer) else layer(x))
        assert np.isfinite(output[0]).all(), "the other example"
        assert np.isnan(output[1][spread(np.isnan(x))[1]]).all()


def takes_training(layer):
    return "training" in layer.call.__code__.co_varnames


@pytest.mark.parametrize("entry", ["mean", "log_variance"])
def test_a_sample_of_a_gaussian_with_a_nan_parameter_is_nan(entry):
    """Kingma, Welling, 2013: z = mean + exp(log_variance / 2) * noise."""
    x = np.zeros((4, 2), "float32")
    x[2, 0 if entry == "mean" else 1] = NAN
    output = keras.ops.convert_to_numpy(layers.GaussianSampling(seed=0)(x, training=True))[:, 0]
    assert np.isnan(output).tolist() == [False, False, True, False]


@pytest.mark.parametrize("name", ["centers", "assignment_kernel", "assignment_bias"])
def test_one_nan_weight_of_vlad_reaches_the_whole_vector(name):
    """Arandjelovic et al., 2016: the softmax runs over all clusters, the last norm over the vector."""
    layer = layers.VLAD(3)
    layer.build((None, 5, 4))
    weight = next(w for w in layer.weights if w.name == name)
    values = keras.ops.convert_to_numpy(weight).copy()
    values.reshape(-1)[1] = NAN
    weight.assign(values)
    output = layer(np.random.default_rng(4).normal(size=(2, 5, 4)).astype("float32"))
    assert np.isnan(keras.ops.convert_to_numpy(output)).all()


@pytest.mark.parametrize(
    "regularizer",
    [
        regularizers.Lp(p=0.5),
        regularizers.Lp(p=1),
        regularizers.Lp(p=2.7),
        regularizers.KernelSmoothness(1.0),
    ],
    ids=["p=0.5", "p=1", "p=2.7", "smoothness"],
)
def test_the_penalty_of_a_nan_weight_is_nan(regularizer):
    """A penalty sums over all weights (survey, section 3.5.1; Feinman, Lake, 2019)."""
    kernel = np.ones((3, 3, 2, 2), "float32")
    kernel[1, 2, 0, 1] = NAN
    assert np.isnan(float(regularizer(kernel)))
