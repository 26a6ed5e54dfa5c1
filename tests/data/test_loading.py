import numpy as np
import pytest

from keras_cnn_zoo import data
from keras_cnn_zoo.data.loading import parse_spec
from keras_cnn_zoo.data.readers import EMBEDDED
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.tasks import TASKS


def test_specs():
    assert parse_spec(None) == (None, None)
    assert parse_spec("npz:a/b:c.npz") == ("npz", "a/b:c.npz")
    assert parse_spec("tfds:digit_scenes/segmentation") == ("tfds", "digit_scenes/segmentation")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "pictures:x",
            "unknown data format. Known formats: coco:, images:, .* yolo:. Received: 'pictures:x'",
        ),
        ("x.npz", "data must be FORMAT:PATH or tfds:NAME. Known formats: .* Received: 'x.npz'"),
        ("images:", "the data spec has nothing after images:"),
        ("", "data must be FORMAT:PATH"),
        (7, "data must be FORMAT:PATH .* Received: 7"),
    ],
)
def test_bad_specs_are_refused(spec, message):
    with pytest.raises(InputError, match=message):
        data.load(spec, task="classification")


def test_bad_options_are_refused(tmp_path):
    with pytest.raises(InputError, match="`task` must be one of classification, detection, "):
        data.load(None, task="dancing")
    with pytest.raises(InputError, match="unknown text encoding. Received: 'utf-99'"):
        data.load(None, task="classification", encoding="utf-99")
    with pytest.raises(InputError, match="class names must be different and not empty. Received: 'a,a'"):
        data.load("images:x", task="classification", class_names="a, a")
    with pytest.raises(
        InputError, match="images: has no segmentation data. Formats that do: coco:, masks:, npz:"
    ):
        data.load(f"images:{tmp_path}", task="segmentation")


def test_embedded_data_needs_no_spec():
    source = data.load(None, task="segmentation")
    assert source.name == "digit_scenes" and source.num_classes == 11 and source.channels == 1
    assert list(source.splits) == ["train", "val", "test"]
    assert source.notes == () and source.skipped == ()


def test_every_task_has_an_embedded_set_that_reads_it():
    assert sorted(EMBEDDED) == sorted(TASKS)
    assert all(task in reader.tasks for task, (_, reader) in EMBEDDED.items())
    assert {name for name, _ in EMBEDDED.values()} == {"digit_scenes", "library_english", "tone_digits"}


def archive(tmp_path, count=20):
    path = tmp_path / "a.npz"
    images = np.arange(count * 4, dtype="uint8").reshape(count, 2, 2)
    np.savez(path, x_train=images, y_train=np.arange(count) % 2)
    return f"npz:{path}"


def test_drawn_splits_depend_only_on_the_seed_and_are_reported(tmp_path):
    spec = archive(tmp_path)
    one, again, other = (data.load(spec, task="classification", seed=seed) for seed in (1, 1, 2))
    assert one.splits["test"].names == again.splits["test"].names != other.splits["test"].names
    assert any("no test split: drew 4 of the 20 train examples (seed 1)" in note for note in one.notes)


def test_class_names_split_file_and_ignore_label_are_used(tmp_path):
    spec = archive(tmp_path)
    lines = ["train\ttrain/0", "train\ttrain/1", "val\ttrain/2", "test\ttrain/3"]
    (tmp_path / "s.tsv").write_text("\n".join(lines))
    source = data.load(
        spec, task="classification", class_names="cat, dog", split_file=tmp_path / "s.tsv", ignore_label=9
    )
    assert source.class_names == ("cat", "dog") and source.ignore_label == 9
    assert source.splits["val"].names == ["train/2"]
    assert source.splits["val"][0]["image"].ravel().tolist() == [8, 9, 10, 11]
    assert source.splits["test"].labels.tolist() == [1]
