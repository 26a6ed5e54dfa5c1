import os
import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.readers.otb import first_box, read_frames
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")

BAG = pathlib.Path(__file__).parents[4] / "shared" / "data" / "tracking" / "bag"
BOXES = [(2, 3, 10, 8), (3, 3, 10, 8), (4.5, 3.25, 10, 9), (5, 4, 11, 9)]


def sequence(folder, boxes=BOXES, *, separator=",", frames=None, text="groundtruth_rect.txt", size=(30, 20)):
    (folder / "img").mkdir(parents=True, exist_ok=True)
    for number in range(1, (len(boxes) if frames is None else frames) + 1):
        Image.fromarray(np.full((size[1], size[0], 3), number, "uint8")).save(folder / f"img/{number:04}.png")
    lines = [separator.join(map(str, box)) for box in boxes]
    (folder / text).write_text("\n".join(lines) + "\n", encoding="utf-8")


def open_otb(folder, **options):
    return load(f"otb:{folder}", task="tracking", **options)


@pytest.mark.parametrize("separator", [",", "\t", " ", ", ", "  "])
def test_one_sequence_is_all_test(tmp_path, separator):
    sequence(tmp_path / "ball", separator=separator)
    source = open_otb(tmp_path / "ball")
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [0, 0, 1]
    assert source.class_names == () and source.splits["test"].names == ["ball"]
    (example,) = source.splits["test"]
    np.testing.assert_array_equal(example["boxes"], np.array(BOXES, "float32"))
    assert example["name"] == "ball" and len(example["frames"]) == 4
    assert [frame[0, 0, 0] for frame in example["frames"]] == [1, 2, 3, 4]
    assert "use it for evaluation, not for training" in source.notes[0]


def test_a_folder_of_sequences_and_two_targets_of_one(tmp_path):
    sequence(tmp_path / "walk")
    sequence(tmp_path / "jog", text="groundtruth_rect.1.txt")
    sequence(tmp_path / "jog", boxes=BOXES[::-1], text="groundtruth_rect.2.txt")
    (tmp_path / "notes.txt").write_text("not a sequence")
    source = open_otb(tmp_path)
    assert source.splits["test"].names == ["jog.1", "jog.2", "walk"]
    first, second, _ = source.splits["test"]
    np.testing.assert_array_equal(first["boxes"], second["boxes"][::-1])


