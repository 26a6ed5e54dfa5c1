"""Fraction of queries with an example of their class among the nearest neighbors."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.metrics.host import on_host
from keras_cnn_zoo.utils import validation

DISTANCES = ("euclidean", "cosine")
# Numbers per table of embeddings. If the last table is full, another is added.
TABLE_NUMBERS = 1 << 18
# Distances in memory at once.
CHUNK_NUMBERS = 1 << 22
# Distances that differ by less, relative to the largest squared norm, count as equal.
TIE = 1e-12


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class RecallAtK(keras.metrics.Metric):
    """Fraction of examples with one of their class among their `k` nearest neighbors (R@k).

    Embeddings and class ids are collected over the whole evaluation. Then each example is a query against all
    others. An example without another one of its class is not a query, only a neighbor. Equally near
    neighbors count as randomly ordered: the query counts with its probability of success, so a network that
    maps everything to one point is as good as guessing. For `k=1` without ties, it is the precision at 1 of
    pytorch-metric-learning's `AccuracyCalculator`. Without a query it is 0.

    With `separate_gallery`, the queries are compared with another set, the gallery, as in person
    re-identification and landmark retrieval. `y_true` then says which example is in which set. Pass an
    example that is in both sets twice; it finds itself. A query whose class is not in the gallery does not
    count.

    All distances are computed on the host in float64, so call the metric eagerly, on the output of `predict`.
    As a metric of `compile` it works with `run_eagerly=True` on TensorFlow and PyTorch, but not on JAX, where
    Keras traces metrics first.

    Reference: Oh Song, Xiang, Jegelka, Savarese, 2016, "Deep Metric Learning via Lifted Structured Feature
    Embedding", arXiv 1511.06452; the measure is that of Jegou, Douze, Schmid, 2011, "Product Quantization for
    Nearest Neighbor Search".

    Args:
        k: Number of nearest neighbors. Defaults to 1.
        name: Name of the metric.
        dtype: Dtype of the result; embeddings are kept in float32.
        distance: "euclidean" or "cosine", which are equivalent for embeddings of unit norm. Defaults to
            "euclidean".
        separate_gallery: Whether queries and gallery are different sets. Defaults to False.

    Call arguments:
        y_true: Class ids, integers, `(batch,)` or `(batch, 1)`. With `separate_gallery`, a dict of these as
            `class_ids` and of booleans, `(batch,)` or `(batch, 1)`, as `in_gallery`; the others are queries.
            Both may be in any order, in one update or several.
        y_pred: Embeddings, `(batch, dim)`.
        sample_weight: None; weights are not supported.

    Output shape:
        A scalar in [0, 1].

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, embeddings that are not finite, or
            weights.

    >>> metric = RecallAtK(k=1)
    >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]])
    >>> print(float(metric.result()))
    0.5
    """

    def __init__(self, k=1, name="recall_at_k", dtype=None, *, distance="euclidean", separate_gallery=False):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"  # Keras' callbacks read this for `mode="auto"`.
        self.k = validation.positive_integer("k", k)
        self.distance = validation.one_of("distance", distance, DISTANCES)
        self.examples = self.add_weight(name="examples", initializer="zeros", dtype="int32")
        self.dim = self.add_weight(name="dim", initializer="zeros", dtype="int32")
        self.embeddings = [self._table("embeddings", 0, "float32")]
        self.class_ids = [self._table("class_ids", 0, "int32")]
        self.separate_gallery = validation.boolean("separate_gallery", separate_gallery)
        self.in_gallery = [self._table("in_gallery", 0, "int32")] if separate_gallery else []

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            validation.fail("sample_weight", "None: a neighbor has no weight", sample_weight)
        y_true, in_gallery = self._split(y_true)
        class_ids = _on_host("y_true", y_true)
        embeddings = np.asarray(_on_host("y_pred", y_pred), dtype="float32")
        if embeddings.ndim != 2 or class_ids.shape not in ((len(embeddings),), (len(embeddings), 1)):
            raise ValueError(
                "`y_true` must be (batch,) or (batch, 1), and `y_pred` (batch, dim). "
                f"Received: {class_ids.shape} and {embeddings.shape}"
            )
        numbers = class_ids.dtype.kind in "biuf"
        with np.errstate(invalid="ignore"):
            ids = class_ids.reshape(-1).astype("int32") if numbers else None
        if not numbers or not np.array_equal(ids, class_ids.reshape(-1)):
            raise ValueError(
                "`y_true` must contain integer class ids from -2^31 to 2^31 - 1. "
                f"Received: {class_ids.ravel()[:8].tolist()}"
            )
        if not np.isfinite(embeddings).all():
            raise ValueError("`y_pred` must be finite. Received: embeddings with NaN or infinite values")
        if in_gallery is not None and in_gallery.shape != ids.shape:
            raise ValueError(
                "`y_true['in_gallery']` must have one boolean per class id. "
                f"Received: {in_gallery.shape} for {ids.shape}"
            )
        examples, dim = int(ops.convert_to_numpy(self.examples)), int(ops.convert_to_numpy(self.dim))
        if examples and embeddings.shape[1] != dim:
            raise ValueError(
                f"`y_pred` must have the same dim in every update, so far {dim}. Received: {embeddings.shape}"
            )
        dim = embeddings.shape[1]
        self._append(self.embeddings, "embeddings", examples * dim, embeddings.reshape(-1))
        self._append(self.class_ids, "class_ids", examples, ids)
        if in_gallery is not None:
            self._append(self.in_gallery, "in_gallery", examples, in_gallery)
        self.examples.assign(examples + len(ids))
        self.dim.assign(dim)

    def result(self):
        return ops.convert_to_tensor(self.summary((self.k,))[self.k], dtype=self.dtype)

    def summary(self, ks=(1, 2, 4, 8)):
        """Computes the recall at several numbers of neighbors, in one pass.

        Args:
            ks: Numbers of neighbors. Defaults to (1, 2, 4, 8).

        Returns:
            A dict from each number to the recall.
        """
        examples, dim = int(ops.convert_to_numpy(self.examples)), int(ops.convert_to_numpy(self.dim))
        embeddings = _joined(self.embeddings)[: examples * dim].reshape(examples, dim)
        in_gallery = _joined(self.in_gallery)[:examples] > 0 if self.separate_gallery else None
        nearer, alike, others = neighbors(
            embeddings.astype("float64"), _joined(self.class_ids)[:examples], self.distance, in_gallery
        )
        if not len(nearer):
            return dict.fromkeys(ks, 0.0)
        return {k: float(np.mean(_chances(k - nearer, alike, others))) for k in ks}

    def get_config(self):
        return {
            **super().get_config(),
            "k": self.k,
            "distance": self.distance,
            "separate_gallery": self.separate_gallery,
        }

    def _split(self, y_true):
        """Returns the class ids of an update, and which are in the gallery as 0 or 1 (or None)."""
        if not self.separate_gallery:
            if hasattr(y_true, "keys"):
                raise ValueError(
                    "`y_true` must be class ids. A dict needs `separate_gallery=True`. "
                    f"Received: a dict of {sorted(y_true.keys())}"
                )
            return y_true, None
        if not hasattr(y_true, "keys") or set(y_true.keys()) != {"class_ids", "in_gallery"}:
            received = f"a dict of {sorted(y_true.keys())}" if hasattr(y_true, "keys") else "no dict"
            raise ValueError(
                "With `separate_gallery=True`, `y_true` must be a dict of class_ids and in_gallery. "
                f"Received: {received}"
            )
        in_gallery = _on_host("y_true", y_true["in_gallery"])
        if in_gallery.ndim == 2 and in_gallery.shape[1] == 1:
            in_gallery = in_gallery[:, 0]
        if in_gallery.dtype.kind not in "biuf" or not np.isin(in_gallery, (0, 1)).all():
            raise ValueError(
                f"`y_true['in_gallery']` must contain booleans. Received: {in_gallery.ravel()[:8].tolist()}"
            )
        return y_true["class_ids"], in_gallery.astype("int32")

    def _table(self, name, number, dtype):
        return self.add_weight(
            name=f"{name}_{number}", shape=(TABLE_NUMBERS,), initializer="zeros", dtype=dtype
        )

    def _append(self, tables, name, count, values):
        """Writes values after the first `count` of the tables."""
        while len(values):
            number, start = divmod(count, TABLE_NUMBERS)
            if number == len(tables):
                tables.append(self._table(name, number, tables[0].dtype))
            held = np.array(ops.convert_to_numpy(tables[number]))
            part = values[: TABLE_NUMBERS - start]
            held[start : start + len(part)] = part
            tables[number].assign(held)
            values, count = values[len(part) :], count + len(part)


def neighbors(embeddings, class_ids, distance, in_gallery=None):
    """Counts the neighbors of each query up to the nearest example of its class.

    Args:
        embeddings: Array (examples, dim) in float64.
        class_ids: Array (examples,).
        distance: "euclidean" or "cosine".
        in_gallery: Booleans (examples,), the others being the queries, or None if each example is a query
            against all others.

    Returns:
        Three arrays with one number per query: the examples nearer than the nearest of the query's class, the
        examples of its class that are as near, and the examples of other classes that are as near.
    """
    if distance == "cosine":
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
        embeddings = embeddings / np.where(norms > 0, norms, 1)
    elif len(embeddings):
        # Distances do not change, and differences of squared norms lose fewer digits.
        embeddings = embeddings - embeddings.mean(axis=0)
    squares = np.sum(embeddings**2, axis=1)
    tie = TIE * squares.max(initial=0)
    own = in_gallery is None
    gallery = slice(None) if own else np.flatnonzero(in_gallery)
    classes, inverse = np.unique(class_ids, return_inverse=True)
    counts = np.bincount(inverse[gallery], minlength=len(classes))
    queries = np.flatnonzero(counts[inverse] > 1 if own else (counts[inverse] > 0) & ~in_gallery)
    near, near_squares, near_ids = embeddings[gallery], squares[gallery], class_ids[gallery]
    step = max(1, CHUNK_NUMBERS // max(1, len(near)))
    found = [np.zeros((3, 0), int)]
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        distances = near_squares - 2 * (embeddings[rows] @ near.T) + squares[rows, None]
        same = class_ids[rows, None] == near_ids
        if own:
            distances[np.arange(len(rows)), rows] = np.inf
        nearest = np.min(np.where(same, distances, np.inf), axis=1, keepdims=True)
        level = distances <= nearest + tie
        nearer = np.sum(distances < nearest - tie, axis=1)
        alike = np.sum(level & same, axis=1)
        found.append(np.stack([nearer, alike, np.sum(level, axis=1) - nearer - alike]))
    return np.concatenate(found, axis=1)


def _chances(places, alike, others):
    """Returns the probability that one of `alike` is in the first `places` of `alike + others` at random."""
    miss = np.ones(len(places))
    for drawn in range(min(int(places.max()), int(others.max()) + 1)):
        left = np.maximum(others - drawn, 0) / np.maximum(alike + others - drawn, 1)
        miss = np.where(places > drawn, miss * left, miss)
    return 1 - miss


def _joined(tables):
    return np.concatenate([ops.convert_to_numpy(table) for table in tables])


def _on_host(name, values):
    return np.asarray(on_host("RecallAtK", "embeddings", name, values))
