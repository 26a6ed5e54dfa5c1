"""Names that version 0.1.0 had in other places and that users depend on."""

import importlib
import subprocess
import sys

import pytest

pytest.importorskip("keras_tuner")
pytest.importorskip("typer")

from keras_cnn_zoo import models, presets, search, tasks, training, visualization
from tests.policy import sources

PROGRAMS = {
    "applications.classification": "fit",
    "applications.language.ten_fold": "--folds",
    "applications.publish": "--summary",
    "applications.speech.fsdd_split": "--speaker",
    "applications.speech.speakers": "--epochs",
    "keras_cnn_zoo": "--kind",
    "tuning.deeplab": "--max-trials",
}


@pytest.mark.parametrize("name", ["fit", "FitOptions", "evaluate", "predict", "export_model"])
def test_tasks_still_has_the_names_of_training(name):
    assert getattr(tasks, name) is getattr(training, name)


@pytest.mark.parametrize("name", ["receptive_field", "deconvolution_view"])
def test_models_still_has_the_visualizations(name):
    assert getattr(models, name) is getattr(visualization, name)


@pytest.mark.parametrize("name", ["describe", "list_presets", "load", "save"])
def test_models_presets_is_still_there(name):
    assert getattr(models.presets, name) is getattr(presets, name)
    assert getattr(importlib.import_module("keras_cnn_zoo.models.presets"), name) is getattr(presets, name)


def test_tuning_still_has_space_search_and_cli():
    from keras_cnn_zoo.cli.search_commands import program
    from tuning import cli, space
    from tuning import search as old

    assert space.SearchSpace is search.SearchSpace and cli.program is program
    assert old.search is search.search and old.SearchOptions is search.SearchOptions


def test_backbones_still_have_strides():
    model = models.ResNet(input_shape=(64, 64, 3), width=0.0625, features_only=True)
    assert model.strides == {"P1": 2, "P2": 4, "P3": 8, "P4": 16, "P5": 32}


def test_the_demo_is_still_a_program():
    assert callable(importlib.import_module("applications.demo").main)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_still_runs_as_a_module(program):
    done = subprocess.run(
        [sys.executable, "-m", program, "--help"], cwd=sources.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert PROGRAMS[program] in done.stdout
