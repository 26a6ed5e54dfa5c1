"""Readings of the papers that are easy to miss: small angles, ties, distances without a square."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cnn_zoo import layers, losses, metrics, regularizers

MARGIN, SCALE = 0.5, 64.0
ANGLES = [0.0, 1e-7, 1e-6, 1e-5, 1e-4, 3e-4, 5e-4, 9e-4, 1e-3, 2e-3, 0.01, 0.3, 1.5]
ANGLES += [math.pi - MARGIN - gap for gap in (1e-2, 1e-3, 1e-5, -1e-5, -1e-3, -1e-2)] + [
    3.0,
    math.pi - 1e-4,
    math.pi,
]


def naive_arcface(cosine, others, margin=MARGIN, scale=SCALE):
    """Deng et al., 2019, equation 3 for one example of class 0, by the angle that `math.acos` returns.

    Above pi - margin the authors' program subtracts margin * sin(margin) from the cosine.
    """
    angle = math.acos(cosine)
    target = math.cos(angle + margin) if angle <= math.pi - margin else cosine - margin * math.sin(margin)
    logits = [scale * target, *(scale * c for c in others)]
    top = max(logits)
    return top + math.log(sum(math.exp(v - top) for v in logits)) - logits[0]


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("other", [0.95, 0.2, -0.9])
def test_arcface_adds_the_margin_to_any_angle(angle, other):
    """Deng et al., 2019, equation 3, in float64: the angle is acos of the cosine, however small it is."""
    cosine = math.cos(angle)
    loss = losses.ArcFace(MARGIN, scale=SCALE, dtype="float64")
    value = float(loss(np.array([0]), np.array([[cosine, other, -0.3]])))
    # Two roundings of the cosine move the angle by this much.
    conditioning = SCALE * 4.4e-16 / max(math.sin(angle), 1e-8)
    assert value == pytest.approx(naive_arcface(cosine, [other, -0.3]), rel=1e-9, abs=conditioning)


@pytest.mark.parametrize("below", [0, 1, 2, 3, 8, 64, 1024])
def test_arcface_in_float32_adds_the_margin_to_the_nearest_angles(below):
    """Deng et al., 2019, equation 3, at the float32 cosines just below 1, angles below 0.012 rad."""
    cosine = np.float32(1) - below * np.float32(2.0**-24)
    value = float(losses.ArcFace()(np.array([0]), np.array([[cosine, 0.9]], "float32")))
    assert value == pytest.approx(naive_arcface(float(cosine), [float(np.float32(0.9))]), rel=2e-5)


@pytest.mark.parametrize("angle", [2e-3, 0.01, 0.3, 1.5, 2.6])
def test_the_slope_of_arcface_is_that_of_the_added_angle(angle):
    """The derivative of cos(acos(c) + m) by c is sin(angle + m) / sin(angle)."""
    c = tf.Variable([[math.cos(angle), 0.2]], dtype="float64")
    with tf.GradientTape() as tape:
        value = losses.ArcFace(MARGIN, scale=SCALE, dtype="float64")(np.array([0]), c)
    logits = SCALE * np.array([math.cos(angle + MARGIN), 0.2])
    p = np.exp(logits - logits.max())
    p /= p.sum()
    expected = (p[0] - 1) * SCALE * math.sin(angle + MARGIN) / math.sin(angle)
    np.testing.assert_allclose(tape.gradient(value, c)[0], [expected, SCALE * p[1]], rtol=1e-8)


@pytest.mark.parametrize("cosine", [1.0, 1.0 + 1e-6, -1.0, -1.0 - 1e-6])
def test_the_slope_of_arcface_is_finite_at_the_ends(cosine):
    """The sine is 0 there, so the slope above has no bound; the loss's must have one."""
    c = tf.Variable([[cosine, 0.2]], dtype="float32")
    with tf.GradientTape() as tape:
        value = losses.ArcFace()(np.array([0]), c)
    assert np.isfinite(tape.gradient(value, c)).all() and np.isfinite(value)


