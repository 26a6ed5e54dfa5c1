"""Decodes a network's outputs, in NumPy, with one function per kind of output."""

import numpy as np

from keras_cnn_zoo.utils.arrays import to_numpy


def _softmax(logits):
    logits = np.asarray(logits, dtype="float64")
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def decode_classes(logits, class_names=None, *, top=5):
    """Returns a dict per row of `logits`: `class_id`, `class_name`, `probability`, and the best in `top`.

    Args:
        logits: array (batch, classes).
        class_names: names in class order, or None for the ids as text.
        top: number of classes to list, best first.

    Returns:
        A list of dicts of plain Python values.
    """
    probabilities = _softmax(to_numpy(logits))
    names = class_names or tuple(str(index) for index in range(probabilities.shape[-1]))
    decoded = []
    for row in probabilities:
        order = np.argsort(-row, kind="stable")[:top]
        best = int(order[0])
        decoded.append(
            {
                "class_id": best,
                "class_name": names[best],
                "probability": float(row[best]),
                "top": [{"class_name": names[i], "probability": float(row[i])} for i in order],
            }
        )
    return decoded


def decode_masks(logits):
    """Returns class ids as int32 (batch, height, width) of scores (batch, height, width, classes)."""
    return np.argmax(to_numpy(logits), axis=-1).astype("int32")
