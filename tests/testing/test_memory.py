"""Memory is measured and given back."""

import weakref

import keras
import numpy as np
import pytest

from keras_cnn_zoo.testing import memory


def test_memory_is_measured_in_megabytes():
    if not memory.peak():
        pytest.skip("this system does not report the memory of a process")
    before = memory.used()
    held = np.ones(50 * 2**20, "uint8")
    grown = memory.used() - before
    assert 40 <= grown <= 200, f"{held.nbytes} bytes more are {grown} MB"
    assert memory.used() <= memory.peak()


def test_what_nothing_refers_to_is_released():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.predict(np.zeros((1, 3)), verbose=0)
    lost = weakref.ref(model.layers[0])
    del model
    memory.release()
    assert lost() is None


def test_a_release_keeps_what_is_in_use():
    layer = keras.layers.Dense(2)
    outputs = keras.ops.convert_to_numpy(layer(np.ones((1, 3))))
    memory.release()
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(np.ones((1, 3)))), outputs)
