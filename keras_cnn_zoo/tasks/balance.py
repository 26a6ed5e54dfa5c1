"""More weight for rare classes."""

import numpy as np

from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.utils.errors import InputError

# Most copies of an image per epoch.
MOST = 8


def class_weights(counts, exponent, where):
    """Returns the weights of the examples of each class, float32; the mean over all examples is 1.

    A class with frequency f has a weight proportional to f^-exponent.

    Args:
        counts: number of training examples (or pixels) of each class.
        exponent: number of at least 0; 0 gives every class the weight 1.
        where: name of the data, for messages.

    Raises:
        InputError: for an exponent that is too large.
    """
    counts = np.asarray(counts, dtype="float64")
    # A class without training examples gets the weight of the rarest class that has some.
    frequency = np.maximum(counts, counts[counts > 0].min()) / counts.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        weights = frequency**-exponent
        weights = (weights / np.sum(weights * counts / counts.sum())).astype("float32")
    if not np.isfinite(weights).all():
        raise InputError(
            f"`class_balance` is too large for the rarest class of {where}. Received: {exponent:g}"
        )
    return weights


def repeated(split, classes, exponent):
    """Returns a split in which images with rare classes occur several times.

    An image occurs about max (f_most / f_c)^exponent times, at most `MOST`, over the classes c in it, where
    f_c is the fraction of images with class c, and f_most the largest of them. An image without objects
    occurs once.

    Reference: Gupta, Dollar, Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", 2019,
    arXiv 1908.03195, section 5.3. Differs from the paper: the fractions do not change from epoch to epoch.

    Args:
        split: the training `Split`.
        classes: sequence of the class ids in each image.
        exponent: number of at least 0.
    """
    seen = [np.unique(np.asarray(own, dtype="int64")) for own in classes]
    everything = np.concatenate([*seen, np.zeros(0, "int64")])
    if not len(everything):
        return split
    counts = np.maximum(np.bincount(everything), 1).astype("float64")
    # The logarithm cannot overflow.
    logs = exponent * (np.log(counts[everything].max()) - np.log(counts))
    factors = np.exp(np.minimum(logs, np.log(MOST)))
    times = np.array([factors[own].max() if len(own) else 1.0 for own in seen])
    # The copies are the whole numbers that the running sum passes: on average, the factors are met exactly.
    ends = np.floor(np.cumsum(times) + 1e-9).astype(int)
    places = np.repeat(np.arange(len(seen)), np.diff(ends, prepend=0))
    names = [str(position) for position in range(len(places))]
    return Split(names, lambda position: split[int(places[position])])
