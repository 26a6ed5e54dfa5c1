"""One training step of every task, compiled ahead of time for a TPU v5e by libtpu."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from keras_cnn_zoo.tasks import TASKS

# What makes each step small; tasks that are not named here are built as they come. The compiler takes minutes
# for the many layers of a ResNet, which the contract compiles too.
SMALL = {
    "classification": {"model": "resnet", "width": 0.125, "image_size": [32, 32]},
    "detection": {"backbone": "vgg11", "width": 0.125, "image_size": [64, 64], "min_level": 4},
    "language": {"width": 0.1},
    "segmentation": {"model": "deeplab", "backbone": "vgg11", "width": 0.125, "output_stride": 32},
    "text": {"width": 0.125},
    "tracking": {"width": 0.1},
}
SCRIPT = """
import json, sys, traceback
import keras
from keras_cnn_zoo import distribution
from keras_cnn_zoo.tasks import TASKS

for name, arguments in json.loads(sys.argv[1]).items():
    try:
        size = arguments.pop("image_size", None)
        task = TASKS[name](**({} if size is None else {"image_size": size}))
        source = task.load()
        model = task.build(source, **arguments)
        model.compile(task.optimizer(10), task.loss(), jit_compile=True)
        batch = task.batches(model, source, "train", batch_size=2, training=True)[0]
        found = distribution.compile_train_step(model, batch)
    except Exception:
        found = {"error": traceback.format_exc()}
    print(json.dumps({name: found}), flush=True)
    keras.utils.clear_session()
"""


@pytest.fixture(scope="module")
def costs():
    """Returns {task: cost of its step, or an error}; one process for all tasks, because it starts slowly."""
    for package in ("jax", "libtpu"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
        # As for users: the tests' default is few optimizations.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    arguments = json.dumps({name: SMALL.get(name, {}) for name in sorted(TASKS)})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, arguments], env=environment, capture_output=True, text=True
    )
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            found |= json.loads(line)
    # After a crash, the rest is missing.
    lost = f"the process ended with code {done.returncode}: {done.stderr[-3000:]}"
    return {name: found.get(name, {"error": lost}) for name in TASKS}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_train_step_compiles_for_a_tpu(name, costs):
    cost = costs[name]
    assert "error" not in cost, cost["error"]
    # The smallest of these networks has 20,000 weights and two moments for each in the optimizer.
    assert cost["argument_bytes"] > 3 * 4 * 20_000 and cost["flops"] > 1e6, cost
