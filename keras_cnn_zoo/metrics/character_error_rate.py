"""Character error rate of recognized text."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import validation

# Class ids become characters of the planes above Unicode's first, where no whitespace is that would be
# stripped.
FIRST_CHARACTER = 0x10000
MAX_CLASS = 0x10FFFF - FIRST_CHARACTER


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class CharacterErrorRate(keras.metrics.Metric):
    """Edit distance between recognized and true text, per true character.

    `(substitutions + deletions + insertions) / true characters`, the sums over all examples so far; 0 is
    perfect, and 1 can be exceeded. Counted by jiwer, so that it equals `jiwer.cer` on the same strings,
    whitespace at both ends of a string left out. With no true character at all it is the number of
    insertions.

    Both arguments are a batch of texts in one of two forms, not necessarily the same length:

    - strings: a list, array or tensor of `str` or UTF-8 `bytes`;
    - class ids: an integer array `(batch, length)` or a list of integer sequences, in which `mask_index`
      (padding, or CTC's blank) and negative ids (the padding of `keras.ops.ctc_decode`) are left out.

    Scores of a CTC model are decoded first: `keras.ops.ctc_decode(y_pred, lengths)[0][0]` gives class ids.

    The distances are computed on the host: call the metric eagerly, for example on what `predict` returns. As
    a metric of `compile` it works with `run_eagerly=True` on TensorFlow and PyTorch, and not on JAX, where
    Keras traces metrics first. Needs the package jiwer.

    Reference: Levenshtein, 1966, "Binary Codes Capable of Correcting Deletions, Insertions and Reversals".

    Args:
        name: Name of the metric. Defaults to `"character_error_rate"`.
        dtype: Dtype of the counts, exact up to 16.7 million characters in float32; None for Keras' float
            type.
        mask_index: Class id to leave out, as in `keras.ops.ctc_decode`, or None. Defaults to 0.

    Call arguments:
        y_true: The true texts.
        y_pred: The recognized texts.
        sample_weight: A weight for each example, or None.

    Raises:
        ValueError: for a `mask_index` that is no integer, texts of another form, or batches of different
            lengths.

    >>> metric = CharacterErrorRate()
    >>> metric.update_state(["kitten", "abcd"], ["sitting", "abcd"])
    >>> round(float(metric.result()), 3)
    0.3
    """

    def __init__(self, name="character_error_rate", dtype=None, *, mask_index=0):
        super().__init__(name=name, dtype=dtype)
        self.mask_index = validation.non_negative_integer("mask_index", mask_index, optional=True)
        self.errors = self.add_weight(name="errors", initializer="zeros")
        self.characters = self.add_weight(name="characters", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        references = _texts("y_true", y_true, self.mask_index)
        hypotheses = _texts("y_pred", y_pred, self.mask_index)
        if len(references) != len(hypotheses):
            raise ValueError(
                "`y_true` and `y_pred` must hold the same number of texts. "
                f"Received: {len(references)} and {len(hypotheses)}"
            )
        counts = np.array([_errors_and_length(*pair) for pair in zip(references, hypotheses, strict=True)])
        counts = counts.reshape(len(references), 2).astype("float64")
        if sample_weight is not None:
            weights = np.asarray(_on_host("sample_weight", sample_weight), dtype="float64").reshape(-1, 1)
            if len(weights) != len(counts):
                raise ValueError(
                    "`sample_weight` must hold one weight per text. "
                    f"Received: {len(weights)} weights for {len(counts)} texts"
                )
            counts = counts * weights
        errors, characters = counts.sum(axis=0)
        self.errors.assign_add(float(errors))
        self.characters.assign_add(float(characters))

    def result(self):
        characters = ops.convert_to_tensor(self.characters)
        return self.errors / ops.where(characters > 0, characters, ops.ones_like(characters))

    def get_config(self):
        return {**super().get_config(), "mask_index": self.mask_index}


def _errors_and_length(reference, hypothesis):
    import jiwer

    counts = jiwer.process_characters(reference, hypothesis)
    return (
        counts.substitutions + counts.deletions + counts.insertions,
        counts.hits + counts.substitutions + counts.deletions,
    )


def _on_host(name, values):
    if not ops.is_tensor(values):
        return values
    try:
        return ops.convert_to_numpy(values)
    except (NotImplementedError, TypeError) as error:
        raise RuntimeError(
            "`CharacterErrorRate` compares texts on the host and cannot be compiled: call it outside `fit`, "
            f"or use `compile(run_eagerly=True)` on TensorFlow or PyTorch. Received: {name}={values}"
        ) from error


def _texts(name, values, mask_index):
    """The batch as a list of strings."""
    values = _on_host(name, values)
    if isinstance(values, (str, bytes)):
        values = [values]
    if isinstance(values, np.ndarray) and values.dtype.kind in "OUS" and values.shape[1:] == (1,):
        values = values[:, 0]
    if not isinstance(values, (list, tuple, np.ndarray)) or np.ndim(values[:0]) == 0:
        validation.fail(name, "a batch of strings or of sequences of class ids", values)
    return [_text(name, value, mask_index) for value in values]


def _text(name, value, mask_index):
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, str):
        return str(value)
    ids = np.asarray(_on_host(name, value))
    if (
        ids.ndim != 1
        or ids.dtype.kind not in "iuf"
        or not np.all(ids == np.floor(ids))
        or np.any(ids > MAX_CLASS)
    ):
        raise ValueError(
            f"`{name}` must hold strings, or sequences of class ids up to {MAX_CLASS}; decode scores first. "
            f"Received: an example of shape {ids.shape} and dtype {ids.dtype}"
        )
    kept = [int(item) for item in ids if item >= 0 and item != mask_index]
    return "".join(chr(FIRST_CHARACTER + item) for item in kept)
