"""A worker that crashes, hangs or cannot start costs the case that it was at, and no other."""

import time

import pytest

from keras_cnn_zoo.testing.backends.children import Lane, run_lane, tail


def run(folder, names, guarantees=("C8",), *, step_seconds=20.0, seconds=60.0, stopped=lambda: False):
    """Returns {(id, guarantee): outcome} of the fake worker."""
    lane = Lane("fake", "jax", guarantees, worker="tests.testing.backends.fake_worker")
    outcomes = {}

    def publish(outcome):
        key = outcome.case_id, outcome.guarantee
        assert key not in outcomes, f"{key} was published twice"
        outcomes[key] = outcome

    run_lane(
        lane,
        [{"id": name} for name in names],
        folder,
        wanted=[(name, guarantee) for guarantee in guarantees for name in names],
        options={},
        step_seconds=step_seconds,
        deadline=time.monotonic() + seconds,
        publish=publish,
        stopped=stopped,
    )
    return outcomes


def statuses(outcomes):
    return {key: outcome.status for key, outcome in outcomes.items()}


def test_everything_passes_in_one_process(tmp_path):
    outcomes = run(tmp_path, ["a", "b"], ("C8", "C9"))
    assert statuses(outcomes) == {(name, key): "pass" for name in "ab" for key in ("C8", "C9")}
    assert len(list(tmp_path.glob("*.stderr"))) == 1


def test_crash_fails_the_case_it_was_at_and_shows_its_last_words(tmp_path):
    outcomes = run(tmp_path, ["a", "crashes", "b"], ("C8", "C4"))
    assert [key for key, outcome in outcomes.items() if outcome.status == "fail"] == [
        ("crashes", "C8"),
        ("crashes", "C4"),
    ]
    detail = outcomes["crashes", "C8"].detail
    assert "ended with code 7" in detail and detail.endswith("my last words")
    assert "noise at every start" not in detail
    assert outcomes["crashes", "C8"].backend == "jax"


def test_crash_in_a_batch_is_tracked_down_by_running_its_cases_alone(tmp_path):
    outcomes = run(tmp_path, ["a", "crashes when compiled", "b"], ("C9",))
    assert statuses(outcomes) == {
        ("a", "C9"): "pass",
        ("crashes when compiled", "C9"): "fail",
        ("b", "C9"): "pass",
    }


def test_hanging_step_is_stopped_and_the_rest_goes_on(tmp_path):
    outcomes = run(tmp_path, ["a", "hangs", "b"], step_seconds=3.0)
    assert statuses(outcomes) == {("a", "C8"): "pass", ("hangs", "C8"): "fail", ("b", "C8"): "pass"}
    assert "was stopped after 3 s without a result" in outcomes["hangs", "C8"].detail


def test_the_time_for_all_is_kept(tmp_path):
    begun = time.monotonic()
    outcomes = run(tmp_path, ["a", "hangs", "b"], seconds=1.0)
    assert time.monotonic() - begun < 10
    assert outcomes["hangs", "C8"].status == outcomes["b", "C8"].status == "fail"
    assert "its time for all components over" in outcomes["b", "C8"].detail


def test_worker_that_cannot_start_fails_every_case_once(tmp_path):
    outcomes = run(tmp_path, ["a", "dies at the start"])
    assert set(statuses(outcomes).values()) == {"fail"}
    assert "cannot even start" in outcomes["a", "C8"].detail
    assert len(list(tmp_path.glob("*.stderr"))) == 1


def test_stopping_ends_the_process(tmp_path):
    begun = time.monotonic()
    outcomes = run(tmp_path, ["hangs"], stopped=lambda: time.monotonic() > begun + 1.0)
    assert outcomes == {}
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("text", ["", "\n", "W0000 00:00 noise\nI0000 00:00 more\n"])
def test_tail_of_nothing_says_so(tmp_path, text):
    path = tmp_path / "stderr"
    assert tail(path) == "(none)"
    path.write_text(text)
    assert tail(path) == "(none)"


def test_tail_keeps_the_last_lines(tmp_path):
    path = tmp_path / "stderr"
    path.write_text("\n".join(f"line {number}" for number in range(100)))
    assert tail(path, lines=2) == "line 98\nline 99"
