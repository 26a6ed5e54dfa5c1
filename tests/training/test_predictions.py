"""Interrupted predictions resume with the same model and inputs alone, at whatever byte they were cut off."""

import json
import os

import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.training.predictions import FINAL, PART, SETTINGS, PredictionLog, Predictions
from keras_cnn_zoo.utils.errors import InputError
from tests.training.test_predict import PRESET, Image, Two, damage, predict, write


def interrupted(paths, out, **more):
    """Starts a prediction that the last of `paths` ends."""
    damage(paths[-1])
    with pytest.raises(InputError):
        predict(paths, out, **more)


class Small(Two):
    """Writes pictures of a few bytes."""

    def describe(self, model, item, answer):
        described, _ = super().describe(model, item, answer)
        return described, {".png": Image.new("L", (2, 2))}


def run_of(model, run):
    """Writes the run folder of a model: what `fit` writes, without what `predict` does not read."""
    os.makedirs(run, exist_ok=True)
    config = {"task": "classification", "data_options": {"spec": None}, "seed": 0}
    (run / "config.json").write_text(json.dumps(config))
    model.save(run / "model.keras")


def test_a_run_that_was_trained_again_does_not_resume(tmp_path):
    # Only its weights change here.
    model, run = models.from_preset(PRESET), tmp_path / "run"
    run_of(model, run)
    paths = write(tmp_path / "in", 3)
    damage(paths[2])
    with pytest.raises(InputError):
        tasks.predict(Two(), paths, str(tmp_path / "out"), run=str(run))
    model.save(run / "model.keras")
    with pytest.raises(InputError, match=r"02.png.* 2 of 3 answers"):
        tasks.predict(Two(), paths, str(tmp_path / "out"), run=str(run), resume=True)
    model.weights[0].assign(model.weights[0] + 1)
    model.save(run / "model.keras")
    with pytest.raises(InputError, match="the prediction was started with other weights"):
        tasks.predict(Two(), paths, str(tmp_path / "out"), run=str(run), resume=True)


def test_a_relative_path_in_another_folder_is_another_input(tmp_path, monkeypatch):
    for folder in ("one", "two"):
        write(tmp_path / folder, 3)
    monkeypatch.chdir(tmp_path / "one")
    interrupted(["00.png", "01.png", "02.png"], tmp_path / "out")
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(InputError, match="started with other inputs"):
        predict(["00.png", "01.png", "02.png"], tmp_path / "out", resume=True)


def test_a_finished_prediction_is_that_of_the_same_call_alone(tmp_path, capsys):
    paths = write(tmp_path / "in", 3)
    task = tasks.Classification()
    before = list(predict(paths, tmp_path / "out", task))
    # A call that was killed after the list was written leaves both files.
    (tmp_path / "out" / PART).write_text("{}\n")
    for changed, more in (
        ("inputs", {"inputs": paths[:2]}),
        ("options", {"options": {"flip": True}}),
        ("model", {"preset": "resnet18_cifar10"}),
        ("task", {"task": Named()}),
    ):
        given = {"task": task, "inputs": paths, "preset": PRESET, **more}
        with pytest.raises(InputError, match=f"`resume` .*: the prediction was started with other {changed}"):
            tasks.predict(out=str(tmp_path / "out"), resume=True, **given)
    assert "finished" not in capsys.readouterr().err
    assert list(predict(paths, tmp_path / "out", task, resume=True)) == before
    assert "out: this prediction is finished" in capsys.readouterr().err
    assert not (tmp_path / "out" / PART).exists()
    with pytest.raises(InputError, match=f"`out` .* already holds {FINAL}: choose another folder"):
        predict(paths, tmp_path / "out", task)


class Named(tasks.Classification):
    """The same task under another name."""

    name = "another"


def test_a_finished_prediction_is_that_of_the_same_weights(tmp_path):
    model, run, (path,) = models.from_preset(PRESET), tmp_path / "run", write(tmp_path / "in", 1)
    run_of(model, run)
    given = {"run": str(run), "resume": True}
    before = list(tasks.predict(Two(), path, tmp_path / "out", **given))
    assert list(tasks.predict(Two(), path, tmp_path / "out", **given)) == before
    model.weights[0].assign(model.weights[0] + 1)
    run_of(model, run)
    with pytest.raises(InputError, match="the prediction was started with other weights"):
        tasks.predict(Two(), path, tmp_path / "out", **given)


