"""Components with nothing wrong pass every guarantee that this process can check."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.testing import (
    CallbackCase,
    InitializerCase,
    LayerCase,
    LossCase,
    MetricCase,
    ModelCase,
    RegularizerCase,
    run_case,
)
from tests.testing.parts import (
    CLASS_IDS,
    DENSE,
    LABELS,
    LOGS,
    PICKS,
    SCORES,
    UPDATES,
    ChannelSoftmax,
    ClassScore,
    Distance,
    MeanError,
    Patience,
    Ridge,
    SameClass,
    ScaledDense,
    Uniform,
    channel_softmax,
    class_score,
    distance,
    picker,
    scaled_dense,
    small_model,
)

GOOD = [
    LayerCase(cls=ScaledDense, init_kwargs=DENSE, input_shape=(2, 4), reference=scaled_dense),
    LayerCase(
        cls=ChannelSoftmax,
        init_kwargs={"data_format": "channels_first", "seed": 3},
        input_shape=(2, 3, 5, 6),
        reference=channel_softmax,
        expected_output_shape=(2, 3, 5, 6),
    ),
    LossCase(cls=Distance, init_kwargs={"factor": 0.7}, y_true=LABELS, y_pred=SCORES, reference=distance),
    LossCase(
        cls=ClassScore,
        init_kwargs={},
        y_true=CLASS_IDS,
        y_pred=SCORES,
        labels="classes",
        reference=class_score,
    ),
    LossCase(cls=SameClass, init_kwargs={}, y_true=CLASS_IDS, y_pred=SCORES, labels="ids", expected=1.83),
    RegularizerCase(
        cls=Ridge,
        init_kwargs={"factor": 0.7},
        weight=SCORES,
        reference=lambda weight, factor: factor * float((weight**2).sum()),
    ),
    InitializerCase(cls=Uniform, init_kwargs={"high": 0.7, "seed": 3}, shape=(3, 4)),
    MetricCase(cls=MeanError, init_kwargs={"power": 2}, updates=UPDATES, expected=14 / 5),
    CallbackCase(cls=Patience, init_kwargs={"epochs": 2}, logs=LOGS, expected=6),
    CallbackCase(cls=Patience, init_kwargs={"epochs": 3}, logs=LOGS, expected=7),
    ModelCase(build=small_model, input_shape=(3, 8, 8, 1)),
    ModelCase(build=picker, input_shape=(2, 4), targets=PICKS),
]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_good_part_passes(case):
    outcomes = run_case(case)
    assert [outcome for outcome in outcomes if outcome.status in ("fail", "not run")] == []
    assert {outcome.guarantee for outcome in outcomes} == {f"C{n}" for n in range(1, 14)} - {"C8", "C9"}


@pytest.mark.parametrize(
    ("cls", "init_kwargs", "input_shape", "broken"),
    [
        # Its config leaves out `activity_regularizer` and `lora_rank` while they are None.
        (keras.layers.Dense, {"units": 3, "kernel_regularizer": "l2"}, (2, 4), {"C1", "C11"}),
        (
            keras.layers.Conv2D,
            {"filters": 2, "kernel_size": (3, 2), "padding": "same"},
            (2, 6, 5, 3),
            {"C11"},
        ),
        (keras.layers.BatchNormalization, {"momentum": 0.7, "epsilon": 2e-3}, (2, 4, 5, 3), {"C11"}),
        # Its config leaves out `trainable`.
        (keras.layers.SpatialDropout2D, {"rate": 0.4, "seed": 2}, (2, 4, 5, 3), {"C1", "C11"}),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_layers_of_keras_meet_all_but_what_is_stricter_here(cls, init_kwargs, input_shape, broken):
    case = LayerCase(cls=cls, init_kwargs=init_kwargs, input_shape=input_shape)
    failures = [outcome for outcome in run_case(case) if outcome.status == "fail"]
    assert {outcome.guarantee for outcome in failures} == broken, failures


def test_eager_checks_are_fewer():
    case = GOOD[0]
    outcomes = run_case(case, thorough=False)
    assert [outcome.guarantee for outcome in outcomes] == ["C1", "C2", "C3", "C4", "C10", "C13"]
    assert {outcome.status for outcome in outcomes} == {"pass"}


def test_an_expected_loss_replaces_a_reference():
    expected = np.mean(distance(LABELS, SCORES, factor=0.7))
    case = LossCase(
        cls=Distance, init_kwargs={"factor": 0.7}, y_true=LABELS, y_pred=SCORES, expected=expected
    )
    assert {outcome.status for outcome in run_case(case) if outcome.guarantee == "C13"} == {"pass"}
