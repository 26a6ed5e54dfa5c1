"""How long a run trains: the floor in steps, the time limit, early stopping, and averaged weights."""

import csv
import itertools
import json
import re
import time
import types

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.training import old_runs, rates, schedule, validation
from keras_cnn_zoo.training.schedule import Schedule
from keras_cnn_zoo.utils.errors import InputError


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Two classes of 16 x 16 images of random grays, 20 of them for training."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 20), ("val", 6), ("test", 6)):
        labels = np.arange(count) % 2
        images = rng.integers(0, 60, (count, 16, 16, 1)) + 150 * labels[:, None, None, None]
        arrays |= {f"x_{split}": images.astype("uint8"), f"y_{split}": labels}
    path = tmp_path_factory.mktemp("data") / "halves.npz"
    np.savez(path, **arrays)
    return f"npz:{path}"


def fit(data, out, task=None, **options):
    options = {"width": 0.2, "batch_size": 8, "jit": "off", **options}
    return tasks.fit(task or tasks.Classification(), tasks.FitOptions(data=data, out=str(out), **options))


def history(out):
    with open(out / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


class Small(tasks.Classification):
    recipe = Recipe(epochs=2, batch_size=8, least_steps=9)


def test_a_small_set_gets_more_epochs_and_says_so(digits, tmp_path, capsys):
    fit(digits, tmp_path / "run", Small())
    # 20 images in batches of 8 are 2 steps, so 9 steps are 5 epochs.
    assert len(history(tmp_path / "run")) == 5
    assert "few training data: 5 epochs of 2 steps instead of 2" in capsys.readouterr().err
    decided = json.loads((tmp_path / "run" / "schedule.json").read_text())
    assert decided["epochs"] == 5 and decided["every"] == 1 and decided["recipe"]["epochs"] == 2


@pytest.mark.parametrize("options", [{"epochs": 3}, {"recipe_options": {"epochs": 3}}])
def test_epochs_that_are_asked_for_are_kept(digits, tmp_path, options):
    fit(digits, tmp_path / "run", Small(), **options)
    assert len(history(tmp_path / "run")) == 3


def test_a_resumed_run_keeps_what_was_decided_although_the_recipe_has_changed(digits, tmp_path, monkeypatch):
    class Cut(Exception):
        pass

    def cut(self, batch, logs=None):
        if len(self.history) == 2:
            raise Cut

    whole, _ = fit(digits, tmp_path / "whole", Small())
    with monkeypatch.context() as patch:
        patch.setattr(validation.Keeper, "on_train_batch_end", cut)
        with pytest.raises(Cut):
            fit(digits, tmp_path / "cut", Small())
    monkeypatch.setattr(Small, "recipe", Recipe(epochs=4, batch_size=8, least_steps=0, weight_decay=0.5))
    resumed, _ = fit(digits, tmp_path / "cut", Small(), resume=True)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("validation", [0.5, 4.0, 30.0])
def test_the_longest_schedule_that_fits_into_the_time(validation):
    def seconds(epochs):
        every = -(-epochs // 40)
        return 1.5 * epochs + validation * sum(e % every == 0 or e == epochs for e in range(1, epochs + 1))

    def longest(left):
        return max(epochs for epochs in range(1, 400) if seconds(epochs) <= left)

    found = schedule.fitting(10, 100.0, 1.5, validation)
    # A tenth of ten minutes is kept for measuring.
    assert found.epochs == longest(0.9 * 600 - 100)
    assert found.seconds(1.5, validation) == pytest.approx(seconds(found.epochs))
    assert sum(found.validates(epoch) for epoch in range(1, found.epochs + 1)) <= 40
    # A large test split takes longer than a tenth.
    found = schedule.fitting(10, 100.0, 1.5, validation, testing=120.0)
    assert found.epochs == longest(600 - 100 - 120)
    assert schedule.fitting(10, 9.0, 1.5, 4.0, testing=30.0) == schedule.fitting(10, 9.0, 1.5, 4.0)


def test_a_limit_that_is_too_short_gives_one_epoch_and_says_how_long_it_takes(capsys):
    assert schedule.fitting(1, 30.0, 500.0, 20.0) == Schedule(1, 1)
    assert "not even one epoch fits into `minutes` 1: about 9 minutes in all" in capsys.readouterr().err


def test_time_is_kept_for_a_large_test_split(tmp_path, monkeypatch):
    rng, arrays, seen = np.random.default_rng(0), {}, []
    for split, count in (("train", 8), ("val", 4), ("test", 40)):
        arrays[f"x_{split}"] = rng.integers(0, 255, (count, 16, 16, 1), dtype="uint8")
        arrays[f"y_{split}"] = np.arange(count) % 2
    np.savez(tmp_path / "data.npz", **arrays)
    monkeypatch.setattr(schedule, "timed", lambda *parts: (1.0, 2.0, 0.0))
    monkeypatch.setattr(schedule, "fitting", lambda *durations: seen.append(durations) or Schedule.of(1))
    fit(f"npz:{tmp_path / 'data.npz'}", tmp_path / "run", minutes=1)
    # In batches of 32, the last of which is padded: 64 answers for test, 4 for val.
    assert seen[0][2:] == (1.0, 2.0, 2.0 * 64 / 4)


def test_a_run_of_some_minutes_times_its_steps_and_starts_from_untouched_weights(
    digits, tmp_path, monkeypatch
):
    seen = {}
    timed = schedule.timed

    def watched(trainer, batches, validate, save):
        seen["before"] = [np.array(v) for v in (*trainer.get_weights(), *trainer.optimizer.variables)]
        found = timed(trainer, batches, validate, save)
        seen["after"] = [np.array(v) for v in (*trainer.get_weights(), *trainer.optimizer.variables)]
        return found

    monkeypatch.setattr(schedule, "timed", watched)
    monkeypatch.setattr(schedule, "_SECONDS", 0.2)
    made, optimizer_of = [], rates.optimizer_of
    monkeypatch.setattr(rates, "optimizer_of", lambda *parts: made.append(parts) or optimizer_of(*parts))
    # Few and long epochs: the clock decides how many fit, so the test must not depend on it.
    monkeypatch.setattr(schedule, "fitting", lambda *durations: Schedule.of(3))
    model, _ = fit(digits, tmp_path / "minutes", minutes=0.5)
    # The length of the schedule is not a part of TensorFlow's program.
    assert len(made) == 1
    for one, other in zip(seen["before"], seen["after"], strict=True):
        np.testing.assert_array_equal(one, other)
    decided = json.loads((tmp_path / "minutes" / "schedule.json").read_text())
    assert decided["epochs"] == 3 and len(history(tmp_path / "minutes")) == 3
    asked, _ = fit(digits, tmp_path / "epochs", epochs=3)
    for one, other in zip(model.get_weights(), asked.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_run_takes_about_as_long_as_it_may(digits, tmp_path):
    started = time.monotonic()
    fit(digits, tmp_path / "run", minutes=0.3, patience=0)
    # 18 seconds, on a machine that may be busier now than when the steps were timed.
    assert 9 < time.monotonic() - started < 60
    assert len(history(tmp_path / "run")) > 5


def keeper(metrics, patience, epochs=10):
    """A keeper that has validated each epoch of a run with these metrics."""
    task = types.SimpleNamespace(metric="accuracy", recipe=Recipe(patience=patience))
    made = validation.Keeper(task, None, None, None, Schedule(epochs, 1))
    for epoch, value in enumerate(metrics, 1):
        made.history.append({"epoch": epoch, **({} if value is None else {"val_accuracy": value})})
    return made


@pytest.mark.parametrize(
    "metrics, patience, stopped",
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.5, 0.5], 1, False),
        # Nothing is found at first, which is not a lack of progress.
        ([0.0, 0.0, 0.0, 0.1], 2, False),
        ([0.0, 0.0, 0.0, 0.1, 0.1, 0.0], 2, True),
        ([0.5, 0.5, 0.5, 0.4], 2, False),
        ([0.5, 0.5, 0.5, 0.4, 0.4], 2, True),
        ([0.4, 0.5, 0.5, 0.5], 2, True),
        ([float("nan"), 0.5, 0.4], 2, False),
        ([0.5, 0.4, 0.6], 2, False),
        ([0.5, 0.4, 0.3], 2, True),
        # Epochs without validation do not count.
        ([0.5, None, None, 0.4], 2, False),
        ([0.5, None, None, 0.4, None, 0.5], 2, True),
        ([0.5, 0.4, 0.3, 0.2], 0, False),
    ],
)
def test_a_run_stops_after_validations_without_progress(metrics, patience, stopped):
    assert keeper(metrics, patience).has_stopped is stopped


