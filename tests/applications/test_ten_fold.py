import json

import numpy as np
import pytest

pytest.importorskip("typer")

import typer
from typer.testing import CliRunner

from applications.language import ten_fold
from keras_cnn_zoo.utils.errors import InputError

LABELS = np.array([0] * 33 + [1] * 20)
NAMES = [f"{'bad' if label == 0 else 'good'}.txt:{number}" for number, label in enumerate(LABELS)]


def call(*words):
    app = typer.Typer()
    app.command()(ten_fold.main)
    return CliRunner().invoke(app, list(map(str, words)))


def test_folds_spread_every_class_evenly_and_depend_on_the_seed():
    folds = ten_fold.draw_folds(NAMES, LABELS, seed=0)
    for label in (0, 1):
        counts = np.bincount(folds[label == LABELS], minlength=11)[1:]
        assert counts.max() - counts.min() <= 1 and counts.sum() == np.sum(label == LABELS)
    np.testing.assert_array_equal(folds, ten_fold.draw_folds(NAMES, LABELS, seed=0))
    assert not np.array_equal(folds, ten_fold.draw_folds(NAMES, LABELS, seed=1))


def test_each_example_is_in_the_test_split_of_one_fold():
    folds = ten_fold.draw_folds(NAMES, LABELS, seed=0)
    tested = []
    for fold in range(1, 11):
        parts = {}
        for line in ten_fold.split_lines(NAMES, folds, fold, seed=0):
            split, name = line.split("\t")
            parts.setdefault(split, []).append(name)
        assert sorted(parts["train"] + parts["val"] + parts["test"]) == sorted(NAMES)
        assert len(parts["val"]) == round(0.1 * (len(NAMES) - len(parts["test"])))
        tested += parts["test"]
    assert sorted(tested) == sorted(NAMES)


def test_folds_are_read_back(tmp_path):
    folds = ten_fold.draw_folds(NAMES, LABELS, seed=0)
    lines = [f"{fold}\t{name}\n" for fold, name in zip(folds, NAMES, strict=True)]
    (tmp_path / "folds.tsv").write_text("".join(lines))
    np.testing.assert_array_equal(ten_fold.read_folds(tmp_path / "folds.tsv", NAMES), folds)
    with pytest.raises(InputError, match="was made for other data: it lacks new.txt:1"):
        ten_fold.read_folds(tmp_path / "folds.tsv", [*NAMES, "new.txt:1"])
    with pytest.raises(InputError, match="it has 53 examples, the data 52"):
        ten_fold.read_folds(tmp_path / "folds.tsv", NAMES[1:])
    (tmp_path / "folds.tsv").write_text("11\tbad.txt:0\n")
    with pytest.raises(InputError, match="line 1 must be `fold<TAB>name`, fold 1 to 10"):
        ten_fold.read_folds(tmp_path / "folds.tsv", NAMES)


def test_the_folds_of_the_movie_reviews_are_complete():
    with open(ten_fold.MR_FOLDS, encoding="utf-8") as file:
        lines = [line.split("\t") for line in file.read().splitlines()]
    assert len(lines) == len({name for _, name in lines}) == 10_662
    for kind in ("neg", "pos"):
        numbers = sorted(int(name.partition(":")[2]) for _, name in lines if f".{kind}:" in name)
        assert numbers == list(range(1, 5332))
    assert set(np.bincount([int(fold) for fold, _ in lines])[1:]) <= {1066, 1067, 1068}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    for name, word in (("bad.txt", "dull"), ("good.txt", "fine")):
        text = "".join(f"a {word} film number{number}\n" for number in range(30))
        (tmp_path / "data" / name).write_text(text)
    return tmp_path


@pytest.mark.slow
def test_a_stopped_run_of_folds_is_continued(folder):
    words = ["--data", f"lines:{folder / 'data'}", "--out", folder / "out", "--folds", "new"]
    words += ["--epochs", "2", "--width", "0.05"]
    result = call(*words, "--only", "1")
    assert result.exit_code == 0, result.output
    before = (folder / "out" / "fold_1" / "model.keras").stat().st_mtime_ns
    result = call(*words, "--only", "1,2", "--resume")
    assert result.exit_code == 0, result.output
    assert (folder / "out" / "fold_1" / "model.keras").stat().st_mtime_ns == before
    written = json.loads((folder / "out" / "ten_fold.json").read_text())
    assert set(written["accuracy"]) == {"1", "2"} and written["standard_deviation"] is not None
    assert written["mean"] == pytest.approx(np.mean(list(written["accuracy"].values())))


def test_errors_are_reported_in_one_line(folder):
    words = ["--data", f"lines:{folder / 'data'}", "--out", folder / "out"]
    for more, message in (
        (["--folds", "new", "--only", "0"], "--only must name folds"),
        ([], "made for other"),
    ):
        result = call(*words, *more)
        assert result.exit_code == 2
        lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and message in lines[0]
    assert not (folder / "out").exists()