def test_a_finished_prediction_of_an_older_version_is_not_taken_for_the_same_call(tmp_path):
    paths = write(tmp_path / "in", 1)
    predict(paths, tmp_path / "out")
    (tmp_path / "out" / SETTINGS).write_text("[]\n")
    with pytest.raises(InputError, match=f"{SETTINGS} is damaged"):
        predict(paths, tmp_path / "out", resume=True)
    os.remove(tmp_path / "out" / SETTINGS)
    with pytest.raises(InputError, match=f"`resume` .* not known, because {SETTINGS} is missing"):
        predict(paths, tmp_path / "out", resume=True)


def test_an_interrupted_prediction_that_is_refused_stays_as_it_is(tmp_path):
    paths = write(tmp_path / "in", 3)
    interrupted(paths, tmp_path / "out")
    part = tmp_path / "out" / PART
    with open(part, "a", encoding="utf-8") as file:
        file.write('{"half a li')
    before = part.read_bytes()
    with pytest.raises(InputError, match="started with other model"):
        tasks.predict(Two(), paths, tmp_path / "out", preset="resnet18_cifar10", resume=True)
    assert part.read_bytes() == before


@pytest.mark.parametrize("name", ["out", "run", "preset", "weights"])
def test_an_empty_path_is_refused_before_anything_is_read(tmp_path, name, monkeypatch):
    # An empty path must not become the current folder, even if that is one of `predict`.
    monkeypatch.chdir(tmp_path)
    (tmp_path / FINAL).write_text("[\n]\n")
    given = {"out": "out", "run": None, "preset": None if name == "run" else PRESET, "resume": True, name: ""}
    with pytest.raises(InputError, match=f"^`{name}` must not be empty$"):
        tasks.predict(Two(), ["nowhere"], **given)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999, 1.0])
def test_answers_cut_off_at_any_byte_resume(tmp_path, kept):
    paths = write(tmp_path / "in", 5)
    whole = [answer["class_id"] for answer in predict(paths, tmp_path / "whole")]
    interrupted(paths, tmp_path / "out")
    part = tmp_path / "out" / PART
    content = part.read_bytes()
    part.write_bytes(content[: int(len(content) * kept)])
    (tmp_path / "out" / f"{FINAL}.1234.partial").write_text("[")
    write(tmp_path / "in", 5)
    assert [answer["class_id"] for answer in predict(paths, tmp_path / "out", resume=True)] == whole
    assert sorted(os.listdir(tmp_path / "out")) == sorted(
        [FINAL, SETTINGS, *(f"{i:02}.png" for i in range(5))]
    )


@pytest.mark.parametrize("line", ["3", "[1]", "{", "\0"])
def test_a_damaged_record_is_named(tmp_path, line):
    paths = write(tmp_path / "in", 3)
    interrupted(paths, tmp_path / "out")
    with open(tmp_path / "out" / PART, "a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=f"{PART} is damaged"):
        predict(paths, tmp_path / "out", resume=True)


def test_a_list_in_another_format_is_not_read_as_no_answers(tmp_path):
    path = tmp_path / FINAL
    path.write_text(json.dumps([{"input": "a"}], indent=2))
    with pytest.raises(InputError, match="one object per line"):
        Predictions(path)
    path.write_text("[\n]\n")
    assert len(Predictions(path)) == 0 and list(Predictions(path)) == []


def test_a_full_disk_is_named_and_the_call_resumes(tmp_path):
    resource = pytest.importorskip("resource")
    paths = write(tmp_path / "in", 6)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # More than a picture has, less than all answers.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1800, limits[1]))
    try:
        with pytest.raises(
            InputError, match=rf"{PART}'. [1-5] of 6 answers are in .*add `resume` to continue"
        ):
            predict(paths, tmp_path / "out", task=Small())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    resumed = predict(paths, tmp_path / "out", task=Small(), resume=True)
    assert list(resumed) == list(predict(paths, tmp_path / "whole", task=Small()))


def test_of_two_calls_that_start_at_once_one_fails(tmp_path):
    logs = [PredictionLog(tmp_path / "out", resume=False) for _ in range(2)]
    for log in logs:
        log.require(model=1)
    logs[0].start()
    with pytest.raises(FileExistsError):
        logs[1].start()
    logs[0].append({"input": "a"})
    logs[0].close()
    assert list(logs[0].finish()) == [{"input": "a"}]