def naive_smoothness(kernel, spatial, order):
    """Eilers, Marx, 1996: the sum of squared differences of taps, in loops over lines of taps."""
    kernel, total = np.asarray(kernel, "float64"), 0.0
    for axis in range(spatial):
        lines = np.moveaxis(kernel, axis, -1).reshape(-1, kernel.shape[axis])
        for line in lines:
            for _ in range(order):
                line = line[1:] - line[:-1]
            total += float((line**2).sum())
    return total


def separate_kernels(name, **arguments):
    """Returns a built layer and a function that lists its kernels."""
    if name == "LocallyConnected1D":
        layer, shape, taps = layers.LocallyConnected1D(2, 3, **arguments), (None, 7, 3), (3, 3, 2)
    elif name == "LocallyConnected2D":
        layer, shape, taps = layers.LocallyConnected2D(2, (3, 2), **arguments), (None, 5, 4, 3), (3, 2, 3, 2)
    elif name == "TiledConv1D":
        layer, shape, taps = layers.TiledConv1D(2, 3, tile_size=2, **arguments), (None, 7, 3), (3, 3, 2)
    else:
        layer, shape, taps = (
            layers.TiledConv2D(2, (3, 2), tile_size=2, **arguments),
            (None, 6, 6, 3),
            (3, 2, 3, 2),
        )
    layer.build(shape)
    return layer, len(taps) - 2, lambda values: np.asarray(values).reshape(-1, *taps)


SEPARATE = ["LocallyConnected1D", "LocallyConnected2D", "TiledConv1D", "TiledConv2D"]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", SEPARATE)
def test_separate_kernels_are_smoothed_over_their_taps_only(name, order):
    """Feinman, Lake, 2019: a prior on one kernel's taps; kernels of different positions are independent."""
    regularizer = regularizers.KernelSmoothness(0.5, order=order)
    layer, spatial, kernels = separate_kernels(name, kernel_regularizer=regularizer)
    values = np.random.default_rng(0).normal(size=layer.kernel.shape)
    layer.kernel.assign(values)
    expected = sum(0.5 * naive_smoothness(kernel, spatial, order) for kernel in kernels(values))
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", SEPARATE)
def test_flat_kernels_that_differ_between_positions_cost_nothing(name):
    """The limit of the penalty: every kernel has equal taps, whatever the kernel next to it is."""
    layer, _, kernels = separate_kernels(name, kernel_regularizer=regularizers.KernelSmoothness(1.0))
    flat = kernels(np.zeros(layer.kernel.shape)) + np.arange(1, 3)
    flat = flat * np.arange(1, len(flat) + 1).reshape(-1, *[1] * (flat.ndim - 1))
    layer.kernel.assign(flat.reshape(layer.kernel.shape))
    assert float(sum(layer.losses)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kernel_size", [(3,), (3, 2), (2, 3, 2)])
@pytest.mark.parametrize("order", [1, 2])
def test_shared_kernels_are_smoothed_over_their_taps(kernel_size, order):
    """The same loops for the kernels of Keras' convolutions."""
    kernel = np.random.default_rng(1).normal(size=(*kernel_size, 3, 2))
    expected = 0.25 * naive_smoothness(kernel, len(kernel_size), order)
    assert float(regularizers.KernelSmoothness(0.25, order=order)(kernel)) == pytest.approx(
        expected, rel=1e-5
    )


def test_mixed_pooling_takes_the_maximum_before_any_draw():
    """Yu, Wang, Chen, Wei, 2014, section 3.3: equal frequencies, here 0 and 0, select the maximum."""
    x = np.array([[1.0, 3.0], [0.0, 4.0]], "float32").reshape(1, 2, 2, 1)
    for per in ("batch", "channel", "region"):
        layer = layers.MixedPooling2D(2, per=per, inference="frequency")
        assert float(keras.ops.sum(layer(x))) == 4.0, per


@pytest.mark.parametrize("per", ["batch", "channel"])
def test_mixed_pooling_takes_the_kind_drawn_more_often_and_the_maximum_on_a_tie(per):
    """Yu et al., 2014, section 3.3, by counting the draws that the outputs in training show."""
    x = np.array([[1.0, 3.0], [0.0, 4.0]], "float32").reshape(1, 2, 2, 1) * np.ones((1, 1, 1, 3), "float32")
    layer, balance, ties = layers.MixedPooling2D(2, per=per, inference="frequency", seed=5), np.zeros(3), 0
    for _ in range(40):
        drawn = keras.ops.convert_to_numpy(layer(x, training=True)).reshape(3)
        assert set(drawn) <= {4.0, 2.0}
        balance += np.where(drawn == 4.0, 1, -1)
        ties += (balance == 0).sum()
        expected = np.where(balance >= 0, 4.0, 2.0)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x)).reshape(3), expected)
    assert ties > 0


