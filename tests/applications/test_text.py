"""`python -m applications.text` on a few images, without the fonts and words of the extra `text`."""

import importlib.util
import json

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("jiwer")
pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from PIL import Image
from typer.testing import CliRunner

from applications.text.__main__ import app
from keras_cnn_zoo.data.embedded.rendered_words import vocabulary
from tests.helpers import one_error

TEXTS = ("one", "Two", "3rd", "a")


def call(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def error_line(*words):
    """Returns the error line of a call that fails."""
    return one_error(call(*words))


@pytest.fixture
def words(tmp_path):
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        lines = []
        for number, text in enumerate(TEXTS):
            pixels = rng.integers(0, 256, size=(24, 16 * len(text), 3)).astype("uint8")
            Image.fromarray(pixels).save(tmp_path / "data" / f"{split}{number}.png")
            lines.append(f"{split}{number}.png\t{text}\n")
        (tmp_path / "data" / f"{split}.tsv").write_text("".join(lines))
    return tmp_path / "data"


@pytest.fixture
def without_the_extra(monkeypatch):
    real = importlib.util.find_spec

    def find_spec(name, package=None):
        return None if name.startswith(("fontpkg", "wordsegment")) else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    # Without the cache, so that this test and others do not use each other's words.
    monkeypatch.setattr(vocabulary, "english", vocabulary.english.__wrapped__)


def test_invalid_data_is_reported_in_one_line_and_leaves_no_files(words, tmp_path):
    fit = ("fit", "--data", f"words:{words}", "--out", tmp_path / "run")
    table = (words / "train.tsv").read_text()
    (words / "train.tsv").write_text(table + "gone.png\tgone\n")
    line = error_line(*fit)
    assert "train.tsv line 5 names" in line and line.endswith("gone.png, which does not exist")
    (words / "train.tsv").write_text(table + "train0.png\tna\u00efve\n")
    assert "train.tsv line 5: '\u00ef' is not in the alphabet 0123456789abc" in error_line(*fit)
    (words / "train.tsv").write_text(table + "train0.png one\n")
    assert "train.tsv line 5 must be `picture<TAB>text`" in error_line(*fit)
    (words / "train.tsv").write_text(table)
    (words / "val1.png").write_bytes(b"\x89PNG\r\n\x1a\n then nothing")
    assert "val1.png" in error_line(*fit)
    assert not (tmp_path / "run").exists()


def test_invalid_options_are_reported_in_one_line(words, tmp_path):
    fit = ("fit", "--data", f"words:{words}", "--out", tmp_path / "run")
    assert "class names of text must be single characters. Received: 'ab'" in error_line(
        *fit, "--class-names", "ab,c"
    )
    assert "`input_shape` must be (32, width, channels)" in error_line(*fit, "--image-size", "48x100")
    assert "a wider --image-size gives more columns" in error_line(*fit, "--image-size", "32x8")
    assert "unknown text model 'attention'. Known: crnn" in error_line(*fit, "--model", "attention")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_fit_evaluate_and_predict_use_the_fonts_of_matplotlib(words, tmp_path, without_the_extra):
    result = call(
        "fit", "--data", f"words:{words}", "--out", tmp_path / "run", "--width", "0.1", "--epochs", "1",
        "--batch-size", "10", "--jit", "off",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "80% of each batch are words drawn in 7 font families" in result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics["baseline"]) == {"word_accuracy", "cer"}
    measured = json.loads(call("evaluate", "--run", tmp_path / "run").stdout)
    assert measured["cer"] == pytest.approx(metrics["cer"]) and measured["examples"] == len(TEXTS)
    result = call("predict", words / "test1.png", "--run", tmp_path / "run", "--out", tmp_path / "answers")
    assert result.exit_code == 0 and "1 predictions in" in result.stdout
    (answer,) = json.loads((tmp_path / "answers" / "predictions.json").read_text())
    assert isinstance(answer["text"], str) and (tmp_path / "answers" / "test1.png").exists()
