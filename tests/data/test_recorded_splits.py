import os
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_cnn_zoo import data
from keras_cnn_zoo.data.recorded_splits import (
    RecordedSplits,
    apply_recorded,
    apply_split_file,
    parse_lines,
    text_of,
)
from keras_cnn_zoo.data.source import Source, Split
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.utils.errors import InputError


def source_of(splits, root=None):
    return Source("x", "language", splits, ("a", "b"), None, root=root)


def keyed(prefix, texts, labels=None):
    return Split([f"{prefix}/{i}" for i in range(len(texts))], texts.__getitem__, labels=labels, keys=texts)


def three(train, val=("v",), test=("t",)):
    """Returns splits of lines, whose names are only positions."""
    return {
        name: keyed(name, list(texts)) for name, texts in (("train", train), ("val", val), ("test", test))
    }


def write_files(folder, names, size=10):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)


def files(names):
    return Split(names, names.__getitem__)


def test_the_file_has_split_path_and_size(tmp_path):
    write_files(tmp_path, ["a/1.png", "a/2.png"], size=7)
    write_files(tmp_path, ["a/3.png"], size=12)
    splits = {"train": files(["a/1.png", "a/2.png"]), "val": files(["a/3.png"]), "test": files(["gone"])}
    text = text_of(source_of(splits, str(tmp_path)))
    assert text == "train\ta/1.png\t7\ntrain\ta/2.png\t7\nval\ta/3.png\t12\ntest\tgone\n"


def test_a_folder_counts_all_of_its_files(tmp_path):
    write_files(tmp_path, ["ball/img/1.png", "ball/img/2.png", "ball/groundtruth_rect.txt"], size=5)
    splits = {"train": Split.empty(), "val": Split.empty(), "test": files(["ball"])}
    assert text_of(source_of(splits, str(tmp_path))) == "test\tball\t15\n"


def test_lines_are_recorded_with_size_content_and_class():
    splits = three(["one", "two"])
    splits["train"] = keyed("train", ["one", "two"], labels=[1, 0])
    rows = [row.split("\t") for row in text_of(source_of(splits)).splitlines()]
    assert rows[0][:3] == ["train", "train/0", "3"] and rows[0][3].endswith("/1")
    assert rows[1][3].endswith("/0") and len(rows[0][3].partition("/")[0]) == 16


def test_what_was_written_gives_the_same_splits():
    splits = three(["one", "two", "two", "three"], val=["four"], test=["five"])
    recorded = RecordedSplits.parse(text_of(source_of(splits)), "run", fixed=True)
    again, notes = apply_recorded(splits, recorded, "x")
    assert {name: list(split) for name, split in again.items()} == {
        name: list(split) for name, split in splits.items()
    }
    assert notes == ["splits from run"]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0"), min_size=1).filter(str.strip), unique=True, min_size=1
    )
)
def test_any_name_can_be_recorded(names):
    splits = {"train": files(names), "val": files(["v"]), "test": files(["t"])}
    text = text_of(source_of(splits)).encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    again, notes = apply_recorded(splits, RecordedSplits.parse(text, "run", fixed=True), "x")
    # Names that differ only in their Unicode form may change places.
    forms = [[unicodedata.normalize("NFC", name) for name in split.names] for split in again.values()]
    assert forms[0] == [unicodedata.normalize("NFC", name) for name in names]
    assert notes == ["splits from run"]


def test_new_missing_and_changed_files_are_counted_and_named(tmp_path):
    names = [f"a/{i}.png" for i in range(8)]
    write_files(tmp_path, names)
    splits = {"train": files(names[:5]), "val": files(names[5:6]), "test": files(names[6:])}
    text = text_of(source_of(splits, str(tmp_path)))
    write_files(tmp_path, ["a/6.png"], size=11)
    now = {UNSPLIT: files([name for name in names if name != "a/7.png"] + [f"b/{i}.png" for i in range(5)])}
    recorded = RecordedSplits.parse(text, "run", fixed=True)
    again, notes = apply_recorded(now, recorded, "x", root=str(tmp_path))
    assert again["train"].names == names[:5] and again["test"].names == ["a/6.png"]
    assert notes == [
        "splits from run",
        "1 example of the run is missing: a/7.png (test)",
        "1 example has changed since the run: a/6.png (test)",
        "5 examples are not in the run and are left out: b/0.png, b/1.png, b/2.png, and 2 more",
    ]


