"""`import keras_cnn_zoo` loads little and is fast, and the package works with only JAX installed.

Each test runs in a separate process, because it needs a fresh interpreter.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.blocked import NO_TENSORFLOW
from tests.policy import sources

ROOTS = """
import json, sys
import keras
before = {name.split(".")[0] for name in sys.modules}
import keras_cnn_zoo
after = {name.split(".")[0] for name in sys.modules}
print(json.dumps(sorted(after - before - set(sys.stdlib_module_names))))
"""

# The processor time of the thread, so that other load on the machine does not fail the test.
TIME = """
import time
import keras
start = time.thread_time()
import keras_cnn_zoo
print(time.thread_time() - start)
"""

LAZY = """
import sys
import keras_cnn_zoo
names = ("catalog", "data", "distribution", "drawing", "search", "tasks", "testing", "training")
for name in names:
    assert f"keras_cnn_zoo.{name}" not in sys.modules, f"{name} was loaded with the package"
for name in names:
    assert name in dir(keras_cnn_zoo)
    assert getattr(keras_cnn_zoo, name) is sys.modules[f"keras_cnn_zoo.{name}"]
try:
    keras_cnn_zoo.pooling
except AttributeError as error:
    assert "pooling" in str(error)
else:
    raise AssertionError("an unknown name was found")
print("done")
"""

FIT = """
import os
import numpy as np
import keras
assert keras.backend.backend() == "jax"
from keras_cnn_zoo import catalog, layers, losses, metrics, models

catalog.entries()
model = models.LeNet5(3, input_shape=(28, 28, 1))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
random = np.random.default_rng(0)
images = random.uniform(size=(8, 28, 28, 1)).astype("float32")
before = [np.asarray(weight) for weight in model.trainable_weights]
history = model.fit(images, np.arange(8) % 3, epochs=1, batch_size=4, verbose=0)
assert np.isfinite(history.history["loss"][0])
assert any(np.any(np.asarray(weight) != old) for weight, old in zip(model.trainable_weights, before))
assert "tensorflow" not in __import__("sys").modules
print("trained")
"""


def run(code, backend):
    """Runs code in a fresh interpreter and returns the last line that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=sources.ROOT,
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_package_loads_nothing_beyond_keras_and_numpy(backend):
    added = set(json.loads(run(ROOTS, backend)))
    assert added == {"keras_cnn_zoo"}


def test_the_package_adds_less_than_0_3_seconds_to_keras():
    assert min(float(run(TIME, "jax")) for _ in range(2)) < 0.3


def test_other_modules_are_loaded_on_access():
    assert run(LAZY, "jax") == "done"


def test_a_model_trains_on_jax_without_tensorflow():
    assert run(NO_TENSORFLOW + FIT, "jax") == "trained"


def test_tensorflow_is_blocked_in_the_test_above():
    probe = "try:\n    import tensorflow\nexcept ModuleNotFoundError as error:\n    print(error.name)"
    assert run(NO_TENSORFLOW + probe, "jax") == "tensorflow"
