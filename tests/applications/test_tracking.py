import json

import numpy as np
import pytest

pytest.importorskip("typer")

from typer.testing import CliRunner

from applications.tracking.__main__ import app
from keras_cnn_zoo.models import SiamFC
from tests.helpers import one_error

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    path = tmp_path_factory.mktemp("preset") / "tracker"
    SiamFC(variant="small", width=0.1).save_to_preset(path)
    return path


@pytest.fixture
def ball(tmp_path):
    (tmp_path / "ball/img").mkdir(parents=True)
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, size=(40, 50, 3)).astype("uint8")
        Image.fromarray(pixels).save(tmp_path / f"ball/img/{index:04}.png")
    return tmp_path / "ball"


def call(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def error_line(*words):
    """Returns the error line of a call that fails."""
    return one_error(call(*words))


def test_evaluate_prints_the_fixed_keys(preset, ball):
    (ball / "groundtruth_rect.txt").write_text("10 10 12 12\n" * 4)
    result = call("evaluate", "--preset", preset, "--data", f"otb:{ball}")
    measured = json.loads(result.stdout)
    assert {"auc", "precision20", "baseline"} <= set(measured)
    assert measured["baseline"] == {"auc": pytest.approx(20 / 21), "precision20": 1.0}


def test_predict_follows_a_box(preset, ball, tmp_path):
    result = call("predict", ball, "--box", "10,10,12,12", "--preset", preset, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (answer,) = json.loads((tmp_path / "out/predictions.json").read_text())
    assert len(answer["boxes"]) == 4 and answer["files"] == ["ball.png"]


@pytest.mark.parametrize(
    "boxes, message",
    [
        ("10 10 12 12\n" * 3, "has 3 boxes and"),
        ("10 10 12 twelve\n" * 4, "line 1 must have only numbers"),
        ("90 10 12 12\n" * 4, "the first box must be in its frame of 50 x 40"),
    ],
)
def test_invalid_sequences_are_reported_in_one_line(preset, ball, boxes, message):
    (ball / "groundtruth_rect.txt").write_text(boxes)
    assert message in error_line("evaluate", "--preset", preset, "--data", f"otb:{ball}")


def test_invalid_boxes_are_reported_in_one_line(preset, ball, tmp_path):
    words = ("predict", ball, "--preset", preset, "--out", tmp_path / "out")
    assert "--box must be X,Y,W,H" in error_line(*words, "--box", "1,2,3")
    assert "--box is needed: " in error_line(*words)
    assert not (tmp_path / "out/predictions.json").exists()


def test_fit_needs_train_sequences(ball, tmp_path):
    (ball / "groundtruth_rect.txt").write_text("10 10 12 12\n" * 4)
    line = error_line("fit", "--data", f"otb:{ball}", "--out", tmp_path / "run")
    assert "has no train examples" in line and not (tmp_path / "run").exists()
