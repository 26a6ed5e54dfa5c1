"""`inspect` shows a data set and names every problem that would stop `fit`."""

import json
import os

import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.cli import main
from keras_cnn_zoo.training import inspection
from keras_cnn_zoo.utils.errors import InputError
from tests.tasks import small_runs

for package in ("PIL", "matplotlib", "pycocotools", "scipy", "sklearn", "typer"):
    pytest.importorskip(package)


@pytest.mark.parametrize("name", sorted(tasks.TASKS))
def test_every_task_shows_its_embedded_data(name, tmp_path):
    task = small_runs.task(name)
    report = inspection.inspect(task, None, str(tmp_path / "out"))
    assert report == json.loads((tmp_path / "out" / "inspect.json").read_text())
    assert report["splits"] == small_runs.COUNTS and report["problems"] == []
    source = task.load()
    if name not in ("text", "tracking"):
        assert [entry["name"] for entry in report["classes"]] == list(source.class_names)
    if name in ("classification", "language", "speech"):
        for split, count in small_runs.COUNTS.items():
            assert sum(entry[split] for entry in report["classes"]) == count
    if name == "detection":
        expected = sum(len(example["classes"]) for example in source.split("train"))
        assert sum(entry["train"] for entry in report["classes"]) == expected
    assert (report["sizes"] is None) == (name in ("language", "speech", "tracking"))
    assert os.path.getsize(tmp_path / "out" / "examples.png") > 1000
    lines = list(inspection.lines(report))
    assert "splits: train 8, val 3, test 3" in lines and lines[-1] == "fit can use the data"


def write_images(folder, labels, count=5):
    from PIL import Image

    for label in labels:
        os.makedirs(folder / label)
        for index in range(count):
            Image.fromarray(np.full((6, 8), 40 * index, "uint8")).save(folder / label / f"{index}.png")


def test_bad_files_are_all_named(tmp_path, capsys):
    write_images(tmp_path / "data", "ab")
    for name in ("a/0.png", "b/3.png"):
        (tmp_path / "data" / name).write_bytes(b"no image")
    words = [
        "inspect",
        "classification",
        "--data",
        f"images:{tmp_path / 'data'}",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main.main(words) == 2
    printed = capsys.readouterr().out
    assert "problem: cannot read" in printed and "fit would stop" in printed
    assert "left out: a/0.png" in printed and "left out: b/3.png" in printed
    assert main.main([*words[:-1], str(tmp_path / "p"), "--skip-bad"]) == 0
    assert "fit can use the data" in capsys.readouterr().out


def test_data_that_cannot_be_loaded_have_a_report_too(tmp_path, capsys):
    words = ["inspect", "detection", "--data", f"voc:{tmp_path}", "--out", str(tmp_path / "out")]
    assert main.main(words) == 2
    report = json.loads((tmp_path / "out" / "inspect.json").read_text())
    assert report["problems"] and "splits" not in report
    assert os.listdir(tmp_path / "out") == ["inspect.json"]
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_with_files_is_not_written_to(tmp_path):
    (tmp_path / "thesis.txt").write_text("draft 7")
    with pytest.raises(InputError, match="`out` .* is not empty: choose another folder"):
        inspection.inspect(tasks.Classification(), None, str(tmp_path))
    assert os.listdir(tmp_path) == ["thesis.txt"]
    with pytest.raises(InputError, match="`out` .*thesis.txt is a file, not a folder"):
        inspection.inspect(tasks.Classification(), None, str(tmp_path / "thesis.txt"))


def test_an_empty_folder_name_is_refused_before_the_data_are_read():
    with pytest.raises(InputError, match="^`out` must not be empty$"):
        inspection.inspect(tasks.Classification(), "nowhere", "")


@pytest.mark.parametrize("words", [["inspect"], ["inspect", "--help"], ["inspect", "pottery"]])
def test_the_command_lists_the_tasks(words, capsys):
    assert main.main(words) == (0 if "--help" in words else 2)
    output = capsys.readouterr()
    assert "segmentation" in output.out + output.err