def test_a_stopped_run_is_finished(digits, tmp_path, capsys):
    values = itertools.chain([0.5], itertools.repeat(0.4))

    class Falling(tasks.Classification):
        def evaluate(self, model, source, split="test", **options):
            return {"accuracy": next(values)}

    _, metrics = fit(digits, tmp_path / "run", Falling(), epochs=10, patience=2)
    # Its own `evaluate` gives no answers that could be counted.
    assert metrics["accuracy"] == 0.4 and "per_class" not in metrics
    assert "no better accuracy in 2 validations: stopped after epoch 3 of 10" in capsys.readouterr().err
    assert len(history(tmp_path / "run")) == 3
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["best_epoch"] == 1
    fit(digits, tmp_path / "run", Falling(), epochs=10, patience=2, resume=True)
    assert len(history(tmp_path / "run")) == 3


def test_the_last_of_equal_validations_is_kept(digits, tmp_path):
    class Constant(tasks.Classification):
        def evaluate(self, model, source, split="test", **options):
            return {"accuracy": 1.0}

    # Right by chance from the first epoch on: that does not end the run.
    _, metrics = fit(digits, tmp_path / "run", Constant(), epochs=4, patience=1)
    assert metrics["best_epoch"] == 4 and len(history(tmp_path / "run")) == 4


