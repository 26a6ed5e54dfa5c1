"""Labels of a loss that are class ids: large ids, -1, and labels that are no class (C4, C6, C11, C13).

`labels="classes"`: ids below the number of scores in the last axis of `y_pred`
`labels="ids"`: ids up to 2^31 - 1, of which only equality matters, as in a loss of embeddings
"""

import keras
import numpy as np

from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.guarantees import Broken

LARGEST = 2**31 - 1
# Dtype, and the smallest odd number that it rounds to another.
ROUNDED = (("bfloat16", 257), ("float16", 2049))
DTYPES = ("float32", "bfloat16", "float16")

KEEP_INTEGERS = (
    "override `__call__`, because keras.losses.Loss casts labels to the dtype of the loss, and keep integers"
)
LEAVE_OUT = "give entries with the label -1 the weight 0, and divide by the number of the others"
REFUSE = (
    "compare the labels with the range of classes, and raise a ValueError that names `y_true` and the label"
)
GIVE_NAN = (
    "multiply the loss by NaN where a label is outside the classes: compiled code cannot raise an error"
)
TWO_UNITS = "refuse scores with a last axis of one: its only score is that of class 0, not of class 1"


def require_exact_ids(case):
    """Requires that no two class ids count as the same because a dtype rounds them: a part of C4."""
    if case.labels == "ids":
        _require_large_ids(case)
    elif case.labels == "classes":
        for dtype, label in ROUNDED:
            _require_exact_class(case, dtype, label)


def _require_large_ids(case):
    """Requires the loss of small ids from large ones, unless they are refused."""
    names, places = np.unique(case.y_true, return_inverse=True)
    count = np.arange(len(names))
    for dtype in DTYPES:
        expected = _each(case, count[places].reshape(case.y_true.shape), case.y_pred, dtype)
        for large in (2**24 + count, LARGEST - count):
            try:
                actual = _each(case, large[places].reshape(case.y_true.shape), case.y_pred, dtype)
            except ValueError:
                continue
            what = (
                f"dtype={dtype!r}: the class ids {large[0]}, {large[1]}, ... give another loss than 0, 1, ..."
            )
            probe.require_equal(actual, expected, what, KEEP_INTEGERS)


def _require_exact_class(case, dtype, label):
    """Requires a loss nearer to that of the class than to that of the one before, to which it is rounded."""
    # The class has the highest score of the case, all others have the lowest.
    scores = np.full((*case.y_pred.shape[:-1], label + 2), case.y_pred.min())
    scores[..., label] = case.y_pred.max()
    labels = [np.full(case.y_true.shape, each) for each in (label, label - 1)]
    right, wrong = (_each(case, each, scores, "float32") for each in labels)
    actual = _each(case, labels[0], scores, dtype)
    if not np.abs(actual - right).sum() < np.abs(actual - wrong).sum():
        raise Broken(f"dtype={dtype!r}: class {label} has the loss of class {label - 1}", KEEP_INTEGERS)


def require_left_out(case):
    """Requires the loss of the other examples if those of the first are labeled -1: a part of C13."""
    if case.labels is None:
        return
    dtype = probe.wide_dtype()
    labels = np.array(case.y_true, "int64")
    labels[0] = -1
    rest = keras.tree.map_structure(lambda array: array[1:], case.y_pred)
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight"):
        component = case.make(dtype=dtype, reduction=reduction)
        actual, expected = (
            probe.as_numpy(component(*pair)) for pair in ((labels, case.y_pred), (labels[1:], rest))
        )
        what = "an example with the label -1 changes the mean of the others"
        probe.require_equal(actual, expected, what, LEAVE_OUT, tolerance=1e-6)
    alone = probe.as_numpy(case.make(dtype=dtype)(np.full_like(labels, -1), case.y_pred))
    probe.require_equal(alone, np.zeros_like(alone), "a batch of labels -1 has a loss", LEAVE_OUT)


def require_refusals(case):
    """Requires a ValueError for labels that are no class: a part of C11."""
    if case.labels is None:
        return
    for label in _bad_labels(case):
        labels = np.array(case.y_true, type(label))
        labels[(0,) * labels.ndim] = label
        _require_value_error(
            lambda labels=labels: case.make()(labels, case.y_pred),
            ("y_true", str(label)),
            f"label {label}",
            REFUSE,
        )
    if case.labels == "classes":
        _require_value_error(
            lambda: case.make()(np.zeros_like(case.y_true), case.y_pred[..., :1]),
            ("y_pred", "1)"),
            "a last axis of one score",
            TWO_UNITS,
        )


def require_nan(case, compiled):
    """Requires NaN for a label that is no class in compiled code, and a number for -1: a part of C6."""
    if case.labels is None:
        return
    component = case.make()

    def program(labels, *leaves):
        return component(labels, keras.tree.pack_sequence_as(case.y_pred, leaves))

    scores = probe.as_tensors([array.astype("float32") for array in keras.tree.flatten(case.y_pred)])
    program = compiled(program)
    for label in (-1, *_bad_labels(case)):
        if not isinstance(label, int) or label > LARGEST:
            continue
        labels = np.array(case.y_true, "int32")
        labels[(0,) * labels.ndim] = label
        value = probe.as_numpy(program(*probe.as_tensors([labels]), *scores))
        if np.isnan(value).any() != (label != -1):
            raise Broken(
                f"the compiled loss of a label {label} is {value}", LEAVE_OUT if label == -1 else GIVE_NAN
            )


def _bad_labels(case):
    """Returns labels of which each must be refused."""
    above = (LARGEST + 1,) if case.labels == "ids" else (case.y_pred.shape[-1], 2**24, LARGEST)
    bad = (-2, 0.5, *above)
    return [label for label in bad if label != case.init_kwargs.get("ignore_class")]


def _each(case, labels, scores, dtype):
    """Returns the losses of the examples as float64."""
    values = case.make(reduction="none", dtype=dtype)(labels, scores)
    return probe.as_numpy(values).astype("float64")


def _require_value_error(call, words, what, advice):
    try:
        call()
    except ValueError as error:
        missing = [word for word in words if word not in str(error)]
        if missing:
            raise Broken(f"the message for {what} lacks {missing[0]!r}: {error}", advice) from error
    except Exception as error:
        raise Broken(f"{what} raises {type(error).__name__} instead of ValueError", advice) from error
    else:
        raise Broken(f"{what} is accepted", advice)
