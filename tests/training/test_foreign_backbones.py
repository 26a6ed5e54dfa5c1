"""A run with a backbone of another collection, from a file: trained, recorded, cut off, resumed, exported."""

import json
import os
import shutil

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks, training
from keras_cnn_zoo.training.validation import Keeper
from tests.tasks import small_runs
from tests.training.test_resume import Cut, cut_off

pytest.importorskip("PIL")


def file_of_keras(folder):
    original = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(64, 64, 3))
    original.save_weights(folder / "notop.weights.h5")
    return folder / "notop.weights.h5"


def folder_of_kerashub(folder):
    hub = pytest.importorskip("keras_hub", reason="the package keras-hub is not installed")
    original = hub.models.ResNetBackbone([64], [7], [64, 8, 8, 8], [1, 1, 1, 1], [1, 2, 2, 2], "basic_block")
    original.save_to_preset(str(folder / "hub"))
    hub.layers.ResNetImageConverter(scale=1 / 128, offset=-1.0).save_to_preset(str(folder / "hub"))
    return folder / "hub"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "write"),
    [("keras/MobileNet", file_of_keras), ("kerashub/resnet_18_imagenet", folder_of_kerashub)],
)
def test_a_run_on_a_foreign_network_is_recorded_and_resumed(spec, write, tmp_path, monkeypatch):
    path = write(tmp_path)
    given = {"model": "fcn", "backbone": spec, "weights": str(path), "epochs": 2, "jit": "off"}

    def fit(out, **more):
        options = small_runs.options("segmentation", tmp_path / out, **given, **more)
        return tasks.fit(small_runs.task("segmentation"), options)

    whole, _ = fit("whole")
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    assert (config["backbone"], config["weights"]) == (spec, str(path))
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_batch_end", cut_off)
        with pytest.raises(Cut):
            fit("cut")
    resumed, _ = fit("cut", resume=True)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    # A finished run needs the file no more.
    task, run = small_runs.task("segmentation"), str(tmp_path / "whole")
    assert 0 <= training.evaluate(task, run=run)["mean_iou"] <= 1
    out = training.export_model(task, tmp_path / "exported", format="saved_model", run=run)
    assert os.path.isfile(os.path.join(out, "saved_model.pb"))