def hermans(class_ids, z, mining, margin):
    """Hermans, Beyer, Leibe, 2017, batch hard and batch all, and the soft margin ln(1 + exp(x)), in loops."""

    def cost(x):
        return max(x, 0) + math.log1p(math.exp(-abs(x))) if margin == "soft" else max(x + margin, 0)

    d, costs, n = [[math.dist(a, b) for b in z] for a in z], [], len(z)
    for a in range(n):
        positives = [d[a][p] for p in range(n) if p != a and class_ids[p] == class_ids[a]]
        negatives = [d[a][q] for q in range(n) if class_ids[q] != class_ids[a]]
        if mining == "hard" and positives and negatives:
            costs.append(cost(max(positives) - min(negatives)))
        elif mining == "all":
            costs += [cost(p - q) for p in positives for q in negatives]
        elif mining == "semi_hard" and negatives:
            farther = [[q for q in negatives if q > p] for p in positives]
            costs += [
                cost(p - (min(f) if f else max(negatives))) for p, f in zip(positives, farther, strict=True)
            ]
    return sum(costs) / len(costs)


@pytest.mark.parametrize("margin", ["soft", 0.2, 1.0])
@pytest.mark.parametrize("mining", ["hard", "all", "semi_hard"])
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_the_triplet_loss_of_distances_without_a_square(margin, mining, spread):
    """Hermans et al., 2017, batch hard, batch all, and FaceNet's mining, with Euclidean distances."""
    class_ids, z = [3, 3, 5, 5, 5, 9], spread * np.random.default_rng(2).normal(size=(6, 4))
    loss = losses.Triplet(margin, mining=mining, distance="euclidean")
    assert float(loss(np.array(class_ids), z)) == pytest.approx(
        hermans(class_ids, z, mining, margin), rel=1e-5
    )


def test_the_slope_of_the_triplet_loss_is_finite_where_embeddings_coincide():
    """The Euclidean distance has a kink at 0, so the slope is chosen, and must not be NaN."""
    z = tf.Variable(np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]), dtype="float32")
    with tf.GradientTape() as tape:
        value = losses.Triplet("soft", mining="hard", distance="euclidean")(np.array([0, 0, 1, 1]), z)
    assert np.isfinite(tape.gradient(value, z)).all()


def pair_cost(kind, match, d):
    """Hadsell et al., 2006, and Lin et al., 2015, at a distance d."""
    if kind == "contrastive":
        return d / 2 if match else max(1.5 - d, 0) / 2
    return max(d - 0.4, 0) / 2 if match else max(1.5 - d, 0) / 2


