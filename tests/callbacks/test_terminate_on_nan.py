"""Training stops under Keras' `TerminateOnNaN` when the weights are NaN, whichever part could hide it."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo import layers, losses

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(8, 6)).astype("float32")
MAPS = RNG.normal(size=(8, 4, 4, 3)).astype("float32")
CLASSES = np.array([0, 0, 1, 1, 2, 2, 0, 1])
BOXES = np.array([[0.0, 0.0, 2.0, 2.0]] * 8, "float32")


def cosines():
    """Returns a model whose features alone become NaN."""
    model = keras.Sequential([keras.layers.Dense(4), layers.CosineDense(3, trainable=False)])
    return model, losses.ArcFace(), VECTORS, CLASSES


def boxes():
    return keras.Sequential([keras.layers.Dense(4)]), losses.BoxIoU("ciou"), VECTORS, BOXES


def embeddings():
    return keras.Sequential([keras.layers.Dense(4)]), losses.Histogram(), VECTORS, CLASSES


def descriptors():
    return keras.Sequential([layers.VLAD(2)]), "mean_squared_error", MAPS, np.zeros((8, 6), "float32")


def log_variances():
    """Returns a model in which NaN comes only from the log variance."""
    inputs = keras.Input((6,))
    spread = keras.layers.Dense(3, name="log_variance")(inputs)
    codes = layers.GaussianSampling()(keras.layers.concatenate([inputs[:, :3], spread]))
    return keras.Model(inputs, codes), "mean_squared_error", VECTORS, VECTORS[:, :3]


MODELS = [cosines, boxes, embeddings, descriptors, log_variances]


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_nan_weights_stop_training(build):
    model, loss, inputs, targets = build()
    model.compile("sgd", loss, jit_compile=False)
    model(inputs)
    for weight in model.trainable_variables:
        weight.assign(np.full(weight.shape, np.nan))
    history = model.fit(
        inputs, targets, batch_size=8, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()]
    )
    assert np.isnan(history.history["loss"]).all()
    assert history.epoch == [0]


def test_numbers_train_on():
    model, loss, inputs, targets = cosines()
    model.compile("sgd", loss, jit_compile=False)
    history = model.fit(
        inputs, targets, batch_size=8, epochs=2, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()]
    )
    assert np.isfinite(history.history["loss"]).all()
    assert history.epoch == [0, 1]
