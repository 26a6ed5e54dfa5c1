"""Functions that the tests of several folders share."""

import os
import pathlib
import subprocess
import sys
import time

import keras

from keras_cnn_zoo.testing.checks import xla

ROOT = pathlib.Path(__file__).resolve().parents[1]

WEIGHT_ARGUMENTS = {
    "use_bias": True,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "bias_constraint": "non_neg",
}
"""A value other than the default for every argument of a layer with one kernel and one bias."""


def run_python(*arguments):
    """Runs a Python process that imports the package from this checkout, and returns what it printed."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def one_error(result):
    """Returns the one line with which a command of typer's `CliRunner` refused what it got."""
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in result.output
    return lines[0]


def fix_draws(monkeypatch, draw):
    """Makes every uniform draw of Keras the number `draw`."""
    monkeypatch.setattr(
        keras.random, "uniform", lambda shape, *_, **__: keras.ops.full(shape, draw, dtype="float32")
    )


def compiled(function):
    """Returns a function of tensors compiled by XLA; on PyTorch, the function itself."""
    return function if keras.backend.backend() == "torch" else xla.compiled(function)


def shortest(function, rounds=5):
    """Returns the least processor time of `function(round)`; other processes slow some of the rounds."""
    times = []
    for round_ in range(rounds):
        started = time.process_time()
        function(round_)
        times.append(time.process_time() - started)
    return min(times)
