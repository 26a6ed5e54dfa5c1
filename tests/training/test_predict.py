"""Predictions stream: inputs are checked first, answers are written as they come, and calls resume."""

import importlib
import json
import os
import pathlib
import shutil

import numpy as np
import pytest

from keras_cnn_zoo import models, presets, tasks
from keras_cnn_zoo.training.predict import output_names
from keras_cnn_zoo.training.predictions import FINAL, PART, SETTINGS, Predictions
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")

PRESET = "lenet5_mnist"


def write(folder, count, size=(28, 28)):
    """Writes gray PNGs of noise; returns their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = []
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, size).astype("uint8")
        paths.append(os.path.join(folder, f"{index:02}.png"))
        Image.fromarray(pixels).save(paths[-1])
    return paths


def damage(path):
    """Cuts off the pixels of a PNG; its header stays whole."""
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])


class Two(tasks.Classification):
    """Answers two inputs per step, and remembers how many at a time."""

    batch_size = 2
    steps = []

    def answers(self, model, items, *, batch_size=None):
        self.steps.append(len(items))
        return super().answers(model, items, batch_size=batch_size)


def predict(inputs, out, task=None, **more):
    return tasks.predict(task or Two(), inputs, str(out), preset=PRESET, **more)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.jpg", "a.png", "a-2.jpg"], ["a", "a-3", "a-2"]),
        (["x/a.jpg", "y/a.jpg", "z/a.jpg"], ["a", "a-2", "a-3"]),
        (["a-2.png", "b/a-2.png", "a.png", "b/a.png"], ["a-2", "a-2-2", "a", "a-3"]),
        (["A.jpg", "a.png"], ["A", "a-2"]),
        (["a.b.png", "a.png", "folder/"], ["a.b", "a", "folder"]),
        # A letter with an accent, composed and decomposed: one name on macOS.
        (["caf\u00e9.png", "cafe\u0301.png"], ["caf\u00e9", "cafe\u0301-2"]),
        (["x" * 251 + ".png", "x" * 250 + ".png"], ["x" * 200, "x" * 200 + "-2"]),
    ],
)
def test_two_inputs_never_share_an_output_name(files, names):
    assert output_names(files) == names
    assert len({name.casefold() for name in names}) == len(names)


def test_answers_come_in_batches_in_order_and_as_one_json_list(tmp_path):
    paths = write(tmp_path / "in", 5)
    Two.steps.clear()
    answers = predict([str(tmp_path / "in")], tmp_path / "out")
    assert Two.steps == [2, 2, 1]
    assert isinstance(answers, Predictions) and len(answers) == 5
    with open(tmp_path / "out" / FINAL, encoding="utf-8") as file:
        assert json.load(file) == list(answers)
    assert [answer["input"] for answer in answers] == paths
    alone = [predict([path], tmp_path / f"one{index}")[0] for index, path in enumerate(paths)]
    for one, other in zip(answers, alone, strict=True):
        assert one["class_id"] == other["class_id"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)
        assert (tmp_path / "out" / one["files"][0]).exists()
    assert sorted(os.listdir(tmp_path / "out")) == sorted(
        [FINAL, SETTINGS, *(f"{i:02}.png" for i in range(5))]
    )


def test_a_bad_header_is_found_before_anything_is_written(tmp_path):
    paths = write(tmp_path / "in", 3)
    with open(paths[2], "wb") as file:
        file.write(b"no image")
    with pytest.raises(InputError, match="02.png"):
        predict(paths, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_if_the_first_input_fails(tmp_path):
    paths = write(tmp_path / "in", 3)
    damage(paths[0])
    with pytest.raises(InputError, match="00.png"):
        predict(paths, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("bad", [1, 4])
def test_damaged_pixels_end_the_call_with_the_answers_before_them_kept(tmp_path, bad):
    paths = write(tmp_path / "in", 5)
    damage(paths[bad])
    with pytest.raises(InputError, match=rf"0{bad}.png.* {bad} of 5 answers are in .*{PART}.*`resume`"):
        predict(paths, tmp_path / "out")
    lines = (tmp_path / "out" / PART).read_text().splitlines()
    assert len(lines) == 1 + bad and not (tmp_path / "out" / FINAL).exists()
    # Repaired and resumed, the list is whole.
    write(tmp_path / "in", 5)
    answers = predict(paths, tmp_path / "out", resume=True)
    assert [answer["input"] for answer in answers] == paths and not (tmp_path / "out" / PART).exists()
    whole = predict(paths, tmp_path / "whole")
    assert [answer["class_id"] for answer in whole] == [answer["class_id"] for answer in answers]


def test_skip_bad_goes_on_and_says_which_failed(tmp_path, capsys):
    paths = write(tmp_path / "in", 4)
    damage(paths[1])
    with open(paths[2], "wb") as file:
        file.write(b"no image")
    answers = predict(paths, tmp_path / "out", skip_bad=True)
    assert ["error" in answer for answer in answers] == [False, True, True, False]
    assert "01.png" in answers[1]["error"] and "02.png" in answers[2]["error"]
    assert "2 of 4 inputs could not be read" in capsys.readouterr().err
    # An interrupted call goes on with `skip_bad`, whether it began with it or not.
    write(tmp_path / "in", 3)
    damage(paths[1])
    with pytest.raises(InputError):
        predict(paths, tmp_path / "cut")
    again = predict(paths, tmp_path / "cut", resume=True, skip_bad=True)
    assert ["error" in answer for answer in again] == [False, True, False, False]


def test_a_call_killed_in_the_middle_of_a_line_resumes_to_the_same_answers(tmp_path):
    paths = write(tmp_path / "in", 6)
    whole = predict(paths, tmp_path / "whole")

    class Killed(Two):
        def describe(self, model, item, answer):
            if len(Two.steps) == 2:
                raise KeyboardInterrupt
            return super().describe(model, item, answer)

    Two.steps.clear()
    with pytest.raises(KeyboardInterrupt):
        predict(paths, tmp_path / "cut", task=Killed())
    part = tmp_path / "cut" / PART
    assert len(part.read_text().splitlines()) == 3
    with open(part, "a", encoding="utf-8") as file:
        file.write('{"input": "half a li')
    with pytest.raises(InputError, match="holds an interrupted prediction: .*add `resume`"):
        predict(paths, tmp_path / "cut")
    Two.steps.clear()
    resumed = predict(paths, tmp_path / "cut", resume=True)
    assert Two.steps == [2, 2] and list(resumed) == list(whole)
    # A finished call is not repeated.
    assert list(predict(paths, tmp_path / "cut", resume=True)) == list(whole) and Two.steps == [2, 2]


@pytest.mark.parametrize("changed", ["inputs", "model"])
def test_another_model_or_other_inputs_do_not_resume(tmp_path, changed):
    paths = write(tmp_path / "in", 3)
    damage(paths[2])
    with pytest.raises(InputError):
        predict(paths, tmp_path / "out")
    inputs = paths[:2] if changed == "inputs" else paths
    preset = PRESET if changed == "inputs" else "resnet18_cifar10"
    with pytest.raises(InputError, match=f"`resume` .*: the prediction was started with other {changed}"):
        tasks.predict(Two(), inputs, str(tmp_path / "out"), preset=preset, resume=True)


def test_files_of_others_are_never_overwritten(tmp_path):
    (path,) = write(tmp_path / "in", 1)
    before = pathlib.Path(path).read_bytes()
    with pytest.raises(InputError, match="`out` .*in is not empty: choose another folder"):
        predict([path], tmp_path / "in")
    assert pathlib.Path(path).read_bytes() == before and os.listdir(tmp_path / "in") == ["00.png"]


def test_images_of_many_sizes_share_batches_by_size(tmp_path):
    sizes = [(16, 16), (24, 16), (16, 16), (24, 16), (16, 16)]
    for index, size in enumerate(sizes):
        write(tmp_path / f"in{index}", 1, size)
    inputs = [str(tmp_path / f"in{index}") for index in range(5)]
    answers = tasks.predict(tasks.Segmentation(), inputs, str(tmp_path / "out"), preset="unet_digit_scenes")
    assert [(answer["height"], answer["width"]) for answer in answers] == sizes
    for answer, size in zip(answers, sizes, strict=True):
        mask = np.asarray(Image.open(tmp_path / "out" / answer["files"][0]))
        assert mask.shape == size


def test_large_inputs_go_in_smaller_batches(tmp_path, monkeypatch):
    paths = write(tmp_path / "in", 4)
    # The function has the name of its module.
    monkeypatch.setattr(importlib.import_module("keras_cnn_zoo.training.predict"), "BATCH_BYTES", 28 * 28)
    Two.steps.clear()
    predict(paths, tmp_path / "out")
    assert Two.steps == [1, 1, 1, 1]


@pytest.mark.parametrize("name", ["caf\u00e9 \u2028 \u65e5.png", os.fsdecode(b"not utf-8 \xff.png")])
def test_any_name_of_a_file_is_answered(tmp_path, name):
    (path,) = write(tmp_path / "in", 1)
    given = str(tmp_path / name)
    shutil.copy(path, given)
    (answer,) = predict([given], tmp_path / "out")
    assert answer["input"] == given and (tmp_path / "out" / answer["files"][0]).exists()
    with open(tmp_path / "out" / FINAL, encoding="utf-8") as file:
        assert json.load(file) == [answer]
    assert list(predict([given], tmp_path / "out", resume=True)) == [answer]


def test_long_names_have_room_for_a_suffix(tmp_path):
    (path,) = write(tmp_path / "in", 1, (16, 16))
    given = str(tmp_path / ("x" * 251 + ".png"))
    shutil.copy(path, given)
    for task, preset in ((tasks.Segmentation(), "unet_digit_scenes"), (Two(), PRESET)):
        answers = tasks.predict(task, [given, given], str(tmp_path / preset), preset=preset)
        assert (
            len({name for answer in answers for name in answer["files"]})
            == len(os.listdir(tmp_path / preset)) - 2
        )


def test_folders_in_a_folder_are_not_read(tmp_path, capsys):
    paths = write(tmp_path / "in", 3)
    write(tmp_path / "in" / "more", 1)
    damage(paths[2])
    # `out` may be one of them: it is there when the call is resumed.
    with pytest.raises(InputError):
        predict(str(tmp_path / "in"), tmp_path / "in" / "out")
    assert "in: 1 folders in it are not read" in capsys.readouterr().err
    write(tmp_path / "in", 3)
    answers = predict(tmp_path / "in", tmp_path / "in" / "out", resume=True)
    assert [answer["input"] for answer in answers] == paths


def test_a_pipe_is_not_an_input(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is neither a file nor a folder"):
        predict([str(tmp_path / "pipe")], tmp_path / "out")


def test_options_and_names_may_be_arrays_and_paths(tmp_path):
    (path,) = write(tmp_path / "in", 1)
    preset = pathlib.Path(presets.__path__[0]) / "bundled" / PRESET
    (answer,) = tasks.predict(Two(), pathlib.Path(path), tmp_path / "out", preset=preset)
    assert answer["input"] == path
    frames = tmp_path / "frames"
    write(frames, 3, (60, 60))
    box = np.array([10, 10, 20, 20])
    answers = tasks.predict(
        tasks.Tracking(), [str(frames)], tmp_path / "boxes", preset="siamfc_pairs", options={"box": box}
    )
    assert answers[0]["boxes"][0] == [10, 10, 20, 20]


def test_a_box_outside_the_first_frame_is_found_before_the_first_answer(tmp_path):
    write(tmp_path / "frames", 3, (40, 60))
    given = {"preset": "siamfc_pairs", "options": {"box": (70, 10, 20, 20)}}
    with pytest.raises(InputError, match="`box` must be with its center inside the frame of 60 x 40"):
        tasks.predict(tasks.Tracking(), [str(tmp_path / "frames")], str(tmp_path / "out"), **given)
    assert not (tmp_path / "out").exists()


def test_inputs_that_fail_while_their_picture_is_drawn_are_bad_inputs(tmp_path):
    class Fails(Two):
        def describe(self, model, item, answer):
            if item[0, 0, 0] == marked:
                raise InputError("the frame is gone")
            return super().describe(model, item, answer)

    paths = write(tmp_path / "in", 3)
    marked = np.asarray(Image.open(paths[1]))[0, 0]
    with pytest.raises(InputError, match="the frame is gone. 1 of 3 answers"):
        predict(paths, tmp_path / "out", task=Fails())
    answers = predict(paths, tmp_path / "out", task=Fails(), resume=True, skip_bad=True)
    assert ["error" in answer for answer in answers] == [False, True, False]


def test_a_text_file_that_cannot_be_read_is_one_bad_input(tmp_path):
    (tmp_path / "good.txt").write_text("a good film\nnot at all\n")
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9\n")
    inputs = [str(tmp_path / name) for name in ("good.txt", "bad.txt")]
    with pytest.raises(InputError, match="bad.txt is not utf-8"):
        tasks.predict(tasks.Language(), inputs, str(tmp_path / "out"), preset="textcnn_mr")
    answers = tasks.predict(
        tasks.Language(), inputs, str(tmp_path / "out"), preset="textcnn_mr", skip_bad=True
    )
    assert ["error" in answer for answer in answers] == [False, False, True]


def test_a_text_file_that_got_shorter_is_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one\n")
    with pytest.raises(InputError, match="a.txt line 2 is gone: the file was changed and has 1 lines now"):
        tasks.Language().read_input(f"{path} line 2", None)


@pytest.mark.parametrize("name", ["classification", "segmentation"])
def test_an_input_of_a_gray_network_keeps_its_colors_as_in_evaluation(tmp_path, name):
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    task = tasks.TASKS[name]()
    model = models.from_preset({"classification": PRESET, "segmentation": "unet_digit_scenes"}[name])
    item = task.read_input(str(tmp_path / "a.png"), model)
    np.testing.assert_array_equal(item, pixels)


def test_an_explained_answer_has_one_more_picture(tmp_path):
    (path,) = write(tmp_path / "in", 1)
    task = tasks.Classification()
    (plain,) = predict([path], tmp_path / "plain", task)
    (answer,) = predict([path], tmp_path / "out", task, options={"explain": True, "flip": False})
    assert answer["files"] == ["00.png", "00.explain.png"]
    assert {**answer, "files": plain["files"]} == plain
    shown = [np.asarray(Image.open(tmp_path / "out" / name)) for name in answer["files"]]
    assert shown[0].shape == shown[1].shape and (shown[0] != shown[1]).any()


def test_images_that_must_not_be_mirrored_are_not(tmp_path):
    (path,) = write(tmp_path / "in", 1)
    for call in (
        lambda **more: tasks.predict(tasks.Segmentation(), [path], str(tmp_path / "out"), **more),
        lambda **more: tasks.evaluate(tasks.Segmentation(), **more),
    ):
        with pytest.raises(InputError, match="`flip` is not for .*, whose images must not be mirrored"):
            call(preset="unet_digit_scenes", options={"flip": True})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tiles": (8, 8)}, "`tiles` must be two integers of at least 32"),
        ({"score_threshold": 0.5}, "`score_threshold` is not an argument of segmentation"),
    ],
)
def test_bad_options_are_found_before_the_model_is_loaded(tmp_path, options, message):
    (path,) = write(tmp_path / "in", 1)
    with pytest.raises(InputError, match=message):
        tasks.predict(tasks.Segmentation(), [path], str(tmp_path / "out"), run="nowhere", options=options)
