import pytest

from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.data.readers.split_layout import (
    check_no_hidden_splits,
    data_folder,
    find_splits,
    read_inside,
    split_files,
    split_folders,
)
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.utils.errors import InputError


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)


def test_folders_of_splits_in_any_case(tmp_path):
    folders(tmp_path, "Valid", "train", "else", ".test")
    assert split_folders(tmp_path) == {"train": "train", "val": "Valid"}
    folders(tmp_path, "dev")
    with pytest.raises(InputError, match="two names for the val split"):
        split_folders(tmp_path)


def test_files_of_splits_in_any_case(tmp_path):
    for name in ("val.txt", "Train.TXT", "test.tsv", "other.txt"):
        (tmp_path / name).touch()
    found = {"train": str(tmp_path / "Train.TXT"), "val": str(tmp_path / "val.txt")}
    assert list(split_files(str(tmp_path), ".txt").items()) == list(found.items())
    assert split_files(str(tmp_path / "absent"), ".txt") == {}


def test_splits_are_in_the_folder_or_below_single_folders(tmp_path):
    folders(tmp_path, "a/b/Train", "a/b/test", "a/__MACOSX", "c/x", "c/train_set")
    assert find_splits(str(tmp_path / "a")) == ("b/", {"train": "b/Train", "test": "b/test"})
    assert find_splits(str(tmp_path / "c")) == ("", {})
    assert find_splits(str(tmp_path / "a"), lambda prefix: []) == ("", {})


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
    "names",
    [
        ("train_set", "test_set"),
        ("Images-Test", "TrainData"),
        ("train1", "val 2"),
        ("my_train", "my_test"),
        ("Trainset/cat", "Testset/cat"),
        ("trian/cat", "trian/dog", "tests/cat", "tests/dog"),
        ("tran/cat", "other/cat", "other/dog"),
        ("train_cats/small", "other/small"),
    ],
)
def test_folders_almost_called_like_splits_are_refused(names):
    message = (
        r"the folder root.\w+.* was probably meant to be the (\w+) split: rename it to \1. Received folders: "
    )
    with pytest.raises(InputError, match=message):
        check_no_hidden_splits("root", names)


def test_splits_below_classes_are_refused():
    with pytest.raises(InputError, match=r"in root.land must be above .*, such as train/land. Received"):
        check_no_hidden_splits("root", ("land/train", "land/Test", "sea"))


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("", "train_set"),
        ("train_station", "test_tube"),
        ("train_set", "cat"),
        ("latest", "strain"),
        ("land/train", "land/car", "sea/ship"),
        ("test tube/small", "bottle/large"),
        ("day/cat", "night/cat"),
    ],
)
def test_classes_that_contain_a_split_are_allowed(names):
    check_no_hidden_splits("root", names)
