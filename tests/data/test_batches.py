import json
import os
import subprocess
import sys

import numpy as np
import pytest

from keras_cnn_zoo.data.batches import Batches
from keras_cnn_zoo.utils.errors import InputError

SPLIT = [{"x": np.full((2,), i, "float32")} for i in range(10)]


def prepare(examples, seed):
    rng = np.random.default_rng(seed)
    x = np.stack([example["x"] for example in examples])
    return x + rng.uniform(0, 0.1, size=x.shape).astype("float32"), x[:, :1]


def epoch_of(batches):
    return np.concatenate([batches[i][0] for i in range(len(batches))])


def test_order_and_draws_depend_only_on_seed_and_epoch():
    one = Batches(SPLIT, prepare, batch_size=3, seed=4, training=True)
    first = epoch_of(one)
    one.on_epoch_end()
    second = epoch_of(one)
    assert not np.array_equal(first, second)
    again = Batches(SPLIT, prepare, batch_size=3, seed=4, training=True)
    again.epoch = 2
    np.testing.assert_array_equal(second, epoch_of(again))
    other = Batches(SPLIT, prepare, batch_size=3, seed=5, training=True)
    assert not np.array_equal(first, epoch_of(other))


def test_training_drops_a_smaller_last_batch_and_evaluation_keeps_it():
    assert len(Batches(SPLIT, prepare, batch_size=3, training=True)) == 3
    measuring = Batches(SPLIT, prepare, batch_size=3)
    assert len(measuring) == 4 and len(measuring[3][0]) == 1
    np.testing.assert_array_equal(epoch_of(measuring).astype("int")[:, 0], np.arange(10))


def test_every_example_occurs_once_per_epoch():
    batches = Batches(SPLIT, prepare, batch_size=5, seed=1, training=True)
    assert sorted(epoch_of(batches).astype("int")[:, 0]) == list(range(10))


def test_a_batch_is_never_larger_than_the_training_split():
    batches = Batches(SPLIT[:2], prepare, batch_size=64, training=True)
    assert len(batches) == 1 and len(batches[0][0]) == 2


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="`split` must have examples"):
        Batches([], prepare, batch_size=2)


_FIT = """
import json, sys
import keras, numpy as np
from tests.data.test_batches import SPLIT, prepare
from keras_cnn_zoo.data.batches import Batches
from keras_cnn_zoo.utils.errors import InputError
seen = []
class Spy(Batches):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        seen.append([self.epoch, index, float(x.sum())])
        return x, y
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", jit_compile=False)
spy = Spy(SPLIT, prepare, batch_size=3, seed=4, training=True)
# Batches that Keras reads before the first epoch do not count.
start = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seen.clear())
model.fit(spy, initial_epoch=1, epochs=4, shuffle=False, verbose=0, callbacks=[spy.clock(), start])
print(json.dumps(seen))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_fit_sees_the_same_epochs_on_every_backend(backend):
    pytest.importorskip(backend)
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, "-c", _FIT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    rows = json.loads(result.stdout.strip().splitlines()[-1])
    seen = {tuple(row[:2]): row[2] for row in rows}
    assert sorted(seen) == [(epoch, index) for epoch in (2, 3, 4) for index in range(3)] and len(rows) == 9
    for epoch in (2, 3, 4):
        batches = Batches(SPLIT, prepare, batch_size=3, seed=4, training=True)
        batches.epoch = epoch
        for index in range(len(batches)):
            assert seen[epoch, index] == pytest.approx(float(batches[index][0].sum()), rel=1e-6)


@pytest.mark.parametrize("where", ["split", "prepare"])
def test_the_error_of_a_bad_example_is_the_one_that_is_raised(where):
    class Bad:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return bad() if where == "split" else SPLIT[index]

    def bad(*arguments):
        raise InputError("7.png is damaged")

    batches = Batches(Bad(), bad, batch_size=2)
    with pytest.raises(InputError, match="7.png is damaged"), batches.own_errors():
        try:
            batches[0]
        except InputError:
            # As TensorFlow does with errors of its loader threads.
            raise RuntimeError("UNKNOWN: error in a thread") from None
