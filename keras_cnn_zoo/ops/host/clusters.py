"""Cluster centers of descriptors, and the batches from which they are computed."""

import warnings

import numpy as np

BATCH = 32
ROWS = 4096


def batches(data):
    """Yields the batches of `data`: an array or tensor in parts of 32 examples, or an iterable of batches.

    Raises:
        ValueError: if there is no batch, or a batch also has targets.
    """
    if hasattr(data, "shape"):
        whole = data
        data = (whole[start : start + BATCH] for start in range(0, whole.shape[0], BATCH))
    found = False
    for batch in data:
        found = True
        if isinstance(batch, tuple | dict):
            raise ValueError(
                "`data` must contain batches of inputs alone, without targets. "
                f"Received: a batch of type {type(batch).__name__}"
            )
        yield batch
    if not found:
        raise ValueError("`data` must contain at least one feature map. Received: no batches")


def joined(parts, most, generator):
    """Returns arrays (number, size) as one in float64, or a random subset of `most` rows if there are more.

    Raises:
        ValueError: for NaN and infinite values.
    """
    descriptors = np.concatenate([require_finite(part) for part in parts]).astype("float64")
    if len(descriptors) > most:
        descriptors = descriptors[generator.choice(len(descriptors), most, replace=False)]
    return descriptors


def require_finite(array):
    """Returns the array, or raises ValueError for NaN and infinite values."""
    if not np.isfinite(array).all():
        raise ValueError("`data` must be finite. Received: NaN or infinite values")
    return array


def cluster_centers(descriptors, num_clusters, seed):
    """Returns cluster centers (num_clusters, size), by k-means.

    Args:
        descriptors: Array (number, size).
        num_clusters: Number of clusters.
        seed: Integer seed.

    Raises:
        ValueError: if there are fewer distinct descriptors than clusters.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    found = 0
    if len(descriptors) >= num_clusters:
        with warnings.catch_warnings():
            # Its warning about too few distinct points becomes the error below.
            warnings.simplefilter("ignore", ConvergenceWarning)
            kmeans = KMeans(num_clusters, n_init=1, random_state=seed).fit(descriptors)
        found = len(np.unique(kmeans.labels_))
    if found < num_clusters:
        raise ValueError(
            "`num_clusters` must be at most the number of distinct descriptors in `data`. "
            f"Received: num_clusters={num_clusters}, {len(descriptors)} descriptors"
        )
    return kmeans.cluster_centers_


def gap_to_the_second_center(descriptors, centers):
    """Returns the mean over descriptors of the second smallest minus the smallest squared distance."""
    total = 0.0
    for start in range(0, len(descriptors), ROWS):
        rows = descriptors[start : start + ROWS]
        # The squared length of a row is the same for all centers.
        distances = np.sum(centers**2, axis=1) - 2 * rows @ centers.T
        first, second = np.partition(distances, 1, axis=1)[:, :2].T
        total += np.sum(second - first)
    return total / len(descriptors)
