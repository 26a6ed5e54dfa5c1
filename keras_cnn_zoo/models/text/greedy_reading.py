"""A layer that decodes the best path, for exported networks."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class GreedyReading(layers.Layer):
    """Layer from the logits of columns to the characters of their best path, in static shapes.

    Call arguments:
        inputs: logits (batch, columns, classes), class 0 the blank.

    Output shape:
        ids, int32 (batch, columns): position of each character in `class_names`, then -1;
        score, float32 (batch,): probability of the path.
    """

    def call(self, inputs):
        logits = ops.cast(inputs, "float32")
        columns, classes = logits.shape[1:]
        # logits (batch, columns, classes) -> path (batch, columns) -> characters without repeats and blanks,
        # moved to the front by their running count -> ids (batch, columns).
        # Keras' argmax on TensorFlow uses bit operations on floats, which ONNX does not have.
        best = ops.equal(logits, ops.max(logits, axis=-1, keepdims=True))
        places = ops.cast(ops.reshape(ops.arange(classes), (1, 1, classes)), "int32")
        path = ops.min(ops.where(best, places, classes), axis=-1)
        before = ops.concatenate([ops.zeros_like(path[:, :1]), path[:, :-1]], axis=1)
        fresh = ops.cast(ops.logical_and(path != 0, path != before), "int32")
        # Character j is the one where the running count becomes j + 1.
        count = ops.cumsum(fresh, axis=1)
        places = ops.cast(ops.reshape(ops.arange(1, columns + 1), (1, 1, columns)), "int32")
        chosen = ops.cast(ops.equal(ops.expand_dims(count, -1), places), "int32") * ops.expand_dims(fresh, -1)
        ids = ops.sum(chosen * ops.expand_dims(path, -1), axis=1) - 1
        score = ops.exp(ops.sum(ops.max(ops.log_softmax(logits, axis=-1), axis=-1), axis=1))
        return ops.cast(ids, "int32"), score

    def compute_output_spec(self, inputs):
        batch, columns = inputs.shape[:2]
        return (
            keras.KerasTensor((batch, columns), dtype="int32"),
            keras.KerasTensor((batch,), dtype="float32"),
        )
