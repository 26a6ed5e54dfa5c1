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
import json, sys
import keras
from keras_cnn_zoo import distribution
from keras_cnn_zoo.tasks import TASKS

name, arguments = sys.argv[1], json.loads(sys.argv[2])
size = arguments.pop("image_size", None)
task = TASKS[name](**({} if size is None else {"image_size": size}))
source = task.load()
model = task.build(source, **arguments)
model.compile(task.optimizer(10), task.loss(), jit_compile=True)
batch = task.batches(model, source, "train", batch_size=2, training=True)[0]
print(json.dumps(distribution.compile_train_step(model, batch)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_train_step_compiles_for_a_tpu(name):
    for package in ("jax", "libtpu"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, json.dumps(SMALL.get(name, {}))],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cost = json.loads(done.stdout.strip().splitlines()[-1])
    # The smallest of these networks has 20,000 weights and two moments for each in the optimizer.
    assert cost["argument_bytes"] > 3 * 4 * 20_000 and cost["flops"] > 1e6, cost