def test_changed_training_data_is_refused_if_it_is_fixed(tmp_path):
    names = [f"a/{i}.png" for i in range(8)]
    write_files(tmp_path, names)
    splits = {"train": files(names[:6]), "val": files(names[6:7]), "test": files(names[7:])}
    text = text_of(source_of(splits, str(tmp_path)))
    write_files(tmp_path, ["a/3.png"], size=11)
    now = {UNSPLIT: files(names[1:])}
    message = r"training data of x must be as in run. Received: 1 missing \(a/0.png\), 1 changed \(a/3.png\)"
    with pytest.raises(InputError, match=message):
        apply_recorded(now, RecordedSplits.parse(text, "run", fixed=True), "x", root=str(tmp_path))
    again, _ = apply_recorded(now, RecordedSplits.parse(text, "run"), "x", root=str(tmp_path))
    assert again["train"].names == names[1:6]


def test_a_removed_line_is_noticed_though_all_names_stay():
    text = text_of(source_of(three(["one", "two", "three", "four"])))
    recorded = RecordedSplits.parse(text, "run")
    again, notes = apply_recorded(three(["one", "three", "four", "five"]), recorded, "x")
    assert list(again["train"]) == ["one", "three", "four"]
    assert "1 example of the run is missing: train/1 (train)" in notes
    assert "1 example is not in the run and is left out: train/3" in notes


def test_a_changed_class_is_noticed():
    splits = {name: keyed(name, [name], labels=[0]) for name in ("train", "val", "test")}
    splits["train"] = keyed("train", ["one", "two"], labels=[0, 1])
    text = text_of(source_of(splits))
    splits["train"] = keyed("train", ["one", "two"], labels=[0, 0])
    with pytest.raises(InputError, match=r"1 changed \(train/1\)"):
        apply_recorded(splits, RecordedSplits.parse(text, "run", fixed=True), "x")


def test_a_changed_target_is_noticed():
    def boxes(value):
        return {name: one(name, value if name == "train" else 1) for name in ("train", "val", "test")}

    def one(name, value):
        parts = {"boxes": np.full((1, 4), value, "float32")}
        return Split([f"{name}.png"], None, targets=lambda position: parts)

    recorded = RecordedSplits.parse(text_of(source_of(boxes(1))), "run", fixed=True)
    assert apply_recorded(boxes(1), recorded, "x")[0]["train"].names == ["train.png"]
    with pytest.raises(InputError, match=r"1 changed \(train.png\)"):
        apply_recorded(boxes(2), recorded, "x")


def test_equal_texts_of_two_classes_keep_their_classes():
    splits = three(["same", "other", "same"], val=["same"])
    splits["train"] = keyed("train", ["same", "other", "same"], labels=[0, 0, 1])
    splits["val"] = keyed("val", ["same"], labels=[1])
    splits["test"] = keyed("test", ["t"], labels=[0])
    recorded = RecordedSplits.parse(text_of(source_of(splits)), "run", fixed=True)
    # The order of the lines has changed, so that names are of no use.
    splits["train"] = keyed("train", ["same", "same", "other"], labels=[1, 0, 0])
    again, notes = apply_recorded(splits, recorded, "x")
    assert list(again["train"]) == ["same", "other", "same"] and again["train"].labels.tolist() == [0, 0, 1]
    assert again["val"].labels.tolist() == [1] and notes == ["splits from run"]


