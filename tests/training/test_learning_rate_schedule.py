"""The schedule of the learning rate, whose length can be changed after compilation."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.training import rates
from tests.training.test_rates import STEPS, made, numbers


@pytest.fixture(autouse=True)
def _float32():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("steps, warmup", [(1, 0.0), (1, 0.5), (40, 0.05), (60, 0.05), (100, 0.03), (7, 0.9)])
def test_the_schedule_is_that_of_keras(steps, warmup):
    warm = int(warmup * steps)
    wanted = keras.optimizers.schedules.CosineDecay(
        0.02 if not warm else 2e-4,
        max(1, steps - warm),
        warmup_target=0.02 if warm else None,
        warmup_steps=warm,
    )
    ours, other = rates.WarmedUpCosine(0.02, steps, warmup), rates.WarmedUpCosine(0.02, 3 * steps, warmup)
    other.set_steps(steps)
    loaded = rates.WarmedUpCosine.from_config(other.get_config())
    for step in range(steps + 3):
        values = numbers([schedule(step) for schedule in (wanted, ours, other, loaded)])
        np.testing.assert_allclose(values[1:], values[0], rtol=1e-5, atol=1e-9)


def test_only_lengths_that_are_not_constants_of_the_program_can_be_changed():
    plain, both = made("small").optimizer, made("small", backbone_rate=0.5).optimizer
    found = [
        rates.schedules(plain),
        rates.schedules(both),
        rates.schedules(made("small", precision="mixed_float16").optimizer),
    ]
    counts = [0, 0, 0] if keras.backend.backend() == "jax" else [1, 2, 1]
    assert [len(schedules) for schedules in found] == counts
    averaged = tasks.Classification().configured(recipe={"ema": True}).optimizer(STEPS)
    assert rates.schedules(averaged) == [] == rates.schedules(keras.optimizers.SGD(0.1))
