"""Writes `recorded/`: files of this version of the code, and the outputs of its networks.

    python -m tests.compatibility.record

The files in the repository were written by version 0.1.0, before the package was laid out anew. Running this
again would replace old files by new ones, and the tests would compare the code with itself: it refuses to.
"""

import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.search.trials import Trials
from keras_cnn_zoo.training.validation import Keeper
from tests.compatibility import outputs
from tests.models.classification import test_lenet5, test_resnet
from tests.models.detection import test_faster_rcnn, test_retinanet
from tests.models.language import test_textcnn
from tests.models.segmentation import test_deeplab, test_fcn, test_unet
from tests.models.speech import test_keyword_cnn
from tests.models.text import test_crnn
from tests.models.tracking import test_siamfc
from tests.search import samples
from tests.tasks import small_runs

MODULES = (
    test_lenet5,
    test_resnet,
    test_faster_rcnn,
    test_retinanet,
    test_textcnn,
    test_deeplab,
    test_fcn,
    test_unet,
    test_keyword_cnn,
    test_crnn,
    test_siamfc,
)


class Cut(Exception):
    """An interruption in the middle of a run or search, instead of a kill."""


def write_models():
    """Writes a `.keras` file of every case of every model. Returns the names of the files."""
    names = []
    for module in MODULES:
        for position, case in enumerate(module.CASES):
            keras.utils.set_random_seed(position)
            model = case["build"]()
            random = np.random.default_rng(position)
            for variable in model.weights:
                # Changed statistics of normalization must be kept too.
                if variable.path.endswith(("moving_mean", "moving_variance", "beta", "bias")):
                    variable.assign(variable + random.uniform(0, 0.1, variable.shape).astype("float32"))
            name = f"{case['cls'].__name__.lower()}_{position}.keras"
            model.save(os.path.join(outputs.FOLDER, name))
            names.append(name)
    return names


def write_preset(data):
    """Writes a preset folder with a card."""
    keras.utils.set_random_seed(0)
    model = models.LeNet5(3, input_shape=(16, 16, 1), width=0.2, class_names=("a", "b", "c"))
    card = {"summary": "A small one.", "licence": "none stated", "metrics": {"accuracy": 0.5}, "seed": 3}
    model.save_to_preset(os.path.join(outputs.FOLDER, data), card=card)
    return data


def cut_off(self, batch, logs=None):
    """Interrupts after the first step of the second epoch."""
    if self.history:
        raise Cut


def write_runs():
    """Writes a finished run, its metrics, and the same run interrupted in its second epoch."""
    task = small_runs.task("classification")

    def fit(out):
        folder = os.path.join(outputs.FOLDER, out)
        tasks.fit(task, small_runs.options("classification", folder, epochs=3, jit="off"))
        return folder

    finished = fit("run")
    untouched, Keeper.on_train_batch_end = Keeper.on_train_batch_end, cut_off
    with contextlib.suppress(Cut):
        fit("cut_run")
    Keeper.on_train_batch_end = untouched
    for folder in ("run", "cut_run"):
        shutil.rmtree(os.path.join(outputs.FOLDER, folder, "tensorboard"), ignore_errors=True)
        for picture in ("curves.png", "samples.png", "best.weights.h5"):
            path = pathlib.Path(outputs.FOLDER, folder, picture)
            if folder == "run":
                path.unlink(missing_ok=True)
    return tasks.evaluate(task, run=finished)


def write_search():
    """Writes a search of three trials that was interrupted in the third, and the same search completed."""
    with tempfile.TemporaryDirectory() as away:
        away = pathlib.Path(away)
        before = os.getcwd()
        data = samples.write_archive(pathlib.Path(outputs.FOLDER, "search_data.npz"))
        os.chdir(outputs.FOLDER)
        data = "npz:search_data.npz"
        samples.run(data, away / "whole")
        begun, original = [], Trials.on_trial_begin

        def begin(self, trial):
            original(self, trial)
            begun.append(trial)
            if len(begun) == 3:
                raise Cut

        Trials.on_trial_begin = begin
        with contextlib.suppress(Cut):
            samples.run(data, "cut_search")
        Trials.on_trial_begin = original
        os.chdir(before)
        shutil.copy(away / "whole" / "trials.json", os.path.join(outputs.FOLDER, "search_trials.json"))
        shutil.copy(away / "whole" / "metrics.json", os.path.join(outputs.FOLDER, "search_metrics.json"))
    shutil.rmtree(os.path.join(outputs.FOLDER, "cut_search", "keras_tuner"))
    os.remove(os.path.join(outputs.FOLDER, "cut_search", "search.png"))


def main():
    """Writes everything."""
    if os.path.exists(outputs.FOLDER):
        sys.exit(f"{outputs.FOLDER} holds files of an earlier version: they are not written again")
    os.makedirs(outputs.FOLDER)
    names = {
        "presets": [preset["name"] for preset in models.list_presets()],
        "files": write_models(),
        "folders": [write_preset("preset")],
    }
    with open(os.path.join(outputs.FOLDER, "names.json"), "w", encoding="utf-8") as file:
        json.dump(names, file, indent=1)
    np.savez_compressed(outputs.OUTPUTS, **outputs.everything())
    with open(os.path.join(outputs.FOLDER, "evaluated.json"), "w", encoding="utf-8") as file:
        json.dump(write_runs(), file, indent=1)
    write_search()


if __name__ == "__main__":
    main()