def test_the_average_of_the_weights_is_measured_and_kept(digits, tmp_path, monkeypatch):
    trained, kept = [], []

    class Watched(tasks.Classification):
        def evaluate(self, model, source, split="test", **options):
            if split == "val":
                kept.append([np.array(v) for v in model.trainable_variables])
            return super().evaluate(model, source, split, **options)

    save = validation.checkpoint.save

    def recorded(path, model, record):
        trained.append([np.array(v) for v in model.trainable_variables])
        save(path, model, record)

    monkeypatch.setattr(validation.checkpoint, "save", recorded)
    model, _ = fit(digits, tmp_path / "run", Watched(), epochs=4, batch_size=20, ema=True)
    # One step per epoch, so the weights after each step are known. Four steps give a momentum of 0.9.
    average = trained[0]
    for step, weights in enumerate(trained):
        if step:
            average = [0.9 * old + 0.1 * new for old, new in zip(average, weights, strict=True)]
        for one, other in zip(kept[step], average, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert any(np.abs(one - other).max() > 1e-4 for one, other in zip(average, trained[-1], strict=True))
    best = json.loads((tmp_path / "run" / "metrics.json").read_text())["best_epoch"]
    for one, other in zip(model.trainable_variables, kept[best - 1], strict=True):
        np.testing.assert_array_equal(np.array(one), other)


def test_the_weights_that_are_trained_do_not_depend_on_the_average(digits, tmp_path, monkeypatch):
    ends = []
    save = validation.checkpoint.save

    def recorded(path, model, record):
        ends.append([np.array(v) for v in model.trainable_variables])
        save(path, model, record)

    monkeypatch.setattr(validation.checkpoint, "save", recorded)
    fit(digits, tmp_path / "with", epochs=3, ema=True)
    fit(digits, tmp_path / "without", epochs=3)
    for one, other in zip(ends[2], ends[5], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"minutes": 0}, "`minutes` must be positive. Received: 0"),
        ({"minutes": float("nan")}, "`minutes` must be positive"),
        ({"minutes": 2, "epochs": 3}, "`minutes` and `epochs` exclude each other"),
        ({"minutes": 2, "recipe_options": {"epochs": 3}}, "`minutes` and `epochs` exclude each other"),
        ({"patience": -1}, "`patience` must be an integer of at least 0. Received: -1"),
        ({"patience": 2, "recipe_options": {"patience": 3}}, "`patience` and `recipe.patience` exclude"),
        ({"recipe_options": {"ema": 1}}, "`ema` must be True or False. Received: 1"),
        ({"recipe_options": {"least_steps": 1.5}}, "`least_steps` must be an integer of at least 0"),
    ],
)
def test_bad_options(digits, tmp_path, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        fit(digits, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def forecast(monkeypatch, capsys, *, epochs, steps, per_step, validation_seconds, compiling=50.0):
    """Returns what a `Forecast` prints in the first two epochs of a run on a separate clock."""
    now = [0.0]
    monkeypatch.setattr(schedule.time, "monotonic", lambda: now[0])
    kept = types.SimpleNamespace(validations=0, seconds_of_validation=0.0)
    callback = schedule.Forecast(Schedule.of(epochs), steps, kept)
    now[0] += compiling
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(steps):
            now[0] += per_step
            callback.on_train_batch_end(batch)
        if callback.schedule.validates(epoch + 1):
            now[0] += validation_seconds
            kept.validations += 1
            kept.seconds_of_validation += validation_seconds
        callback.on_epoch_end(epoch)
    return capsys.readouterr().err


def test_the_rest_of_a_run_is_forecast_after_the_first_epoch(monkeypatch, capsys):
    text = forecast(monkeypatch, capsys, epochs=20, steps=10, per_step=0.5, validation_seconds=60.0)
    # 19 epochs of 10 steps and a validation remain: 19 * (5 + 60) seconds.
    assert "about 21 minutes for the 190 steps that remain, 0.5 s each" in text
    assert text.count("remain") == 1


def test_a_long_epoch_is_forecast_within_it(monkeypatch, capsys):
    text = forecast(monkeypatch, capsys, epochs=2, steps=100, per_step=1.0, validation_seconds=0.0)
    assert "for the 169 steps that remain" in text


def test_one_step_per_epoch_is_forecast_in_the_second(monkeypatch, capsys):
    text = forecast(monkeypatch, capsys, epochs=30, steps=1, per_step=2.0, validation_seconds=0.0)
    assert "about 56 seconds for the 28 steps that remain, 2 s each" in text


def test_a_short_run_has_no_forecast(monkeypatch, capsys):
    assert not forecast(monkeypatch, capsys, epochs=20, steps=10, per_step=0.01, validation_seconds=0.1)


def test_a_long_run_is_forecast_before_it_starts(monkeypatch, capsys):
    trainer = types.SimpleNamespace(reset_metrics=lambda: None)
    monkeypatch.setattr(schedule.checkpoint, "state_of", lambda trainer: {})
    monkeypatch.setattr(schedule, "_timed_steps", lambda trainer, batches: (6.0, 40.0))
    schedule.announce(trainer, range(12), Schedule.of(20))
    assert capsys.readouterr().err == ""
    schedule.announce(trainer, range(12), Schedule.of(100))
    expected = "about 10 minutes: 100 epochs of 12 steps, 0.5 s each, and 34 validations on top"
    assert expected in capsys.readouterr().err


def test_the_forecast_changes_no_weight(digits, tmp_path, monkeypatch, capsys):
    plain, _ = fit(digits, tmp_path / "plain", epochs=2)
    assert "training will take" not in capsys.readouterr().err
    monkeypatch.setattr(schedule, "_WORTH_TIMING", 1)
    monkeypatch.setattr(schedule.Forecast, "least", 0.0)
    timed, _ = fit(digits, tmp_path / "timed", epochs=2)
    assert "training will take about" in capsys.readouterr().err
    for one, other in zip(plain.get_weights(), timed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seconds, text", [(12, "12 seconds"), (300, "5 minutes"), (9000, "2.5 hours")])
def test_durations_in_words(seconds, text):
    assert schedule.duration(seconds) == text


def test_keras_averages_nothing_unless_asked():
    assert tasks.Classification().optimizer(10).use_ema is False
    assert isinstance(tasks.Classification().optimizer(10), keras.optimizers.AdamW)


def test_a_run_without_a_schedule_goes_on_as_it_was_started():
    task = old_runs.as_then(tasks.Segmentation(), tasks.FitOptions())
    assert task.recipe == Recipe(epochs=60, batch_size=8, learning_rate=2e-3, fine_tune_learning_rate=5e-4)
    assert task.crops == 1 and task.elastic == 0.0
    options = tasks.FitOptions(
        epochs=7, recipe_options={"least_steps": 5}, task_options={"crops": 3}, patience=2
    )
    task = old_runs.as_then(options.configured(tasks.Segmentation()), options)
    assert (task.recipe.epochs, task.recipe.least_steps, task.recipe.patience) == (7, 5, 2)
    assert task.crops == 3 and task.elastic == 0.0


def test_the_time_of_an_epoch_has_what_comes_between_its_steps():
    watch = schedule._Stopwatch()
    # Two epochs of three steps of 2 seconds, with 5 more seconds from one epoch to the next.
    watch.times, watch.epochs = [10.0, 12.0, 14.0, 21.0, 23.0, 25.0], [0, 0, 0, 1, 1, 1]
    assert watch.per_epoch(3) == 2 + 2 + 7
    watch.times, watch.epochs = [1.0, 4.0, 7.0], [0, 1, 2]
    assert watch.per_epoch(1) == 3
    # Of a long epoch, only a part is seen.
    watch.times, watch.epochs = [1.0, 3.0, 5.0], [0, 0, 0]
    assert watch.per_epoch(100) == 200


@pytest.mark.parametrize(
    "content", [{}, [], {"epochs": "x", "every": 1, "recipe": {}}, {"epochs": 2, "every": 1}]
)
def test_a_damaged_record_is_refused(content):
    with pytest.raises(InputError, match="run/schedule.json is damaged"):
        schedule.recorded(content, "run")


def test_a_record_is_read():
    plan, recipe = schedule.recorded({"epochs": 7, "every": 2, "recipe": {"epochs": 3}}, "run")
    assert plan == Schedule(7, 2) and recipe == {"epochs": 3}
    with pytest.raises(InputError, match="at least 1"):
        schedule.recorded({"epochs": 0, "every": 1, "recipe": {}}, "run")
