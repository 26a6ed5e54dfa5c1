"""The range test finds a rate once, changes no weight, and is recorded; threads change nothing at all."""

import json
import types

import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.training import rate_finder
from keras_cnn_zoo.training.validation import Keeper
from keras_cnn_zoo.utils.errors import InputError


def test_the_moving_average_has_no_bias():
    np.testing.assert_allclose(rate_finder.smoothed([3.0, 3.0, 3.0]), 3.0)
    # The newest weighs 0.2, the one before 0.16: (0.2 * 1 + 0.16 * 4) / 0.36.
    np.testing.assert_allclose(rate_finder.smoothed([4.0, 1.0]), [4.0, 0.84 / 0.36])


@pytest.mark.parametrize(
    ("losses", "place"),
    [
        ([], None),
        ([1.0, 2.0, 3.0], None),
        ([1.0] * 30 + [0.5] * 20 + [9.0] * 3, 49),
        # One low loss among high ones is noise.
        ([1.0, 0.1, 1.0, *np.linspace(0.9, 0.1, 20), *np.linspace(0.2, 5, 5)], 23),
    ],
)
def test_the_lowest_average_counts(losses, place):
    found = rate_finder.best_step(losses)
    assert found == place if place in (None, 49) else abs(found - place) <= 2


def test_losses_of_steps_come_from_means_of_epochs():
    watch = rate_finder._Losses()
    watch.set_model(types.SimpleNamespace(stop_training=False))
    losses = [2.0, 4.0, 3.0, 1.0, 5.0]
    for step, batch in enumerate([0, 1, 2, 0, 1]):
        epoch = losses[step - batch : step + 1]
        watch.on_train_batch_end(batch, {"loss": np.mean(epoch)})
    np.testing.assert_allclose(watch.losses, losses)
    assert not watch.model.stop_training
    watch.on_train_batch_end(2, {"loss": 500.0})
    assert watch.model.stop_training
    watch.model.stop_training = False
    watch.on_train_batch_end(0, {"loss": float("nan")})
    assert watch.model.stop_training and len(watch.losses) == 6


class Cut(Exception):
    pass


def cut_off(self, batch, logs=None):
    if self.history:
        raise Cut


def fit(data, out, **more):
    options = {"width": 0.1, "epochs": 2, "batch_size": 8, "seed": 4, "jit": "off", **more}
    return tasks.fit(tasks.Classification(), tasks.FitOptions(data=f"npz:{data}", out=str(out), **options))


def same(one, other):
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_rate_is_found_once_and_recorded(digits_npz, tmp_path, monkeypatch, capsys):
    whole, _ = fit(digits_npz, tmp_path / "whole", learning_rate="auto")
    assert capsys.readouterr().err.count("learning rate: ") == 1
    record = json.loads((tmp_path / "whole" / "schedule.json").read_text())
    rate = record["recipe"]["learning_rate"]
    assert 2e-6 < rate < 0.2 and rate != tasks.Classification.recipe.learning_rate
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    assert config["learning_rate"] == "auto" and "recipe_options" not in config
    # The test leaves no trace: a run with that rate has the same weights.
    given, _ = fit(digits_npz, tmp_path / "given", learning_rate=rate)
    same(whole, given)
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_batch_end", cut_off)
        with pytest.raises(Cut):
            fit(digits_npz, tmp_path / "cut", learning_rate="auto")
    capsys.readouterr()
    resumed, _ = fit(digits_npz, tmp_path / "cut", learning_rate="auto", resume=True, workers=0)
    assert "learning rate: " not in capsys.readouterr().err
    same(whole, resumed)


def test_the_number_of_threads_changes_nothing(digits_npz, tmp_path):
    runs = {}
    for workers in (None, 0, 3):
        model, _ = fit(digits_npz, tmp_path / str(workers), workers=workers)
        runs[workers] = model, (tmp_path / str(workers) / "config.json").read_text()
    for model, config in runs.values():
        same(runs[None][0], model)
        assert config == runs[None][1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": "fast"}, "`learning_rate` must be a number or auto. Received: 'fast'"),
        (
            {"learning_rate": "auto", "recipe_options": {"learning_rate": 0.1}},
            "`learning_rate` and `recipe.learning_rate` exclude each other",
        ),
        ({"workers": -1}, "`workers` must be an integer of at least 0. Received: -1"),
        ({"workers": True}, "`workers` must be an integer of at least 0. Received: True"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        tasks.FitOptions(**options).check()


def test_the_usual_rate_of_fine_tuning_says_where_to_search():
    options = tasks.FitOptions(preset="lenet5_mnist", learning_rate="auto")
    assert options.configured(tasks.Classification()).recipe.learning_rate == 1e-3
