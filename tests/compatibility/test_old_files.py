"""Presets, `.keras` files, runs, and searches of version 0.1.0 load and give their old outputs."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from tests.compatibility import outputs
from tests.search import samples
from tests.tasks import small_runs

for package in ("PIL", "keras_tuner", "matplotlib", "sklearn", "tensorflow_datasets"):
    pytest.importorskip(package)

pytestmark = [pytest.mark.slow, *(pytest.mark.filterwarnings(line) for line in samples.WARNINGS)]
TOLERANCE = 1e-5


def recorded(name):
    with open(os.path.join(outputs.FOLDER, name), encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_all_presets_and_old_files_give_their_old_outputs(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    written = tmp_path / "outputs.npz"
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.compatibility.outputs", str(written)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with np.load(outputs.OUTPUTS) as archive, np.load(written) as now:
        assert sorted(now.files) == sorted(archive.files)
        off = {}
        for name in archive.files:
            scale = max(1.0, float(np.abs(archive[name]).max()))
            error = float(np.abs(now[name] - archive[name]).max()) / scale
            if not error <= TOLERANCE:
                off[name] = error
    assert off == {}


def test_the_recorded_names_are_those_of_all_presets_and_models():
    names = recorded("names.json")
    assert len(names["presets"]) == 10 and len(names["files"]) == 23
    with np.load(outputs.OUTPUTS) as archive:
        found = {name.split("|")[0] for name in archive.files}
    assert found == {*names["presets"], *names["files"], *names["folders"]}


def test_a_finished_run_gives_its_old_metrics():
    measured = tasks.evaluate(small_runs.task("classification"), run=os.path.join(outputs.FOLDER, "run"))
    assert measured == recorded("evaluated.json")


def test_an_interrupted_run_resumes_with_the_same_result(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(os.path.join(outputs.FOLDER, "cut_run"), folder)
    options = small_runs.options("classification", folder, epochs=3, jit="off", resume=True)
    model, metrics = tasks.fit(small_runs.task("classification"), options)
    finished = keras.saving.load_model(os.path.join(outputs.FOLDER, "run", "model.keras"), compile=False)
    for one, other in zip(model.get_weights(), finished.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)
    # Version 0.1.0 did not measure single classes.
    assert len(metrics.pop("per_class")) == 10
    assert metrics == recorded("run/metrics.json")
    before = (folder / "history.csv").read_text().splitlines()
    assert len(before) == 4


def test_an_interrupted_search_resumes_with_the_same_result(tmp_path, monkeypatch):
    shutil.copytree(os.path.join(outputs.FOLDER, "cut_search"), tmp_path / "search")
    shutil.copy(os.path.join(outputs.FOLDER, "search_data.npz"), tmp_path)
    monkeypatch.chdir(tmp_path)
    metrics = samples.run("npz:search_data.npz", tmp_path / "search", resume=True)
    assert metrics == recorded("search_metrics.json")
    rows = json.loads((tmp_path / "search" / "trials.json").read_text())
    # Times and the order of equal trials belong to this run.
    for row, old in zip(rows, recorded("search_trials.json"), strict=True):
        assert {**row, "seconds": None} == {**old, "seconds": None}
