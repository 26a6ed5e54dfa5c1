import pytest

from keras_cnn_zoo.data.readers.folders import (
    check_folder,
    picture_files,
    visible_files,
    visible_folders,
)
from keras_cnn_zoo.utils.errors import InputError


def make(root, *files):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_images_are_found_at_any_depth_sorted_and_without_hidden_ones(tmp_path):
    make(
        tmp_path, "b/2.PNG", "b/10.jpg", "a/deep/er/x.gif", "a/notes.txt", ".git/y.png", "b/._2.png", "z.bmp"
    )
    assert picture_files(tmp_path) == ["a/deep/er/x.gif", "b/10.jpg", "b/2.PNG", "z.bmp"]
    assert picture_files(tmp_path) == picture_files(str(tmp_path))


def test_folders(tmp_path):
    make(tmp_path, "Valid/a.png", "train/a.png", ".hidden/a.png", "else/a.png", "test.png")
    assert visible_folders(tmp_path) == ["Valid", "else", "train"]


def test_files(tmp_path):
    make(tmp_path, "val.txt", "train.txt", "test.tsv", "train/a.png", ".hidden.txt")
    assert visible_files(tmp_path) == ["test.tsv", "train.txt", "val.txt"]


def test_what_systems_and_archivers_write_is_ignored(tmp_path):
    make(tmp_path, "a/b.png", "__MACOSX/a/b.png", "a/__MACOSX/b.png", "desktop.ini", "a/Thumbs.db")
    assert visible_folders(tmp_path) == ["a"] and visible_files(tmp_path) == []
    assert picture_files(tmp_path, accept=lambda name: True) == ["a/b.png"]


def test_check_folder(tmp_path):
    make(tmp_path, "file")
    assert check_folder(str(tmp_path)) == str(tmp_path)
    with pytest.raises(InputError, match="folder .*absent does not exist"):
        check_folder(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="folder .*file is not a folder"):
        check_folder(str(tmp_path / "file"))
