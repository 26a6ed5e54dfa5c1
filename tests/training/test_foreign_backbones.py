"""A run with a backbone of another collection, from a file: trained, recorded, cut off, and resumed."""

import json

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks, training
from keras_cnn_zoo.training.validation import Keeper
from tests.tasks import small_runs
from tests.training.test_resume import Cut, cut_off

pytest.importorskip("PIL")


@pytest.mark.slow
def test_a_run_on_a_network_of_keras_is_recorded_and_resumed(tmp_path, monkeypatch):
    original = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3))
    path = tmp_path / "notop.weights.h5"
    original.save_weights(path)
    given = {"model": "fcn", "backbone": "keras/MobileNetV2", "weights": str(path), "epochs": 2, "jit": "off"}

    def fit(out, **more):
        options = small_runs.options("segmentation", tmp_path / out, **given, **more)
        return tasks.fit(small_runs.task("segmentation"), options)

    whole, _ = fit("whole")
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    assert (config["backbone"], config["weights"]) == ("keras/MobileNetV2", str(path))
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_batch_end", cut_off)
        with pytest.raises(Cut):
            fit("cut")
    resumed, _ = fit("cut", resume=True)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    path.unlink()
    # A finished run needs the file no more.
    measured = training.evaluate(small_runs.task("segmentation"), run=str(tmp_path / "whole"))
    assert 0 <= measured["mean_iou"] <= 1
