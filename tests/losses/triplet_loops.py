"""Triplet by loops over triplets, functions that mine, and calls of the loss, for its tests."""

import keras
import numpy as np

from keras_cnn_zoo.losses import triplet
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.losses.distance_functions import LOOPS, city_blocks

MINING = ("all", "semi_hard", "hard")


def product(first, second):
    return -sum(a * b for a, b in zip(first, second, strict=True))


@keras.saving.register_keras_serializable(package="test_triplet")
class Similarity:
    """Negative product, so that some distances are negative."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, first, second):
        return -self.scale * keras.ops.sum(first * second, axis=-1)

    def __repr__(self):
        return f"Similarity({self.scale})"

    def get_config(self):
        return {"scale": self.scale}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="test_triplet")
def within_the_margin(labels, distances):
    """Chooses triplets whose negative is farther than the positive by 0.03 to 1.53, as booleans."""
    gaps = distances[:, None, :] - distances[:, :, None]
    return keras.ops.logical_and(gaps > 0.03, gaps < 1.53)


@keras.saving.register_keras_serializable(package="test_triplet")
def nearest_of_each(labels, distances):
    """Chooses the nearest positive and the nearest negative of each anchor, as positions, without -1."""
    same = keras.ops.equal(labels[:, None], labels[None, :])
    batch = keras.ops.shape(distances)[0]
    itself = keras.ops.cast(keras.ops.eye(batch), "bool")
    far = keras.ops.full_like(distances, 1e9)
    positive = keras.ops.argmin(
        keras.ops.where(keras.ops.logical_and(same, keras.ops.logical_not(itself)), distances, far), axis=-1
    )
    others = keras.ops.logical_and(keras.ops.logical_not(same), labels[None, :] >= 0)
    negative = keras.ops.argmin(keras.ops.where(others, distances, far), axis=-1)
    columns = [keras.ops.arange(batch), positive, negative]
    return keras.ops.stack([keras.ops.cast(column, "int32") for column in columns], axis=-1)


def distance_of(name):
    return product if isinstance(name, Similarity) else LOOPS[name]


def price(difference, margin):
    return np.log1p(np.exp(difference)) if margin == "soft" else max(difference + margin, 0.0)


def triplets(labels, distances, mining):
    """Returns (anchor, positive, negative) of the triplets that count."""
    batch = range(len(labels))
    for a in batch:
        positives = [p for p in batch if p != a and labels[p] == labels[a]]
        negatives = [n for n in batch if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        if mining is within_the_margin:
            gaps = {(p, n): distances[a][n] - distances[a][p] for p in positives for n in negatives}
            yield from ((a, p, n) for (p, n), gap in gaps.items() if 0.03 < gap < 1.53)
            continue
        if mining is nearest_of_each:
            nearest = [min(others, key=lambda i: distances[a][i]) for others in (positives, negatives)]
            yield a, *nearest
            continue
        if mining == "hard":
            yield (
                a,
                max(positives, key=lambda p: distances[a][p]),
                min(negatives, key=lambda n: distances[a][n]),
            )
            continue
        for p in positives:
            if mining == "all":
                yield from ((a, p, n) for n in negatives)
                continue
            farther = [n for n in negatives if distances[a][n] > distances[a][p]]
            nearest_or_last = (min, farther) if farther else (max, negatives)
            yield a, p, nearest_or_last[0](nearest_or_last[1], key=lambda n: distances[a][n])


def reference(y_true, y_pred, margin=1.0, mining="all", distance="squared"):
    between = distance_of(distance)
    if mining is None:
        return np.array([price(between(a, p) - between(a, n), margin) for a, p, n in y_pred])
    labels = np.asarray(y_true).ravel().tolist()
    distances = [[between(one, other) for other in y_pred] for one in y_pred]
    each, count = [0.0] * len(labels), 0
    for a, p, n in triplets(labels, distances, mining):
        each[a] += price(distances[a][p] - distances[a][n], margin)
        count += 1
    return np.array(each) * len(labels) / max(count, 1)


LABELS = np.array([4, 7, 4, 9, 7, 4, 2, 7, 9, 4])
EMBEDDINGS = np.random.default_rng(0).normal(size=(10, 4)) * 0.8


def losses(labels, embeddings, margin=1.0, mining="all", dtype="float64", distance="squared"):
    embeddings = keras.ops.convert_to_tensor(embeddings, dtype=dtype)
    values = triplet(np.array(labels), embeddings, margin, mining, distance=distance)
    return keras.ops.convert_to_numpy(values)


def differentiated(labels, embeddings, mining="all", margin=1.0, dtype="float32", distance="squared"):
    value, (gradient,), _ = value_and_gradients(
        lambda x: (
            keras.ops.sum(triplet(np.array(labels), x, margin, mining, distance=distance)) / len(labels)
        ),
        [keras.ops.convert_to_tensor(embeddings, dtype=dtype)],
    )
    gradient = keras.ops.cast(gradient, "float32")
    return float(keras.ops.convert_to_numpy(value)), keras.ops.convert_to_numpy(gradient)


EVERY = (*MINING, within_the_margin, nearest_of_each)
OTHERS = ("euclidean", city_blocks, Similarity(0.5), Similarity(-2.0))


def loop(labels, embeddings, margin, mining, distance):
    """Returns the reference, for `Similarity` too, whose scale the reference does not know."""
    if not isinstance(distance, Similarity):
        return reference(labels, embeddings, margin, mining, distance)
    labels = np.asarray(labels).ravel().tolist()
    distances = [[distance.scale * product(one, other) for other in embeddings] for one in embeddings]
    each, count = [0.0] * len(labels), 0
    for a, p, n in triplets(labels, distances, mining):
        each[a] += price(distances[a][p] - distances[a][n], margin)
        count += 1
    return np.array(each) * len(labels) / max(count, 1)
