import json

import numpy as np
import pytest

pytest.importorskip("keras_tuner")
pytest.importorskip("typer")

import keras
from typer.testing import CliRunner

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.tasks import Classification
from tests.search import samples
from tuning import classification, segmentation

pytestmark = [pytest.mark.filterwarnings(line) for line in samples.WARNINGS]
SPACES = {"classification": classification.SPACE, "segmentation": segmentation.SPACE}
SHAPES = {"classification": (28, 28, 1), "segmentation": (32, 32, 1)}


def every_choice():
    """Yields (task, name, value) for every choice of every space."""
    for task, space in SPACES.items():
        for name, values in space.choices.items():
            yield from ((task, name, value) for value in values)


class Images:
    """The attributes of a source that building a model needs."""

    class_names = ("a", "b", "c")

    def __init__(self, task):
        self.shape, self.channels = SHAPES[task], SHAPES[task][-1]

    def split(self, name):
        return [{"image": np.zeros(self.shape, "uint8")}]


@pytest.mark.parametrize(("task", "name", "value"), list(every_choice()))
def test_every_choice_builds_and_can_be_saved_as_a_preset(task, name, value, tmp_path):
    space = SPACES[task]
    values = {
        **{key: list(given)[0] for key, given in space.choices.items()},
        "width": min(space.choices["width"]),
    }
    values[name] = value
    keras.utils.set_random_seed(0)
    model = space.build(Images(task), values)
    presets.save(model, tmp_path / "best", precision="float32")
    loaded = models.from_preset(tmp_path / "best")
    images = np.random.default_rng(0).normal(size=(1, *SHAPES[task])).astype("float32")
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("value", classification.SPACE.choices["width"])
def test_every_width_works_with_maxout(value):
    values = {"pooling": "max", "convolution_activation": "maxout", "width": value}
    assert classification.SPACE.build(Images("classification"), values).output_shape == (None, 3)


def test_a_space_is_described_by_its_labels():
    described = json.loads(json.dumps(classification.SPACE.describe()))
    assert described["pooling"] == ["max", "average", "lp2", "lp4", "stochastic", "spectral"]
    assert list(described) == list(classification.SPACE.names)


def call(app, *words):
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tuner", "grid"], "--tuner must be one of random, bayesian, hyperband"),
        (["--max-trials", "0"], "--max-trials must be at least 1"),
        (["--epochs", "-1"], "--epochs must be at least 1"),
        (["--data", "zip:here"], "zip"),
        (["--data", "images:/no/such/folder"], "/no/such/folder"),
        (["--resume"], "--resume needs --out"),
    ],
)
def test_errors_of_a_search_are_reported_in_one_line(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(classification.app, *words)
    assert result.exit_code == 2
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and message in lines[0] and "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_options_reach_the_search(tmp_path, monkeypatch):
    calls = samples.patch(monkeypatch)
    data = samples.write_archive(tmp_path / "data.npz")
    words = ["--data", data, "--out", tmp_path / "out", "--max-trials", "2", "--epochs", "4", "--seed", "3"]
    result = call(classification.app, *words, "--class-names", "dark,bright")
    assert result.exit_code == 0, result.output
    assert [last for *_, last in calls] == [4, 4]
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["task"] == "classification" and config["seed"] == 3
    assert config["data_options"] == {"spec": data, "class_names": ["dark", "bright"]}
    model = models.from_preset(tmp_path / "out" / "best")
    assert model.class_names == ("dark", "bright")
    # From the card, `evaluate --preset` finds the data.
    assert presets.describe(tmp_path / "out" / "best")["training"]["data_spec"] == data
    assert Classification().evaluate(model, Classification().load(data))["accuracy"] == pytest.approx(
        json.loads((tmp_path / "out" / "metrics.json").read_text())["accuracy"]
    )


@pytest.mark.slow
def test_segmentation_is_searched_by_mean_iou(tmp_path, monkeypatch):
    rng, arrays = np.random.default_rng(0), {}
    for name in ("train", "val", "test"):
        arrays[f"x_{name}"] = rng.integers(0, 255, size=(4, 32, 32)).astype("uint8")
        arrays[f"y_{name}"] = (arrays[f"x_{name}"] > 128).astype("uint8")
    np.savez(tmp_path / "data.npz", **arrays)
    monkeypatch.setitem(segmentation.SPACE.choices, "width", (0.125,))
    words = [
        "--data",
        f"npz:{tmp_path / 'data.npz'}",
        "--out",
        tmp_path / "out",
        "--max-trials",
        "1",
        "--epochs",
        "1",
    ]
    result = call(segmentation.app, *words)
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {"mean_iou", "pixel_accuracy", "val_mean_iou", "baseline"} <= set(metrics)
