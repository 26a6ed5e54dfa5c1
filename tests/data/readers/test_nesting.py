import pytest

from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.data.readers.folders import split_folders
from keras_cnn_zoo.data.readers.nesting import (
    check_similar_names,
    data_folder,
    left_out,
    read_inside,
    splits_in,
)
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.utils.errors import InputError


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)


def test_the_data_is_in_the_folder_or_below_single_folders(tmp_path):
    folders(tmp_path, "a/b/Train", "a/b/.hidden", "a/__MACOSX", "c/x", "c/y/train")
    assert data_folder(str(tmp_path / "a"), split_folders) == str(tmp_path / "a" / "b")
    assert data_folder(str(tmp_path / "a" / "b"), split_folders) == str(tmp_path / "a" / "b")
    # Two folders could be meant, or the single one has no data.
    for name in ("c", "c/x"):
        assert data_folder(str(tmp_path / name), split_folders) == str(tmp_path / name)
    with pytest.raises(InputError, match="gone does not exist"):
        data_folder(str(tmp_path / "gone"), split_folders)


def test_names_are_relative_to_the_folder_that_the_user_named(tmp_path):
    folders(tmp_path, "a/b/train")
    (tmp_path / "classes.txt").write_text("x\ny\n")

    def read(root, options):
        assert root == str(tmp_path / "a" / "b") and options.class_names == ("x", "y")
        return Found({"train": Split(["train/1", "train/2"], lambda position: position)}, (), None)

    found = read_inside(str(tmp_path), ReadOptions("speech"), split_folders, read)
    assert found.splits["train"].names == ["a/b/train/1", "a/b/train/2"]


@pytest.mark.parametrize(
    "name, splits",
    [
        ("instances_train2017", {"train"}),
        ("COCOTrain", {"train"}),
        ("VALID-set", {"val"}),
        ("test-dev2017", {"test"}),
        ("train_val", {"train", "val"}),
        ("trainval", set()),
        ("latest", set()),
        ("contests", set()),
        ("", set()),
    ],
)
def test_splits_are_words_of_a_name(name, splits):
    assert splits_in(name) == splits


@pytest.mark.parametrize(
    "names", [("train_set", "test_set"), ("TrainData", "Images-Test"), ("train1", "val 2")]
)
def test_two_folders_almost_called_like_splits_are_refused(tmp_path, names):
    folders(tmp_path, *names)
    with pytest.raises(InputError, match=f"if they are splits. Received: {names[0]}, {names[1]}"):
        check_similar_names(str(tmp_path))


@pytest.mark.parametrize(
    "names", [("train_station", "test_tube"), ("train_set", "cat"), ("latest", "strain")]
)
def test_classes_that_contain_a_split_are_allowed(tmp_path, names):
    folders(tmp_path, *names)
    check_similar_names(str(tmp_path))


def test_what_is_left_out_is_counted_and_the_first_are_named():
    assert left_out([], "image", "without annotation") == ()
    assert left_out(["a"], "image", "in no table") == ("left out 1 image in no table: a",)
    assert left_out("abcd", "file", "of noise") == ("left out 4 files of noise: a, b, c, ...",)