@pytest.mark.parametrize("kind", ["contrastive", "double margin"])
def test_pair_losses_of_distances_without_a_square(kind):
    """The formulas of the losses with the Euclidean distance in the place of its square."""
    y, z = [1, 0, 1, 0], np.random.default_rng(3).normal(size=(4, 2, 3)) / 2
    if kind == "contrastive":
        loss = losses.Contrastive(1.5, distance="euclidean")
    else:
        loss = losses.DoubleMarginContrastive(0.4, 1.5, distance="euclidean")
    expected = np.mean([pair_cost(kind, match, math.dist(*pair)) for match, pair in zip(y, z, strict=True)])
    assert float(loss(np.array(y), z)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_coupled_clusters_of_distances_without_a_square():
    """Liu et al., 2016, equation (23) of the survey, with the distance in the place of its square."""
    y, z = np.array([[1, 1, 0, 0], [1, 0, 1, -1]]), np.random.default_rng(4).normal(size=(2, 4, 3)) / 2
    costs = []
    for labels, row in zip(y, z, strict=True):
        positives = row[labels == 1]
        center = positives.mean(0)
        nearest = min(math.dist(center, negative) for negative in row[labels == 0])
        hinges = [max(math.dist(p, center) - nearest + 1.0, 0) for p in positives]
        costs.append(sum(hinges) / (2 * len(positives)))
    loss = losses.CoupledClusters(1.0, distance="euclidean")
    assert float(loss(y, z)) == pytest.approx(np.mean(costs), rel=1e-5)


def edits(truth, recognized):
    """Levenshtein, 1966: the cheapest of a substitution, a deletion, and an insertion, row by row."""
    row = list(range(len(recognized) + 1))
    for i, t in enumerate(truth, 1):
        last, row[0] = row[0], i
        for j, r in enumerate(recognized, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (t != r))
    return row[-1]


@pytest.mark.parametrize("metric_class", [metrics.CharacterErrorRate, metrics.WordErrorRate])
def test_class_0_is_a_character_like_any_other_by_default(metric_class):
    """Levenshtein, 1966, on class ids; only the negative padding of `ctc_decode` is left out."""
    rng = np.random.default_rng(5)
    truth, recognized = rng.integers(0, 4, size=(6, 9)), rng.integers(0, 4, size=(6, 7))
    recognized[:3, 5:] = -1
    kept = [[c for c in row if c >= 0] for row in recognized.tolist()]
    expected = sum(edits(t, r) for t, r in zip(truth.tolist(), kept, strict=True)) / truth.size
    metric = metric_class()
    metric.update_state(truth, recognized)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
    assert inspect.signature(metric_class).parameters["mask_index"].default is None


def test_a_masked_class_is_left_out_on_both_sides():
    """The same distance after the ids that the caller masks are removed."""
    truth, recognized = [[1, 0, 2, 2, 3]], [[0, 1, 2, 0, 3]]
    metric = metrics.CharacterErrorRate(mask_index=0)
    metric.update_state(truth, recognized)
    assert float(metric.result()) == pytest.approx(edits([1, 2, 2, 3], [1, 2, 3]) / 4)


@pytest.mark.parametrize(
    ("module", "alias", "name"),
    [(layers, "NetVLAD", "VLAD"), (losses, "DeepLDA", "LDA"), (losses, "HistogramLoss", "Histogram")],
)
def test_the_papers_names_are_names_of_the_components(module, alias, name):
    """Arandjelovic et al., 2016; Dorfer et al., 2016; Ustinova, Lempitsky, 2016."""
    assert issubclass(getattr(module, alias), getattr(module, name))


def test_the_docstrings_state_the_readings():
    """Xu et al., 2015, draw a slope per channel (equation (12)); Hermans et al. do not square."""
    relu, triplet = (" ".join(cls.__doc__.split()) for cls in (layers.RReLU, losses.Triplet))
    assert "per example and channel, shared over the spatial axes, as equation (12) does" in relu
    triplet = triplet.split("Args:")[0]
    assert "soft" in triplet and "euclidean" in triplet.replace("squared Euclidean", "").lower()
