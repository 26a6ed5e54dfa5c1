import pytest

pytest.importorskip("keras_tuner")

from keras_cnn_zoo.search import report
from tests.search import samples

METRIC = "val_accuracy"


def row(trial, value, *, parameters=10, **more):
    values = {"pooling": "max", "convolution_activation": "linear", "width": 0.2, "learning_rate": 2e-3}
    figures = {"parameters": parameters, "epochs": 2, "seconds": 3.0, "error": None}
    return {"trial": trial, METRIC: value, **values, **figures, **more}


def test_best_first_small_before_large_early_before_late_failed_last():
    rows = [row("0", None), row("1", 0.5), row("2", 0.9, parameters=20), row("4", 0.9), row("3", 0.9)]
    assert [r["trial"] for r in report.best_first(rows, METRIC)] == ["3", "4", "2", "1", "0"]


def test_effects_leave_failed_trials_out():
    rows = [row("0", 0.5), row("1", 0.7), row("2", None), row("3", 0.9, pooling="average")]
    assert report.effects(rows, METRIC, "pooling") == {"max": [0.5, 0.7], "average": [0.9]}


def test_spread_is_median_and_quartiles():
    assert report.spread([0.3]) == (0.3, 0.3, 0.3)
    assert report.spread([1, 2, 3, 4, 5]) == (2, 3, 4)
    # Two trials: a quarter of the way in from each.
    assert report.spread([0, 8]) == (2, 4, 6)


def test_summary_puts_the_better_median_first_with_its_spread():
    rows = [row("0", 0.5), row("1", 0.7), row("3", 0.9, pooling="average")]
    line = next(iter(report.summary(rows, METRIC, samples.SPACE)))
    assert line == "pooling: average 0.9000 (0.9000 to 0.9000, n=1), max 0.6000 (0.5500 to 0.6500, n=2)"


def test_the_line_of_a_trial():
    rows = report.best_first([row("0", 0.5), row("1", 0.7)], METRIC)
    worse = report.trial_line(rows[1], rows, METRIC, ("pooling", "learning_rate"), 5)
    figures = "val_accuracy 0.5000 (best 0.7000, trial 1)"
    assert worse == f"2 of 5: trial 0: {figures}; pooling max, learning_rate 0.002; 3 s"
    better = report.trial_line(rows[0], rows, METRIC, ("pooling",), None)
    assert better == "2: trial 1: val_accuracy 0.7000 (the best so far); pooling max; 3 s"


def test_a_trial_that_learned_nothing_does_not_set_the_scale():
    scores = [0.1, 0.95, 0.96, 0.96, 0.97, 0.98]
    assert 0.8 < report._floor(scores) < 0.95
    assert report._floor([0.1, 0.9]) == 0.1 and report._floor([0.3]) == 0.3
    assert report._floor([0.9] * 6) == 0.9


@pytest.mark.parametrize(
    "rows",
    [
        [row("0", 0.5)],
        [row("0", 0.5), row("1", None), row("2", 0.5, width=0.4)],
        [row(str(i), 0.9 + i / 100, pooling="average") for i in range(5)] + [row("5", 0.1)],
    ],
)
def test_the_figure_has_a_panel_for_the_trials_and_each_hyperparameter(rows, tmp_path):
    sheet = report.figure(rows, METRIC, samples.SPACE)
    shown = [axis for axis in sheet.axes if axis.axison]
    assert [axis.get_title() for axis in shown[1:]] == list(samples.SPACE.names)
    finished = [r for r in rows if r[METRIC] is not None]
    # A dot a finished trial in every panel; filled bars of the spread are not dots.
    for axis in shown:
        dots = sum(
            len(c.get_offsets()) for c in axis.collections if len(c.get_offsets()) and c.get_sizes().size
        )
        assert dots == len(finished)
    sheet.savefig(tmp_path / "search.png")
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")