def test_splits_over_the_sequences(tmp_path):
    for split, count in (("train", 10), ("test", 2)):
        for index in range(count):
            sequence(tmp_path / split / f"video{index}")
    source = open_otb(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [9, 1, 2]
    assert source.splits["test"].names == ["test/video0", "test/video1"]


def test_a_split_file_gives_training_data(tmp_path):
    for index in range(4):
        sequence(tmp_path / "data" / f"video{index}")
    lines = [f"{split}\tvideo{index}" for index, split in enumerate(("train", "train", "val", "test"))]
    (tmp_path / "splits.txt").write_text("\n".join(lines))
    source = open_otb(tmp_path / "data", split_file=tmp_path / "splits.txt")
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [2, 1, 1]


def test_absent_targets_are_kept_as_they_are(tmp_path):
    sequence(tmp_path, [*BOXES, ("NaN", "NaN", "NaN", "NaN"), (0, 0, 0, 0), BOXES[0]])
    boxes = open_otb(tmp_path).splits["test"][0]["boxes"]
    assert np.isnan(boxes[4]).all() and (boxes[5] == 0).all()


@pytest.mark.parametrize(
    "lines, message",
    [
        (
            [*BOXES[:3], ("4", "x", "5", "5")],
            r"rect\.txt line 4 must have only numbers. .*'4,x,5,5'",
        ),
        ([*BOXES[:3], (1, 2, 3)], r"rect\.txt line 4 must be left, top, width, height. Received: '1,2,3'"),
        ([BOXES[0], (), *BOXES[:2]], r"rect\.txt line 2 must be left, top, width, height. Received: ''"),
        ([*BOXES[:3], (1, 2, -3, 4)], r"rect\.txt line 4: a box must be finite, .* Received: '1,2,-3,4'"),
        ([*BOXES[:3], (1, 2, "inf", 4)], r"rect\.txt line 4: a box must be finite"),
        ([(40, 3, 10, 8), *BOXES[1:]], r"line 1: the first box must be in its frame of 30 x 20 .*: 40, 3"),
        ([(-20, 3, 10, 8), *BOXES[1:]], "line 1: the first box must be in its frame"),
        ([("NaN",) * 4, *BOXES[1:]], "line 1: the first box must be in its frame .* nan, nan, nan, nan"),
        ([(0, 0, 0, 0), *BOXES[1:]], "line 1: the first box must be in its frame .* 0, 0, 0, 0"),
    ],
)
def test_bad_lines_are_named(tmp_path, lines, message):
    sequence(tmp_path / "good")
    sequence(tmp_path / "bad", lines)
    with pytest.raises(InputError, match=message):
        open_otb(tmp_path)
    source = open_otb(tmp_path, skip_bad=True)
    assert source.splits["test"].names == ["good"]
    assert source.skipped[0].startswith("bad/groundtruth_rect.txt: ")


@pytest.mark.parametrize("frames", [3, 6])
def test_a_sequence_that_ends_early_is_refused(tmp_path, frames):
    sequence(tmp_path, frames=frames)
    with pytest.raises(InputError, match=rf"rect\.txt has 4 boxes and .*img {frames} images"):
        open_otb(tmp_path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="absent does not exist"):
        open_otb(tmp_path / "absent")
    with pytest.raises(
        InputError, match=r"must have a sequence: a folder with img/ and groundtruth_rect.txt"
    ):
        open_otb(tmp_path)
    sequence(tmp_path / "ball")
    os.rename(tmp_path / "ball/img", tmp_path / "ball/pictures")
    with pytest.raises(InputError, match=r"ball must have a folder img next to groundtruth_rect.txt"):
        open_otb(tmp_path)
    os.rename(tmp_path / "ball/pictures", tmp_path / "ball/img")
    os.remove(tmp_path / "ball/groundtruth_rect.txt")
    with pytest.raises(InputError, match=r"ball must have a groundtruth_rect.txt next to img"):
        open_otb(tmp_path)


def test_a_sequence_without_images_and_with_a_broken_one(tmp_path):
    sequence(tmp_path / "ball")
    (tmp_path / "ball/img/0003.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(InputError, match=r"cannot read .*0003\.png"):
        list(open_otb(tmp_path).splits["test"][0]["frames"])
    with pytest.raises(InputError, match=r"has an empty test split after leaving out ball.*0003\.png"):
        open_otb(tmp_path, skip_bad=True)
    for file in (tmp_path / "ball/img").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="img has no images"):
        open_otb(tmp_path)


def test_tracking_only_and_without_classes(tmp_path):
    sequence(tmp_path)
    with pytest.raises(InputError, match="otb: has no detection data"):
        load(f"otb:{tmp_path}", task="detection")
    with pytest.raises(InputError, match="class names cannot be given for tracking data"):
        open_otb(tmp_path, class_names="a,b")


def test_frames_and_first_box_for_predict(tmp_path):
    sequence(tmp_path / "ball")
    assert len(read_frames(tmp_path / "ball")) == len(read_frames(tmp_path / "ball/img")) == 4
    assert first_box(tmp_path / "ball").tolist() == list(BOXES[0]) and first_box(tmp_path) is None
    with pytest.raises(InputError, match="has no images"):
        read_frames(tmp_path)


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    sequence(tmp_path / "ball")
    for number in range(1, 5):
        os.rename(tmp_path / f"ball/img/{number:04}.png", tmp_path / f"ball/img/{number + 7}.png")
    (example,) = open_otb(tmp_path).splits["test"]
    assert [frame[0, 0, 0] for frame in example["frames"]] == [1, 2, 3, 4]
    assert [frame[0, 0, 0] for frame in read_frames(tmp_path / "ball")] == [1, 2, 3, 4]
    os.rename(tmp_path / "ball/img/8.png", tmp_path / "ball/img/09.png")
    with pytest.raises(InputError, match="must have one image per frame. Received: 09.png and 9.png"):
        read_frames(tmp_path / "ball")


def test_boxes_for_predict_are_one_or_one_per_frame(tmp_path):
    sequence(tmp_path, frames=6)
    assert first_box(tmp_path).tolist() == list(BOXES[0])
    with pytest.raises(InputError, match=r"rect\.txt must have one box per frame.* 4 boxes and 6 images"):
        first_box(tmp_path, frames=6)
    sequence(tmp_path / "one", BOXES[:1], frames=3)
    assert first_box(tmp_path / "one", frames=3).tolist() == list(BOXES[0])


def test_frames_that_are_not_read_are_refused(tmp_path):
    sequence(tmp_path / "ball")
    os.rename(tmp_path / "ball/img/0004.png", tmp_path / "ball/img/0004.heic")
    with pytest.raises(InputError, match=r"img has frames of types that are not read.* 0004\.heic \(HEIC\)"):
        open_otb(tmp_path)


def test_splits_in_any_case_and_in_a_single_folder(tmp_path):
    for split, count in (("Train", 3), ("VAL", 1), ("testing", 2)):
        for index in range(count):
            sequence(tmp_path / "benchmark" / split / f"video{index}")
    source = open_otb(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [3, 1, 2]
    assert source.splits["val"].names == ["benchmark/VAL/video0"] and source.notes == ()
    sequence(tmp_path / "benchmark" / "extra" / "video")
    with pytest.raises(InputError, match=r"must not mix split folders .* Received: extra"):
        open_otb(tmp_path)


def test_folders_that_are_not_used_are_reported(tmp_path):
    sequence(tmp_path / "data/ball")
    (tmp_path / "data/vot").mkdir()
    (tmp_path / "data/vot/groundtruth.txt").write_text("1,2,3,4")
    source = open_otb(tmp_path)
    assert source.splits["test"].names == ["data/ball"]
    assert "left out the folders data/vot: they have no img/ and groundtruth_rect.txt" in source.notes


@pytest.mark.skipif(not BAG.is_dir(), reason="the sequence bag is not in ../shared/data/tracking")
def test_bag():
    (example,) = open_otb(BAG.parent).splits["test"]
    assert example["name"] == "bag" and example["boxes"].shape == (196, 4) and len(example["frames"]) == 196
    np.testing.assert_allclose(example["boxes"][0], [291.83, 124.71, 150.35, 139.58], rtol=1e-6)
    assert example["frames"][0].shape == (360, 480, 3)
