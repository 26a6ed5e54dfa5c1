import json

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("scipy")

import typer
from typer.testing import CliRunner

from applications.speech import fsdd_split, speakers
from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.data import load
from keras_cnn_zoo.tasks import Speech
from tests.data.wav_files import tone, write

SPEAKERS = ("ann", "bob")


def call(main, *words):
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture
def spoken(tmp_path):
    """Writes digits 0 and 1 by two speakers, index 0 to 6, and returns the folder."""
    for digit in (0, 1):
        for pitch, speaker in enumerate(SPEAKERS):
            for index in range(7):
                audio = tone(2000 + 10 * index, hertz=300 + 900 * digit + 60 * pitch + index)
                write(tmp_path / "fsdd" / "recordings" / f"{digit}_{speaker}_{index}.wav", audio)
    return tmp_path / "fsdd"


def test_the_split_is_the_official_one(spoken, tmp_path):
    result = call(fsdd_split.main, spoken, tmp_path / "split.tsv")
    assert result.exit_code == 0 and "8 train, 20 test" in result.output
    source = load(f"wavs:{spoken}", task="speech", split_file=tmp_path / "split.tsv")
    assert {name.rpartition("_")[2] for name in source.splits["test"].names} == {f"{i}.wav" for i in range(5)}
    assert len(source.splits["train"]) + len(source.splits["val"]) == 8
    assert source.class_names == ("0", "1")


def test_a_speaker_is_left_out(spoken, tmp_path):
    call(fsdd_split.main, spoken, tmp_path / "bob.tsv", "--speaker", "bob")
    source = load(f"wavs:{spoken}", task="speech", split_file=tmp_path / "bob.tsv")
    assert {name.split("_")[1] for name in source.splits["test"].names} == {"bob"}
    assert len(source.splits["test"]) == 14
    assert {name.split("_")[1] for name in source.splits["train"].names} == {"ann"}


def test_errors_are_reported_in_one_line(spoken, tmp_path):
    for words, message in (
        ((tmp_path / "gone", tmp_path / "a.tsv"), "gone does not exist"),
        (
            (spoken, tmp_path / "a.tsv", "--speaker", "eve"),
            "--speaker must be one of ann, bob. Received: 'eve'",
        ),
        ((spoken, spoken), "exists: choose another file"),
    ):
        result = call(fsdd_split.main, *words)
        assert result.exit_code == 2 and message in result.stderr.replace("\n", " ")
    write(spoken / "word.wav")
    result = call(fsdd_split.main, spoken, tmp_path / "a.tsv")
    assert result.exit_code == 2 and "word.wav is not called DIGIT_SPEAKER_INDEX.wav" in result.stderr


def test_invalid_recordings_are_reported_in_one_line(spoken, tmp_path):
    write(spoken / "recordings" / "0_ann_9.wav", np.zeros((9, 1)))
    result = CliRunner().invoke(
        application(Speech()), ["fit", "--data", f"wavs:{spoken}", "--out", str(tmp_path / "run")]
    )
    assert result.exit_code == 2 and "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and lines[0].endswith("0_ann_9.wav is silent: all its 9 samples are 0")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_every_speaker_is_left_out_once_and_a_second_start_trains_nothing(spoken, tmp_path, monkeypatch):
    words = (spoken, "--out", tmp_path / "out", "--epochs", 2, "--width", 0.1, "--batch-size", 6)
    first = call(speakers.main, *words)
    assert first.exit_code == 0, first.output
    result = json.loads((tmp_path / "out" / "speakers.json").read_text())
    assert set(result["speakers"]) == set(SPEAKERS)
    assert result["mean"] == pytest.approx(np.mean(list(result["speakers"].values())))
    for speaker in SPEAKERS:
        assert json.loads((tmp_path / "out" / speaker / "metrics.json").read_text())["split"] == "test"

    def fail(*arguments, **options):
        raise AssertionError("trained again")

    monkeypatch.setattr(speakers.tasks, "fit", fail)
    # Keras also prints its progress bars to standard output.
    again = call(speakers.main, *words).output.splitlines()
    assert [line.split()[0] for line in again] == [*SPEAKERS, "mean"]
    assert all(line in first.stdout.splitlines() for line in again)
