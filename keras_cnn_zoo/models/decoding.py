"""From a network's outputs to what a person asked for: pure NumPy, one function per kind of output."""

import numpy as np

from keras_cnn_zoo.utils.arrays import to_numpy


def _softmax(logits):
    logits = np.asarray(logits, dtype="float64")
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def decode_classes(logits, class_names=None, *, top=5):
    """One dict per row of `logits`: `class_id`, `class_name`, `probability` and the `top` best in order.

    Args:
        logits: array (batch, classes).
        class_names: names in class order, or None for the ids as text.
        top: how many of the best classes to list.

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
    """Class id per pixel: (batch, height, width, classes) scores to an int32 (batch, height, width) array."""
    return np.argmax(to_numpy(logits), axis=-1).astype("int32")
