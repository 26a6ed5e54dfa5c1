"""Labels: the losses of the papers as loops over Python integers, which are exact at any size."""

import math

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from keras_cnn_zoo import losses, metrics

# Neighbors from 2^24 on are one number in float32.
NEAR = {
    "small": (0, 1, 2),
    "2^24": (2**24, 2**24 + 1, 2**24 + 2),
    "ten digits": (1_234_567_890, 1_234_567_891, 1_234_567_892),
    "2^31 - 1": (2**31 - 3, 2**31 - 2, 2**31 - 1),
    "far": (0, 2**31 - 2, 2**31 - 1),
}
ORDER = [0, 1, 2, 0, 1, 2, 1, 0, 2, 2]
Z = np.random.default_rng(0).normal(size=(len(ORDER), 3))


def naive_triplet(class_ids, z, margin=1.0, mining="all"):
    """Schroff et al., 2015, and Hermans et al., 2017, in loops over anchors, positives, and negatives."""
    costs, n = [], len(class_ids)
    d = [[float(((z[i] - z[j]) ** 2).sum()) for j in range(n)] for i in range(n)]
    for a in range(n):
        positives = [p for p in range(n) if p != a and class_ids[p] == class_ids[a]]
        negatives = [q for q in range(n) if class_ids[q] != class_ids[a]]
        if not positives or not negatives:
            continue
        if mining == "hard":
            costs.append(max(d[a][p] for p in positives) - min(d[a][q] for q in negatives) + margin)
            continue
        for p in positives:
            if mining == "semi_hard":
                farther = [d[a][q] for q in negatives if d[a][q] > d[a][p]]
                costs.append(
                    d[a][p] - (min(farther) if farther else max(d[a][q] for q in negatives)) + margin
                )
            else:
                costs += [d[a][p] - d[a][q] + margin for q in negatives]
    return sum(max(cost, 0.0) for cost in costs) / len(costs) if costs else 0.0


def naive_histogram(class_ids, z, num_bins=200):
    """Ustinova, Lempitsky, 2016, equations 1 to 6: two triangular histograms and one double sum."""
    step, histograms = 2 / num_bins, {True: [0.0] * (num_bins + 1), False: [0.0] * (num_bins + 1)}
    for i in range(len(z)):
        for j in range(i):
            s = float(z[i] @ z[j] / (np.linalg.norm(z[i]) * np.linalg.norm(z[j])))
            for r in range(num_bins + 1):
                t = -1 + r * step
                histograms[class_ids[i] == class_ids[j]][r] += max(0.0, 1 - abs(s - t) / step)
    if not sum(histograms[True]) or not sum(histograms[False]):
        return 0.0
    matching, other = (np.array(histograms[kind]) / sum(histograms[kind]) for kind in (True, False))
    return sum(other[r] * matching[: r + 1].sum() for r in range(num_bins + 1))


def naive_lda(class_ids, z, epsilon=1.0, regularization=1e-3):
    """Dorfer, Kelz, Widmer, 2016, equations 1 to 12, by SciPy's generalized eigenvalue problem."""
    classes = sorted(set(class_ids))
    rows = {c: z[[i for i, other in enumerate(class_ids) if other == c]] for c in classes}
    within = np.mean([np.cov(r.T) for r in rows.values()], axis=0)
    between = np.cov(z.T) - within
    v = scipy.linalg.eigh(between, within + regularization * np.eye(z.shape[1]), eigvals_only=True)
    v = v[::-1][: len(classes) - 1]
    return -float(np.mean([value for value in v if value <= min(v) + epsilon]))


def naive_margin(class_ids, cosines, margin, scale, angular):
    """Deng et al., 2019, and Wang et al., 2018: cross-entropy with a margin at the true class."""
    costs = []
    for y, row in zip(class_ids, cosines, strict=True):
        logits = [scale * c for c in row]
        logits[y] = scale * (math.cos(math.acos(row[y]) + margin) if angular else row[y] - margin)
        top = max(logits)
        costs.append(top + math.log(sum(math.exp(v - top) for v in logits)) - logits[y])
    return sum(costs) / len(costs)


