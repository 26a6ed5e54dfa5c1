"""A run of any task that is cut off within an epoch and resumed ends as an unbroken one, bit for bit."""

import json

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.training.validation import Keeper
from tests.tasks import small_runs

for package in ("PIL", "jiwer", "matplotlib", "pycocotools", "scipy", "sklearn"):
    pytest.importorskip(package)


class Cut(Exception):
    pass


def cut_off(self, batch, logs=None):
    """After the first step of the second epoch."""
    if self.history:
        raise Cut


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(tasks.TASKS))
def test_a_run_cut_off_and_resumed_ends_bit_for_bit_the_same(name, tmp_path, monkeypatch):
    # Compiling the larger ones takes longer than their few steps.
    jit = "auto" if name in ("classification", "language") else "off"

    def fit(out, **more):
        options = small_runs.options(name, tmp_path / out, epochs=3, jit=jit, **more)
        return tasks.fit(small_runs.task(name), options)

    whole, metrics = fit("whole")
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_batch_end", cut_off)
        with pytest.raises(Cut):
            fit("cut")
    assert len((tmp_path / "cut" / "history.csv").read_text().splitlines()) == 2
    keras.utils.clear_session()
    resumed, again = fit("cut", resume=True)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert json.dumps(metrics) == json.dumps(again)
    # The best weights may be those of the first epoch: the losses tell of the last.
    histories = [(tmp_path / out / "history.csv").read_text() for out in ("whole", "cut")]
    assert histories[0] == histories[1] and len(histories[0].splitlines()) == 4
