import json

import pytest

pytest.importorskip("typer")

from typer.testing import CliRunner

from applications.language.__main__ import app
from tests.helpers import one_error


def call(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def error_line(*words):
    """Returns the error line of a call that fails."""
    return one_error(call(*words))


@pytest.fixture
def folder(tmp_path):
    for name, word in (("bad.txt", "dull"), ("good.txt", "fine")):
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"a {word} film number{number}\n" for number in range(30)))
    return tmp_path


def test_invalid_text_is_reported_in_one_line(folder):
    fit = ("fit", "--data", f"lines:{folder / 'data'}", "--out", folder / "run")
    (folder / "data" / "bad.txt").write_bytes("d\u00e9j\u00e0 vu\nna\u00efve\n".encode("latin-1"))
    line = error_line(*fit)
    assert "bad.txt is not utf-8 text" in line and "--encoding" in line
    (folder / "data" / "bad.txt").write_text("one\n\nthree\n")
    assert "bad.txt line 2 is empty" in error_line(*fit)
    assert not (folder / "run").exists()


@pytest.mark.slow
def test_predict_uses_the_fitted_model(folder):
    result = call(
        "fit", "--data", f"lines:{folder / 'data'}", "--out", folder / "run", "--width", "0.1",
        "--epochs", "10", "--batch-size", "8",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (folder / "new.txt").write_text("a dull one\nsuch a fine film\n")
    result = call("predict", folder / "new.txt", "--run", folder / "run", "--out", folder / "answers")
    assert result.exit_code == 0 and "2 predictions in" in result.stdout
    answers = json.loads((folder / "answers" / "predictions.json").read_text())
    assert [answer["class_name"] for answer in answers] == ["bad", "good"]
    assert (folder / "answers" / "new-2.png").exists()