def naive_hinge(class_ids, scores, formulation):
    """Tang, 2013; Weston, Watkins, 1999; Crammer, Singer, 2001."""
    costs = []
    for y, z in zip(class_ids, scores, strict=True):
        if formulation == "one_vs_rest":
            costs.append(sum(max(0.0, 1 - (1 if j == y else -1) * z[j]) for j in range(len(z))))
        else:
            hinges = [max(0.0, 1 + z[j] - z[y]) for j in range(len(z)) if j != y]
            costs.append(sum(hinges) if formulation == "weston_watkins" else max(hinges))
    return sum(costs) / len(costs)


def naive_lovasz(class_ids, probabilities, classes="present"):
    """Berman, Triki, Blaschko, 2018, algorithm 1, on a list of pixels."""
    costs = []
    for c in range(probabilities.shape[-1]):
        foreground = [y == c for y in class_ids]
        if classes == "present" and not any(foreground):
            continue
        errors = [1 - p[c] if y == c else p[c] for y, p in zip(class_ids, probabilities, strict=True)]
        cost, last, hits, misses = 0.0, 0.0, 0, 0
        for i in sorted(range(len(errors)), key=lambda i: -errors[i]):
            hits, misses = hits + foreground[i], misses + (not foreground[i])
            jaccard = 1 - (sum(foreground) - hits) / (sum(foreground) + misses)
            cost, last = cost + errors[i] * (jaccard - last), jaccard
        costs.append(cost)
    return sum(costs) / len(costs)


METRIC = {
    "triplet, all": (losses.Triplet(), naive_triplet),
    "triplet, semi-hard": (
        losses.Triplet(mining="semi_hard"),
        lambda y, z: naive_triplet(y, z, mining="semi_hard"),
    ),
    "triplet, hard": (losses.Triplet(mining="hard"), lambda y, z: naive_triplet(y, z, mining="hard")),
    "histogram": (losses.Histogram(), naive_histogram),
    "lda": (losses.LDA(), naive_lda),
}
CLASS = {
    "arcface": (losses.ArcFace(scale=8.0), lambda y, z: naive_margin(y, z, 0.5, 8.0, True)),
    "cosface": (losses.CosFace(scale=8.0), lambda y, z: naive_margin(y, z, 0.35, 8.0, False)),
    "lovasz": (losses.LovaszSoftmax(), naive_lovasz),
}
for formulation in ("one_vs_rest", "weston_watkins", "crammer_singer"):
    CLASS[formulation] = (
        losses.MulticlassHinge(formulation=formulation),
        lambda y, z, formulation=formulation: naive_hinge(y, z, formulation),
    )
SCORES = np.random.default_rng(1).dirichlet(np.ones(3), size=len(ORDER))


@pytest.mark.parametrize("name", METRIC)
@pytest.mark.parametrize("near", NEAR)
def test_class_ids_up_to_the_largest_int32_are_exact(name, near):
    """The loss compares ids as integers (see the loops above)."""
    loss, oracle = METRIC[name]
    class_ids = [NEAR[near][k] for k in ORDER]
    expected = oracle(class_ids, Z)
    assert float(loss(np.array(class_ids), Z)) == pytest.approx(expected, rel=2e-4)
    assert float(loss(tf.constant(class_ids)[:, None], tf.constant(Z))) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("name", ["triplet, hard", "histogram"])
def test_class_ids_are_exact_in_a_compiled_model(name):
    """Keras passes the targets of `evaluate` to the loss (see the loops above)."""
    loss, oracle = METRIC[name]
    class_ids = [NEAR["ten digits"][k] for k in ORDER]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    model.compile(loss=loss)
    assert model.test_on_batch(Z, np.array(class_ids)) == pytest.approx(oracle(class_ids, Z), rel=2e-4)


