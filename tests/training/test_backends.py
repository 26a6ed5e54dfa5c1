"""Every task fits, measures and predicts on JAX, compiled and without TensorFlow, and on PyTorch."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from keras_cnn_zoo.tasks import TASKS
from tests.blocked import NO_TENSORFLOW

SCRIPT = """
import json, os, sys
from tests.tasks import small_runs

folder, jit = sys.argv[1:]
for name in sorted(small_runs.OPTIONS):
    facts = small_runs.through(name, os.path.join(folder, name), jit)
    print("facts", json.dumps([name, facts]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "jit"), [("jax", "on"), ("torch", "off")])
def test_every_task_runs(backend, jit, tmp_path):
    # jiwer, scipy and the others are what the tasks read, measure and draw with.
    for package in (backend, "PIL", "jiwer", "matplotlib", "pycocotools", "scipy", "sklearn", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        # `evaluate` and `predict` load the network anew: JAX is not to compile it a second time.
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    script = (NO_TENSORFLOW if backend == "jax" else "") + SCRIPT
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), jit], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    if backend == "jax":
        assert "TensorFlow is not installed: no TensorBoard logs" in done.stderr
    lines = [line.partition(" ")[2] for line in done.stdout.splitlines() if line.startswith("facts ")]
    seen = dict(map(json.loads, lines))
    assert set(seen) == set(TASKS)
    for name, facts in seen.items():
        assert (facts["backend"], facts["compiled"]) == (backend, jit == "on"), name
        assert facts["steps"] >= 2 and facts["trained"] and facts["finite"], name
        assert TASKS[name].metric in facts["metrics"] and facts["answers"] == 1, name
        for key, value in facts["metrics"].items():
            assert facts["evaluated"][key] == pytest.approx(value, abs=1e-6), (name, key)
