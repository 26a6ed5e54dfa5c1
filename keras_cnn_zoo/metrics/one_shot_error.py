"""Error of one-shot classification: recognizing classes from one example each."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

KINDS = ("similarity", "distance")


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class OneShotError(keras.metrics.MeanMetricWrapper):
    """Fraction of one-shot trials in which an example is assigned to the wrong class.

    A trial compares a test example with one support example from each of `ways` classes, one of them its own,
    and chooses the most similar one. Guessing fails in `1 - 1 / ways` of the trials. If several are equally
    similar, the trial counts with the probability that a random one of them is wrong, so a network with
    constant output is no better than guessing. The standard is the mean over 400 trials of 20 ways, for which
    `one_shot_trials` draws examples. It works in `fit` on every backend.

    Reference: Koch, Zemel, Salakhutdinov, 2015, "Siamese Neural Networks for One-shot Image Recognition", by
    the trials of Lake, Salakhutdinov, Tenenbaum, 2015, "Human-level Concept Learning through Probabilistic
    Program Induction", whose published script errs as this metric does.

    Args:
        kind: "similarity" if the largest score wins, "distance" if the smallest. Defaults to "similarity".
        name: Name of the metric.
        dtype: Dtype of the result.

    Call arguments:
        y_true: Index of the right support example in each trial, `(trials,)` or `(trials, 1)`.
        y_pred: Scores of the test example with each support example, `(trials, ways)`.
        sample_weight: A weight for each trial, or None.

    Output shape:
        A scalar in [0, 1].

    Raises:
        ValueError: for another `kind`, or scores of other shapes.

    >>> metric = OneShotError()
    >>> metric.update_state([0, 2], [[0.9, 0.1, 0.3], [0.2, 0.8, 0.5]])
    >>> print(float(metric.result()))
    0.5
    """

    def __init__(self, kind="similarity", name="one_shot_error", dtype=None):
        self.kind = validation.one_of("kind", kind, KINDS)
        super().__init__(_errors, name=name, dtype=dtype, kind=kind)
        self._direction = "down"  # Keras' callbacks read this for `mode="auto"`.

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "kind": self.kind}


def _errors(y_true, y_pred, kind):
    """Returns the probability of an error in each trial."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) != 2 or tuple(y_true.shape[1:]) not in ((), (1,)) or not len(y_true.shape):
        raise ValueError(
            "`y_true` must be (trials,) or (trials, 1), and `y_pred` (trials, ways). "
            f"Received: {tuple(y_true.shape)} and {tuple(y_pred.shape)}"
        )
    dtype = at_least_float32(y_pred.dtype)
    scores = ops.cast(y_pred, dtype)
    scores = -scores if kind == "distance" else scores
    complete = ops.all(ops.equal(scores, scores), axis=1, keepdims=True)
    best = ops.cast((scores >= ops.max(scores, axis=1, keepdims=True)) & complete, dtype)
    ways = ops.arange(scores.shape[1], dtype="int32")
    right = ops.cast(ops.reshape(ops.cast(y_true, "int32"), (-1, 1)) == ways, dtype)
    # In a trial with a NaN nothing is best, so it counts as an error.
    return 1 - ops.sum(best * right, axis=1) / ops.maximum(ops.sum(best, axis=1), 1)


def one_shot_trials(class_ids, *, ways=20, runs=20, seed=0):
    """Draws the trials of a one-shot evaluation from labeled examples.

    Each run draws `ways` classes and two examples of each, one as test example and one as support example.
    Each test example is compared with all support examples of its run. The defaults give 400 trials, as in
    both papers. The papers draw from one alphabet and two writers per run. To use one alphabet per run, call
    this function once per alphabet.

    Args:
        class_ids: The class of each example, `(examples,)`.
        ways: Classes in a trial, at least 2. Defaults to 20.
        runs: Draws of classes and examples, each giving `ways` trials. Defaults to 20.
        seed: Seed of the draws. Defaults to 0.

    Returns:
        Three integer arrays: the index of each trial's test example, `(trials,)`, the indices of its support
        examples, `(trials, ways)`, and the position of the right one among them, `(trials,)`.

    Raises:
        ValueError: for an argument outside its range, or too few classes with two examples.

    >>> tests, supports, places = one_shot_trials(np.arange(40) // 4, ways=5, runs=3)
    >>> print(tests.shape, supports.shape, places.shape)
    (15,) (15, 5) (15,)
    """
    validation.positive_integer("runs", runs)
    validation.non_negative_integer("seed", seed)
    if validation.positive_integer("ways", ways) < 2:
        validation.fail("ways", "at least 2", ways)
    class_ids = np.asarray(class_ids)
    if class_ids.ndim != 1:
        raise ValueError(f"`class_ids` must have one axis. Received: an array of shape {class_ids.shape}")
    members = [np.flatnonzero(class_ids == class_id) for class_id in np.unique(class_ids)]
    members = [examples for examples in members if len(examples) > 1]
    if len(members) < ways:
        raise ValueError(
            f"`class_ids` must have {ways} classes with two or more examples. Received: {len(members)}"
        )
    generator = np.random.default_rng(seed)
    tests, supports = [], []
    for _ in range(runs):
        classes = generator.choice(len(members), ways, replace=False)
        pairs = np.stack([generator.choice(members[number], 2, replace=False) for number in classes])
        tests.append(pairs[:, 0])
        supports.append(np.tile(pairs[:, 1], (ways, 1)))
    return np.concatenate(tests), np.concatenate(supports), np.tile(np.arange(ways), runs)
