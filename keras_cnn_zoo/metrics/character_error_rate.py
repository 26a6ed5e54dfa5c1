"""Character error rate of recognized text."""

import keras

from keras_cnn_zoo.metrics.error_rate import ErrorRate


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class CharacterErrorRate(ErrorRate):
    """Edit distance between recognized and true text, per true character.

    It is `(substitutions + deletions + insertions) / true characters`, with sums over all examples so far. 0
    is perfect, and values above 1 are possible. jiwer counts the edits, so the result equals `jiwer.cer` on
    the same strings without whitespace at both ends. Without any true character it is the number of
    insertions.

    Both arguments are a batch of texts in one of two forms, with equal or different lengths:

    - strings: a list, array, or tensor of `str` or UTF-8 `bytes`;
    - class ids: an integer array `(batch, length)` or a list of integer sequences. Negative ids (the padding
      of `keras.ops.ctc_decode`) and `mask_index` are left out.

    Decode the scores of a CTC model first: `keras.ops.ctc_decode(y_pred, lengths)[0][0]` gives class ids. If
    the true ids are padded with the blank 0, use `mask_index=0`.

    The distances are computed on the host, so call the metric eagerly, for example on the output of
    `predict`. As a metric of `compile` it works with `run_eagerly=True` on TensorFlow and PyTorch, but not on
    JAX, where Keras traces metrics first. It needs the package jiwer.

    Reference: Levenshtein, 1966, "Binary Codes Capable of Correcting Deletions, Insertions and Reversals".

    Args:
        name: Name of the metric. Defaults to `"character_error_rate"`.
        dtype: Dtype of the counts, exact up to 16.7 million characters in float32; None for Keras' float
            type.
        mask_index: Class id to leave out, such as padding or CTC's blank, or None to leave out only negative
            ids. Defaults to None.

    Call arguments:
        y_true: The true texts.
        y_pred: The recognized texts.
        sample_weight: A weight for each example, or None.

    Raises:
        ValueError: for a `mask_index` that is not an integer, texts of another form, or batches of different
            lengths.

    >>> metric = CharacterErrorRate()
    >>> metric.update_state(["kitten", "abcd"], ["sitting", "abcd"])
    >>> round(float(metric.result()), 3)
    0.3
    """

    def __init__(self, name="character_error_rate", dtype=None, *, mask_index=None):
        super().__init__(name, dtype, mask_index=mask_index)

    @staticmethod
    def count(reference, hypothesis):
        import jiwer

        return jiwer.process_characters(reference, hypothesis)
