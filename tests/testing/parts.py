"""One component of each kind with nothing wrong, for the tests to break."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.class_scores import class_scores
from keras_cnn_zoo.losses.embeddings import labeled_embeddings
from keras_cnn_zoo.utils import validation

register = keras.saving.register_keras_serializable(package="keras_cnn_zoo_tests")


@register
class ScaledDense(keras.layers.Layer):
    """`scale * (inputs @ kernel + bias)` for inputs of rank 2."""

    def __init__(self, units, scale=1.0, *, use_bias=True, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units = validation.positive_integer("units", units)
        self.scale = validation.finite_number("scale", scale)
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(f"The input must have rank 2. Received: input_shape={tuple(input_shape)}")
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs, training=False):
        outputs = ops.einsum("bi,io->bo", inputs, self.kernel)
        return self.scale * (outputs + self.bias if self.use_bias else outputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        own = {"units": self.units, "scale": self.scale, "use_bias": self.use_bias, "seed": self.seed}
        return {**super().get_config(), **own}


DENSE = {"units": 3, "scale": 0.7, "use_bias": True, "seed": 4}


def scaled_dense(inputs, weights, units, scale=1.0, use_bias=True, seed=None):
    """Returns the reference of `ScaledDense`."""
    outputs = np.zeros((len(inputs), units))
    for example in range(len(inputs)):
        for unit in range(units):
            total = weights["bias"][unit] if use_bias else 0.0
            for place, value in enumerate(inputs[example]):
                total += value * weights["kernel"][place, unit]
            outputs[example, unit] = scale * total
    return outputs


@register
class ChannelSoftmax(keras.layers.Layer):
    """Softmax over the channels of a map, noisy in training."""

    def __init__(self, data_format=None, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = validation.data_format("data_format", data_format)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(f"The input must have rank 4. Received: input_shape={tuple(input_shape)}")

    def channels(self):
        return -1 if self.data_format == "channels_last" else 1

    def call(self, inputs, training=False):
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        logits = ops.cast(inputs, dtype)
        if training:
            noise = keras.random.normal(ops.shape(inputs), dtype="float32", seed=self.seed_generator)
            logits = logits + ops.cast(noise, dtype)
        return ops.cast(ops.softmax(logits, axis=self.channels()), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format, "seed": self.seed}


def channel_softmax(inputs, weights, data_format="channels_last", seed=None):
    """Returns the reference of `ChannelSoftmax`."""
    powers = np.exp(inputs)
    return powers / powers.sum(axis=-1 if data_format == "channels_last" else 1, keepdims=True)


@register
class Distance(keras.losses.Loss):
    """Squared difference between a score and its target, times `factor`."""

    def __init__(self, factor=1.0, *, reduction="sum_over_batch_size", name="distance", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.factor = validation.finite_number("factor", factor)

    def call(self, y_true, y_pred):
        y_true = ops.reshape(y_true, (-1, 1))
        return self.factor * ops.sum(ops.square(y_pred - y_true), axis=-1)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "dtype": self.dtype}


LABELS = np.array([0.0, 1.0, 2.0, 1.0], "float32")
SCORES = np.array([[0.5, -1.0], [0.2, 0.9], [1.7, -0.3], [0.4, 2.2]], "float32")


def distance(y_true, y_pred, factor=1.0):
    """Returns the reference of `Distance`."""
    return np.array([factor * sum((p - t) ** 2 for p in row) for t, row in zip(y_true, y_pred, strict=True)])


@register
class ClassScore(BaseClassLoss):
    """Sum of the squared distances of scores from 1 for the class, and from 0 for the others."""

    def __init__(self, *, reduction="sum_over_batch_size", name="class_score", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        labels, scores = class_scores(y_true, y_pred)
        return ops.cast(labels.mark(self.distances(labels.ids, scores)), self.dtype)

    def distances(self, ids, scores):
        own = ops.equal(ids[..., None], ops.arange(scores.shape[-1], dtype="int32"))
        return ops.sum(ops.square(scores - ops.cast(own, scores.dtype)), axis=-1)

    def get_config(self):
        return {**super().get_config(), "dtype": self.dtype}


def class_score(y_true, y_pred):
    """Returns the reference of `ClassScore`."""
    rows = zip(y_true, y_pred, strict=True)
    return np.array([sum((score - (c == label)) ** 2 for c, score in enumerate(row)) for label, row in rows])


@register
class SameClass(BaseClassLoss):
    """Sum of the squared distances from the embeddings of the same class."""

    def __init__(self, *, reduction="sum_over_batch_size", name="same_class", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        labels, embeddings = labeled_embeddings(y_true, y_pred)
        same = ops.equal(labels.ids[:, None], labels.ids[None, :])
        distances = ops.sum(ops.square(embeddings[:, None] - embeddings[None, :]), axis=-1)
        distances = ops.where(same, distances, ops.zeros_like(distances))
        return ops.cast(labels.mark(ops.sum(distances, axis=-1)), self.dtype)

    def get_config(self):
        return {**super().get_config(), "dtype": self.dtype}


CLASS_IDS = np.array([0, 1, 0, 1])


@register
class Ridge(keras.regularizers.Regularizer):
    """`factor` times the sum of squares."""

    def __init__(self, factor=0.01):
        self.factor = validation.finite_number("factor", factor)

    def __call__(self, x):
        return self.factor * ops.sum(ops.square(x))

    def get_config(self):
        return {"factor": self.factor}


@register
class Uniform(keras.initializers.Initializer):
    """Uniform in [0, high]."""

    def __init__(self, high=1.0, *, seed=None):
        self.high = validation.finite_number("high", high)
        self.seed = validation.integer("seed", seed, optional=True)

    def __call__(self, shape, dtype=None):
        return keras.random.uniform(shape, 0.0, self.high, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {"high": self.high, "seed": self.seed}


@register
class MeanError(keras.metrics.Metric):
    """Mean difference to the power of `power`, over all numbers."""

    def __init__(self, power=2, *, name="mean_error", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.power = validation.positive_integer("power", power)
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = ops.power(ops.cast(y_true, "float32") - ops.cast(y_pred, "float32"), self.power)
        self.total.assign(self.total + ops.sum(errors))
        self.count.assign(self.count + ops.size(errors))

    def result(self):
        return self.total / self.count

    def get_config(self):
        return {**super().get_config(), "power": self.power}


UPDATES = [
    (np.array([1.0, 2.0], "float32"), np.array([1.0, 0.0], "float32")),
    (np.array([0.0, 1.0, 3.0], "float32"), np.array([1.0, 1.0, 0.0], "float32")),
]


class Patience(keras.callbacks.Callback):
    """Ends training after a number of epochs in which the loss is not below its best."""

    def __init__(self, epochs=1):
        super().__init__()
        self.epochs = validation.positive_integer("epochs", epochs)

    def on_train_begin(self, logs=None):
        self.best, self.waited = float("inf"), 0

    def on_epoch_end(self, epoch, logs=None):
        self.waited = 0 if logs["loss"] < self.best else self.waited + 1
        self.best = min(self.best, logs["loss"])
        self.model.stop_training = self.waited == self.epochs


LOGS = [{"loss": loss} for loss in (3.0, 2.0, 2.5, 1.0, 1.5, 1.0, 0.5)]


def small_model():
    """Returns a network for 8 x 8 pictures and three classes."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


@register
class Picker(keras.Model):
    """The best score and the sign of one; in training the hidden layer, for a separate loss."""

    def __init__(self, units, **kwargs):
        units = validation.positive_integer("units", units)
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(8, activation="tanh", name="hidden")(inputs)
        scores = keras.layers.Dense(units, name="scores")(hidden)
        # Keras' argmax does not export to ONNX.
        picked = {"score": ops.max(scores, axis=-1), "place": ops.cast(scores[:, 0] < 0, "int32")}
        super().__init__(inputs, picked, **kwargs)
        self.units = units

    def call(self, inputs, training=None, mask=None):
        if training:
            return self.get_layer("hidden")(inputs)
        return super().call(inputs, training=training, mask=mask)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(self.get_layer("scores")(y_pred) - y["scores"]))

    def get_config(self):
        return {"name": self.name, "units": self.units}


@register
class ForgetfulPicker(Picker):
    """Its loss forgets the layer after the one that training gives."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y_pred))


def picker():
    return Picker(3)


def forgetful_picker():
    return ForgetfulPicker(3)


PICKS = {"scores": np.array([[3.0, 0.0, -3.0], [-3.0, 3.0, 0.0]], "float32")}
