"""Base class of the error rates of texts: texts in several forms, and edits counted on the host."""

import abc

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.metrics.host import on_host
from keras_cnn_zoo.utils import validation

# Class ids become characters above Unicode's first plane, where no whitespace would be stripped.
FIRST_CHARACTER = 0x10000
MAX_CLASS = 0x10FFFF - FIRST_CHARACTER


class ErrorRate(keras.metrics.Metric, abc.ABC):
    """Edits between recognized and true texts per unit of the true texts; subclasses define the unit."""

    # Joins the units of a text that is given as class ids.
    separator = ""

    def __init__(self, name, dtype, *, mask_index):
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"  # Keras' callbacks read this for `mode="auto"`.
        self.mask_index = validation.non_negative_integer("mask_index", mask_index, optional=True)
        self.errors = self.add_weight(name="errors", initializer="zeros")
        self.length = self.add_weight(name="length", initializer="zeros")

    @staticmethod
    @abc.abstractmethod
    def count(reference, hypothesis):
        """Returns jiwer's counts for two strings."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        references = self._texts("y_true", y_true)
        hypotheses = self._texts("y_pred", y_pred)
        if len(references) != len(hypotheses):
            raise ValueError(
                "`y_true` and `y_pred` must have the same number of texts. "
                f"Received: {len(references)} and {len(hypotheses)}"
            )
        counts = np.array(
            [self._errors_and_length(*pair) for pair in zip(references, hypotheses, strict=True)]
        )
        counts = counts.reshape(len(references), 2).astype("float64")
        if sample_weight is not None:
            weights = np.asarray(self._on_host("sample_weight", sample_weight), dtype="float64")
            weights = weights.reshape(-1, 1)
            if len(weights) != len(counts):
                raise ValueError(
                    "`sample_weight` must have one weight per text. "
                    f"Received: {len(weights)} weights for {len(counts)} texts"
                )
            counts = counts * weights
        errors, length = counts.sum(axis=0)
        self.errors.assign_add(float(errors))
        self.length.assign_add(float(length))

    def result(self):
        length = ops.convert_to_tensor(self.length)
        return self.errors / ops.where(length > 0, length, ops.ones_like(length))

    def get_config(self):
        return {**super().get_config(), "mask_index": self.mask_index}

    def _errors_and_length(self, reference, hypothesis):
        counts = self.count(reference, hypothesis)
        return (
            counts.substitutions + counts.deletions + counts.insertions,
            counts.hits + counts.substitutions + counts.deletions,
        )

    def _on_host(self, name, values):
        return on_host(type(self).__name__, "texts", name, values)

    def _texts(self, name, values):
        """Returns the batch as a list of strings."""
        values = self._on_host(name, values)
        if isinstance(values, (str, bytes)):
            values = [values]
        if isinstance(values, np.ndarray) and values.dtype.kind in "OUS" and values.shape[1:] == (1,):
            values = values[:, 0]
        if not isinstance(values, (list, tuple, np.ndarray)) or np.ndim(values[:0]) == 0:
            validation.fail(name, "a batch of strings or of sequences of class ids", values)
        return [self._text(name, value) for value in values]

    def _text(self, name, value):
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if isinstance(value, str):
            return str(value)
        ids = np.asarray(self._on_host(name, value))
        if (
            ids.ndim != 1
            or ids.dtype.kind not in "iuf"
            or not np.all(ids == np.floor(ids))
            or np.any(ids > MAX_CLASS)
        ):
            raise ValueError(
                f"`{name}` must contain strings, or sequences of class ids up to {MAX_CLASS}. Decode scores "
                f"first. Received: an example of shape {ids.shape} and dtype {ids.dtype}"
            )
        kept = [int(item) for item in ids if item >= 0 and item != self.mask_index]
        return self.separator.join(chr(FIRST_CHARACTER + item) for item in kept)