def test_other_data_does_not_take_the_splits_of_a_run(tmp_path):
    names = [f"a/{i}.png" for i in range(8)]
    write_files(tmp_path, names)
    splits = {"train": files(names[:6]), "val": files(names[6:7]), "test": files(names[7:])}
    text = text_of(source_of(splits, str(tmp_path)))
    recorded = RecordedSplits.parse(text, "run", same_only=True)
    assert apply_recorded({UNSPLIT: files(names[2:])}, recorded, "x", root=str(tmp_path)) is not None
    assert apply_recorded({UNSPLIT: files(names[5:])}, recorded, "x", root=str(tmp_path)) is None
    write_files(tmp_path, names, size=20)
    assert apply_recorded({UNSPLIT: files(names)}, recorded, "x", root=str(tmp_path)) is None


def test_no_example_of_the_run_is_refused():
    recorded = RecordedSplits.parse(text_of(source_of(three(["one"]))), "run")
    with pytest.raises(InputError, match="x must have examples of run. Received: none of its 3"):
        apply_recorded({UNSPLIT: keyed("all", ["other"])}, recorded, "x")


def test_a_split_file_may_have_sizes(tmp_path):
    write_files(tmp_path, ["a/1.png", "a/2.png", "a/3.png"])
    path = tmp_path / "splits.tsv"
    path.write_text("train\ta/1.png\t10\ntrain\ta/2.png\t9\r\ntest\ta/3.png\n")
    found = {UNSPLIT: files(["a/1.png", "a/2.png", "a/3.png"])}
    splits, notes = apply_split_file(found, str(path), "x", "utf-8", root=str(tmp_path))
    assert splits["train"].names == ["a/1.png", "a/2.png"] and splits["test"].names == ["a/3.png"]
    assert notes[1] == f"1 example has changed since {path} was written: a/2.png"


def test_a_split_file_may_name_files_with_tabs(tmp_path):
    (tmp_path / "s.tsv").write_text("train\ta\tb\ntest\tc\n")
    splits, _ = apply_split_file({UNSPLIT: files(["a\tb", "c"])}, str(tmp_path / "s.tsv"), "x", "utf-8")
    assert splits["train"].names == ["a\tb"]


@pytest.mark.parametrize("line", ["train\ta\tlarge", "train\ta\t1\t2\t3", "train\ta\t-1"])
def test_other_columns_are_refused(line, tmp_path):
    (tmp_path / "s.tsv").write_text(line)
    with pytest.raises(InputError, match="line 1 must be `split<TAB>path` or .*Received"):
        apply_split_file({UNSPLIT: files(["a"])}, str(tmp_path / "s.tsv"), "x", "utf-8")


def test_lines_end_only_at_line_ends():
    assert [line.name for line in parse_lines("train\ta\u0085b\ntest\tc\u2028d\rval\te", "x")] == [
        "a\u0085b",
        "c\u2028d",
        "e",
    ]


def image_folder(folder, count=12):
    from PIL import Image

    for label in ("cat", "dog"):
        os.makedirs(folder / label, exist_ok=True)
        for i in range(count):
            pixels = np.random.default_rng(i).integers(0, 255, (6, 6)).astype("uint8")
            Image.fromarray(pixels).save(folder / label / f"{i}.png")
    return f"images:{folder}"


def test_splits_of_a_source_override_its_own_and_a_split_file(tmp_path):
    spec = image_folder(tmp_path / "data")
    first = data.load(spec, task="classification", seed=3)
    assert first.drawn == ("test", "val") and first.root == str(tmp_path / "data")
    recorded = RecordedSplits.parse(text_of(first), "run")
    image_folder(tmp_path / "data", count=20)
    again = data.load(spec, task="classification", recorded=recorded, split_file="absent.tsv")
    assert {name: split.names for name, split in again.splits.items()} == {
        name: split.names for name, split in first.splits.items()
    }
    assert again.drawn == () and any("16 examples are not in the run" in note for note in again.notes)
    old = data.load(spec, task="classification", seed=3, old_draw=True)
    assert old.drawn == ("test", "val") and old.splits["test"].names != first.splits["test"].names