def test_class_ids_are_exact_in_half_precision():
    """8,192 and 8,193 are one number in float16, and two classes in the loops above."""
    loss, class_ids = losses.Triplet(dtype="float16"), [8192 + k for k in ORDER]
    assert float(loss(np.array(class_ids), Z)) == pytest.approx(naive_triplet(class_ids, Z), rel=0.01)


@pytest.mark.parametrize("name", METRIC)
@pytest.mark.parametrize("dropped", [[], [4], [0, 9]])
def test_minus_one_leaves_an_embedding_out(name, dropped):
    """The loss of a batch with ids of -1 is that of the loops above over the other rows."""
    loss, oracle = METRIC[name]
    class_ids = [-1 if i in dropped else k for i, k in enumerate(ORDER)]
    kept = [i for i in range(len(ORDER)) if i not in dropped]
    assert float(loss(np.array(class_ids), Z)) == pytest.approx(
        oracle([ORDER[i] for i in kept], Z[kept]), rel=2e-4
    )


@pytest.mark.parametrize("name", CLASS)
@pytest.mark.parametrize("dropped", [[], [4], [0, 9], [1, 2, 3, 5, 6]])
def test_minus_one_leaves_a_row_of_scores_out(name, dropped):
    """The loss is the mean of the loops above over the other rows."""
    loss, oracle = CLASS[name]
    class_ids = [-1 if i in dropped else k for i, k in enumerate(ORDER)]
    kept = [i for i in range(len(ORDER)) if i not in dropped]
    y, z = (np.array([class_ids]), SCORES[None]) if name == "lovasz" else (np.array(class_ids), SCORES)
    expected = oracle([ORDER[i] for i in kept], SCORES[kept])
    assert float(loss(y, z)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", [*CLASS, *METRIC])
def test_a_batch_of_minus_one_costs_nothing(name):
    """The catalog: 0 if there is no valid item."""
    loss, _ = {**CLASS, **METRIC}[name]
    y, z = np.full(len(ORDER), -1), Z if name in METRIC else SCORES
    assert float(loss(y[None], z[None]) if name == "lovasz" else loss(y, z)) == 0.0


@pytest.mark.parametrize("classes", ["present", "all"])
@pytest.mark.parametrize("ignored", [255, 1, 0])
def test_ignored_pixels_of_lovasz_softmax_are_dropped(classes, ignored):
    """Berman et al., 2018, drop the pixels of the ignored label before algorithm 1."""
    rng = np.random.default_rng(2)
    p, y = rng.dirichlet(np.ones(3), size=(2, 3, 4)), rng.integers(0, 3, size=(2, 3, 4))
    y[0, 1, :2] = ignored
    kept = y != ignored
    loss = losses.LovaszSoftmax(ignore_class=ignored, classes=classes)
    expected = naive_lovasz(y[kept].tolist(), p[kept], classes)
    assert float(loss(y, p)) == pytest.approx(expected, rel=1e-4)
    both = np.where(np.arange(4) == 3, -1, y)
    kept = (both != ignored) & (both != -1)
    expected = naive_lovasz(both[kept].tolist(), p[kept], classes)
    assert float(loss(both, p)) == pytest.approx(expected, rel=1e-4)


def test_images_without_a_valid_pixel_do_not_count():
    """Berman et al., 2018, per image; the second image has only ignored pixels."""
    rng = np.random.default_rng(3)
    p, y = rng.dirichlet(np.ones(3), size=(3, 2, 4)), rng.integers(0, 3, size=(3, 2, 4))
    y[1], y[2, 0, 0] = 7, 7
    loss = losses.LovaszSoftmax(ignore_class=7, per_image=True)
    expected = [naive_lovasz(y[i][y[i] != 7].tolist(), p[i][y[i] != 7]) for i in (0, 2)]
    assert float(loss(y, p)) == pytest.approx(np.mean(expected), rel=1e-4)


def function_of_class_ids(name, jit_compile=None):
    """Returns the loss as a function of class ids, compiled unless `jit_compile` is None."""
    loss, _ = {**CLASS, **METRIC}[name]
    z = tf.constant(Z if name in METRIC else SCORES, tf.float32)

    def value(class_ids):
        return loss(class_ids[None], z[None]) if name == "lovasz" else loss(class_ids, z)

    return value if jit_compile is None else tf.function(value, jit_compile=jit_compile)


@pytest.mark.parametrize("name", CLASS)
@pytest.mark.parametrize("wrong", [3, -2, 255])
def test_a_class_id_outside_the_classes_is_refused(name, wrong):
    """A score per class has an index from 0 to n - 1; any other sum would leave out or invent a class."""
    with pytest.raises(ValueError, match=str(wrong)):
        function_of_class_ids(name)(tf.constant([*ORDER[:-1], wrong]))


@pytest.mark.parametrize("name", ["triplet, all", "histogram", "lda"])
@pytest.mark.parametrize("wrong", [-2, 2**31])
def test_an_id_that_is_not_an_int32_from_0_is_refused(name, wrong):
    """Ids are 0 to 2^31 - 1, and -1 for a row to leave out."""
    with pytest.raises(ValueError, match=str(wrong)):
        function_of_class_ids(name)(tf.constant([*ORDER[:-1], wrong]))


@pytest.mark.parametrize(("name", "jit_compile"), [*((name, True) for name in CLASS), ("one_vs_rest", False)])
def test_a_class_id_outside_the_classes_gives_nan_in_compiled_code(name, jit_compile):
    """Compiled code cannot raise by value; NaN is the only number that no correct loss has."""
    function = function_of_class_ids(name, jit_compile)
    assert math.isfinite(float(function(tf.constant(ORDER))))
    for wrong in (3, -2):
        assert math.isnan(float(function(tf.constant([*ORDER[:-1], wrong]))))


@pytest.mark.parametrize(
    "loss",
    [
        losses.MulticlassHinge(),
        losses.MulticlassHinge(p=2, formulation="crammer_singer"),
        losses.LovaszSoftmax(),
    ],
    ids=["one_vs_rest", "crammer_singer", "lovasz"],
)
def test_one_score_for_two_classes_is_refused(loss):
    """Tang, 2013, and Berman et al., 2018, sum over a score per class; one score has no class 1."""
    y, z = np.array([0, 1]), np.array([[-2.0], [2.0]])
    with pytest.raises(ValueError, match="Received"):
        loss(y[None], z[None]) if isinstance(loss, losses.LovaszSoftmax) else loss(y, z)


@pytest.mark.parametrize("mining", ["all", "semi_hard", "hard", None])
def test_an_empty_batch_costs_nothing(mining):
    """The mean over no triplets is 0 by the catalog; the gradient has no entry."""
    z = tf.zeros((0, 3) if mining else (0, 3, 2))
    loss = losses.Triplet(mining=mining)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(tf.zeros((0,), tf.int32), z)
    assert float(value) == 0.0 and tape.gradient(value, z).shape == z.shape


@pytest.mark.parametrize("near", NEAR)
def test_neighbors_of_one_class_are_counted_by_exact_ids(near):
    """Oh Song et al., 2016: the fraction of queries whose nearest other example has their id, in a loop."""
    class_ids, hits = [NEAR[near][k] for k in ORDER], 0
    for a in range(len(Z)):
        nearest = min((i for i in range(len(Z)) if i != a), key=lambda i: math.dist(Z[a], Z[i]))
        hits += class_ids[nearest] == class_ids[a]
    metric = metrics.RecallAtK(k=1)
    metric.update_state(np.array(class_ids), Z)
    assert float(metric.result()) == pytest.approx(hits / len(Z))
