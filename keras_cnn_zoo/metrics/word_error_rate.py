"""Word error rate of recognized text."""

import keras

from keras_cnn_zoo.metrics.error_rate import ErrorRate


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class WordErrorRate(ErrorRate):
    """Edit distance between recognized and true text in words, per true word.

    It is `(substitutions + deletions + insertions) / true words`, with sums over all examples so far. 0 is
    perfect, and values above 1 are possible. Words are separated by spaces. jiwer counts the edits, so the
    result equals `jiwer.wer` on the same strings. Without any true word it is the number of insertions. For
    images of single words it is the fraction of wrong words.

    Both arguments are a batch of texts in one of two forms, with equal or different lengths:

    - strings: a list, array, or tensor of `str` or UTF-8 `bytes`;
    - class ids, one per word: an integer array `(batch, length)` or a list of integer sequences. Negative ids
      and `mask_index` are left out.

    The distances are computed on the host, so call the metric eagerly, for example on the output of
    `predict`. As a metric of `compile` it works with `run_eagerly=True` on TensorFlow and PyTorch, but not on
    JAX, where Keras traces metrics first. It needs the package jiwer.

    Reference: Levenshtein, 1966, "Binary Codes Capable of Correcting Deletions, Insertions and Reversals".

    Args:
        name: Name of the metric. Defaults to `"word_error_rate"`.
        dtype: Dtype of the counts, exact up to 16.7 million words in float32; None for Keras' float type.
        mask_index: Class id to leave out, such as padding or CTC's blank, or None to leave out only negative
            ids. Defaults to None.

    Call arguments:
        y_true: The true texts.
        y_pred: The recognized texts.
        sample_weight: A weight for each example, or None.

    Raises:
        ValueError: for a `mask_index` that is not an integer, texts of another form, or batches of different
            lengths.

    >>> metric = WordErrorRate()
    >>> metric.update_state(["the cat sat", "mat"], ["the bat sat", "mat"])
    >>> round(float(metric.result()), 3)
    0.25
    """

    separator = " "

    def __init__(self, name="word_error_rate", dtype=None, *, mask_index=None):
        super().__init__(name, dtype, mask_index=mask_index)

    @staticmethod
    def count(reference, hypothesis):
        import jiwer

        return jiwer.process_words(reference, hypothesis)
