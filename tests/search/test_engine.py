import csv
import errno
import json

import numpy as np
import pytest

pytest.importorskip("keras_tuner")

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.search.engine import SearchOptions
from keras_cnn_zoo.tasks import Classification
from keras_cnn_zoo.utils.errors import InputError
from tests.search import samples

pytestmark = [pytest.mark.filterwarnings(line) for line in samples.WARNINGS]


@pytest.fixture
def data(tmp_path):
    return samples.write_archive(tmp_path / "data.npz")


def table(out):
    """`trials.csv` as a list of dicts of text."""
    with open(out / "trials.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lasting(out):
    """`trials.json` without what the clock says."""
    return [{**row, "seconds": None} for row in json.loads((out / "trials.json").read_text())]


def raise_at(call, error):
    """A failure in the training of one call, counted from 1."""

    def fail(calls):
        if len(calls) == call:
            raise error

    return fail


def test_what_a_search_leaves(data, tmp_path, monkeypatch, capsys):
    calls = samples.patch(monkeypatch)
    metrics = samples.run(data, tmp_path / "out", max_trials=4)
    assert len(calls) == 4
    rows = json.loads((tmp_path / "out" / "trials.json").read_text())
    scores = [row["val_accuracy"] for row in rows]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 4
    assert [row["val_accuracy"] for row in rows] == [samples.score(row["learning_rate"], 2) for row in rows]
    written = table(tmp_path / "out")
    assert [list(row) for row in written] == [list(row) for row in rows]
    assert [list(row.values()) for row in written] == [
        ["" if value is None else str(value) for value in row.values()] for row in rows
    ]
    assert {*rows[0]} >= {
        *samples.SPACE.names,
        "val_accuracy",
        "epochs",
        "seconds",
        "best_epoch",
        "parameters",
    }
    assert (tmp_path / "out" / "search.png").read_bytes().startswith(b"\x89PNG")
    assert metrics == json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["hyperparameters"] == {name: rows[0][name] for name in samples.SPACE.names}
    assert metrics["baseline"] == {"accuracy": 0.5} and metrics["split"] == "test"
    # One line per trial, on the stream that is not for results.
    said = capsys.readouterr()
    assert sum(" of 4: trial " in line for line in said.err.splitlines()) == 4
    assert "Search: Running Trial" not in said.out


def test_the_preset_it_leaves_is_the_network_that_was_measured(data, tmp_path, monkeypatch):
    samples.patch(monkeypatch)
    metrics = samples.run(data, tmp_path / "out")
    model = models.from_preset(tmp_path / "out" / "best")
    task = Classification()
    assert task.evaluate(model, task.load(data), "test")["accuracy"] == metrics["accuracy"]
    assert model.width == metrics["hyperparameters"]["width"]
    assert model.pooling == metrics["hyperparameters"]["pooling"]


def test_only_the_best_weights_stay(data, tmp_path, monkeypatch):
    samples.patch(monkeypatch)
    metrics = samples.run(data, tmp_path / "out")
    left = [path.parent.name for path in (tmp_path / "out" / "trials").glob("*/best.weights.h5")]
    assert left == [metrics["trial"]]


def test_test_is_looked_at_once(data, tmp_path, monkeypatch):
    samples.patch(monkeypatch)
    splits = []

    def evaluate(self, model, source, split="test", **options):
        splits.append(split)
        return {"accuracy": 0.5}

    monkeypatch.setattr(Classification, "evaluate", evaluate)
    samples.run(data, tmp_path / "out")
    samples.run(data, tmp_path / "out", resume=True)
    assert splits == ["test"]


# Each proposal of the Gaussian process takes KerasTuner a second or more.
BAYESIAN = pytest.param("bayesian", marks=pytest.mark.slow)


@pytest.mark.parametrize("tuner", ["random", BAYESIAN, "hyperband"])
def test_the_seed_fixes_a_search(tuner, data, tmp_path, monkeypatch):
    calls = samples.patch(monkeypatch)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        samples.run(data, tmp_path / name, tuner=tuner, epochs=3, max_trials=5, seed=seed)
    assert lasting(tmp_path / "a") == lasting(tmp_path / "b") != lasting(tmp_path / "c")
    assert len(calls) == 15


@pytest.mark.parametrize("tuner", ["random", "hyperband"])
def test_a_search_that_was_cut_off_goes_on_as_if_it_was_not(tuner, data, tmp_path, monkeypatch):
    whole = samples.patch(monkeypatch)
    samples.run(data, tmp_path / "whole", tuner=tuner, epochs=3, max_trials=5)
    cut = samples.patch(monkeypatch, raise_at(3, KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        samples.run(data, tmp_path / "cut", tuner=tuner, epochs=3, max_trials=5)
    assert len(table(tmp_path / "cut")) == 2 and (tmp_path / "cut" / "search.png").exists()
    # A kill can leave half a file where KerasTuner writes; nothing depends on it.
    (tmp_path / "cut" / "keras_tuner" / "oracle.json").write_text('{"ongoing')
    resumed = samples.patch(monkeypatch)
    samples.run(data, tmp_path / "cut", tuner=tuner, epochs=3, max_trials=5, resume=True)
    assert [call[1:] for call in cut[:2] + resumed] == [call[1:] for call in whole]
    assert lasting(tmp_path / "cut") == lasting(tmp_path / "whole")


@pytest.mark.slow
def test_a_bayesian_search_that_was_cut_off_repeats_nothing(data, tmp_path, monkeypatch):
    samples.patch(monkeypatch, raise_at(5, KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        samples.run(data, tmp_path / "out", tuner="bayesian", max_trials=6)
    before = lasting(tmp_path / "out")
    resumed = samples.patch(monkeypatch)
    samples.run(data, tmp_path / "out", tuner="bayesian", max_trials=6, resume=True)
    after = lasting(tmp_path / "out")
    assert len(resumed) == 2 and len(after) == 6
    assert all(row in after for row in before)
    assert len({row["learning_rate"] for row in after}) == 6


def test_hyperband_goes_on_with_the_weights_of_the_shorter_trial(data, tmp_path, monkeypatch):
    samples.patch(monkeypatch)
    samples.run(data, tmp_path / "out", tuner="hyperband", epochs=3)
    rows = {row["trial"]: row for row in lasting(tmp_path / "out")}
    # max_epochs 3 and factor 3: three trials of one epoch, their best to three, and two of three.
    assert sorted(row["epochs"] for row in rows.values()) == [1, 1, 1, 3, 3, 3]
    (longer,) = [row for row in rows.values() if row["continues"] is not None]
    shorter = rows[longer["continues"]]
    assert shorter["val_accuracy"] == max(row["val_accuracy"] for row in rows.values() if row["epochs"] == 1)
    assert all(longer[name] == shorter[name] for name in samples.SPACE.names)


def test_data_that_cannot_be_read_end_the_search_and_count_for_no_trial(data, tmp_path, monkeypatch):
    error = InputError("x.png is damaged")
    for failure in (error, OSError(errno.ENOSPC, "No space left on device")):
        samples.patch(monkeypatch, raise_at(2, failure))
        out = tmp_path / type(failure).__name__
        with pytest.raises(type(failure), match="damaged|No space"):
            samples.run(data, out)
        assert len(table(out)) == 1
        samples.patch(monkeypatch)
        samples.run(data, out, resume=True)
        assert len(table(out)) == samples.SPACE.max_trials


def test_a_trial_that_fails_is_told_and_the_search_goes_on(data, tmp_path, monkeypatch, capsys):
    samples.patch(monkeypatch, raise_at(1, ValueError("too small")))
    samples.run(data, tmp_path / "out")
    assert [row["status"] for row in table(tmp_path / "out")] == ["completed", "completed", "failed"]
    assert table(tmp_path / "out")[-1]["error"] == "ValueError: too small"
    assert "1 of 3: trial 0 failed" in capsys.readouterr().err


def test_a_search_without_a_finished_trial_says_so(data, tmp_path, monkeypatch):
    samples.patch(monkeypatch, raise_at(1, ValueError("too small")))
    with pytest.raises(InputError, match="no trial finished"):
        samples.run(data, tmp_path / "out", max_trials=1)


def test_a_folder_with_another_search_is_not_touched(data, tmp_path, monkeypatch):
    calls = samples.patch(monkeypatch)
    samples.run(data, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    with pytest.raises(InputError, match="holds another run"):
        samples.run(data, tmp_path / "out")
    for changed in ({"tuner": "bayesian"}, {"max_trials": 4}, {"epochs": 5}, {"seed": 1}):
        (name,) = changed
        with pytest.raises(InputError, match=f"was started with {name}="):
            samples.run(data, tmp_path / "out", resume=True, **changed)
    with pytest.raises(InputError, match="`out` must not be empty"):
        samples.run(data, "")
    other = samples.write_archive(tmp_path / "other.npz")
    with pytest.raises(InputError, match="was started with data_options="):
        samples.run(other, tmp_path / "out", resume=True)
    samples.run(data, tmp_path / "out", resume=True)
    assert len(calls) == samples.SPACE.max_trials
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_a_space_that_has_changed_is_refused(data, tmp_path, monkeypatch):
    samples.patch(monkeypatch)
    samples.run(data, tmp_path / "out")
    monkeypatch.setitem(samples.SPACE.choices, "width", (0.2, 0.4, 0.6))
    with pytest.raises(InputError, match="was started with space="):
        samples.run(data, tmp_path / "out", resume=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tuner": "grid"}, "`tuner` must be one of random, bayesian, hyperband. Received: 'grid'"),
        ({"max_trials": 0}, "`max_trials` must be at least 1. Received: 0"),
        ({"epochs": -2}, "`epochs` must be at least 1. Received: -2"),
        ({"seed": -1}, "`seed` must be at least 0 and below .* Received: -1"),
        ({"resume": True}, "`resume` needs `out`, the search to continue"),
    ],
)
def test_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SearchOptions(**options).check()


def test_pictures_that_the_network_cannot_take_are_refused_before_anything_is_written(tmp_path):
    images = np.zeros((6, 9, 9), "uint8")
    np.savez(tmp_path / "small.npz", **{f"x_{s}": images for s in ("train", "val", "test")},
             **{f"y_{s}": np.arange(6) % 2 for s in ("train", "val", "test")})  # fmt: skip
    with pytest.raises(InputError, match="at least 16 pixels"):
        samples.run(f"npz:{tmp_path / 'small.npz'}", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["random", "hyperband"])
def test_training_that_was_cut_off_in_the_middle_ends_with_the_same_weights(
    tuner, data, tmp_path, monkeypatch
):
    from keras_cnn_zoo.training import checkpoint

    options = {"tuner": tuner, "epochs": 3, "max_trials": 4}
    whole = samples.run(data, tmp_path / "whole", **options)
    save, saved = checkpoint.save, []

    def save_and_stop(path, *arguments):
        save(path, *arguments)
        saved.append(path)
        # In the last trial, which under Hyperband goes on with the weights of another.
        if "3" in str(path).split("trials")[1]:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        samples.run(data, tmp_path / "cut", **options)
    monkeypatch.setattr(checkpoint, "save", save)
    cut = samples.run(data, tmp_path / "cut", resume=True, **options)
    assert lasting(tmp_path / "cut") == lasting(tmp_path / "whole") and cut == whole
    weights = [models.from_preset(tmp_path / name / "best").get_weights() for name in ("cut", "whole")]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.slow
def test_a_search_learns(data, tmp_path):
    metrics = samples.run(data, tmp_path / "out", epochs=30, max_trials=2)
    assert metrics["val_accuracy"] > 0.9 and metrics["accuracy"] > 0.9


def write_unsplit(path, gone=None):
    """An npz without splits, from which one example may be gone."""
    with np.load(samples.write_archive(path).removeprefix("npz:")) as archive:
        images = np.concatenate([archive[f"x_{name}"] for name in ("train", "val", "test")])
        labels = np.concatenate([archive[f"y_{name}"] for name in ("train", "val", "test")])
    keep = np.arange(len(labels)) != (-1 if gone is None else gone)
    np.savez(path, x_train=images[keep], y_train=labels[keep])
    return f"npz:{path}"


def recorded(out):
    rows = [line.split("\t") for line in (out / "splits.tsv").read_text().splitlines()]
    return [(row[0], int(row[1].rpartition("/")[2])) for row in rows]


def test_a_resumed_search_refuses_changed_training_data_and_reports_the_rest(tmp_path, monkeypatch, capsys):
    path = tmp_path / "data.npz"
    samples.patch(monkeypatch, raise_at(2, KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        samples.run(write_unsplit(path), tmp_path / "out")
    first = {split: number for split, number in reversed(recorded(tmp_path / "out"))}
    samples.patch(monkeypatch)
    message = (
        rf"training data of npz:.* must be as in .*splits.tsv. Received: 1 missing \(train/{first['train']}\)"
    )
    with pytest.raises(InputError, match=message):
        samples.run(write_unsplit(path, gone=first["train"]), tmp_path / "out", resume=True)
    before = recorded(tmp_path / "out")
    samples.run(write_unsplit(path, gone=first["test"]), tmp_path / "out", resume=True)
    assert f"1 example of the run is missing: train/{first['test']} (test)" in capsys.readouterr().err
    assert recorded(tmp_path / "out") == before
    assert (tmp_path / "out" / "best" / "splits.tsv").read_bytes() == (
        tmp_path / "out" / "splits.tsv"
    ).read_bytes()


def test_a_failure_on_test_leaves_the_best_preset_and_resume_only_measures(data, tmp_path, monkeypatch):
    calls = samples.patch(monkeypatch)

    def fail(*arguments, **options):
        raise InputError("test/3 is damaged")

    with monkeypatch.context() as patch:
        patch.setattr(Classification, "evaluate", fail)
        with pytest.raises(InputError, match="best is saved, but measuring it failed: .* test/3 is damaged"):
            samples.run(data, tmp_path / "out")
    models.from_preset(tmp_path / "out" / "best")
    metrics = samples.run(data, tmp_path / "out", resume=True)
    assert len(calls) == samples.SPACE.max_trials
    assert presets.describe(tmp_path / "out" / "best")["metrics"] == {"accuracy": metrics["accuracy"]}
