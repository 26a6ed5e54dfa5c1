import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

MNIST = pathlib.Path(__file__).parents[4] / "shared" / "data" / "mnist.npz"
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, size=(20, 5, 6), dtype="uint8")
LABELS = np.arange(20) % 3
MASKS = RNG.integers(0, 3, size=(20, 5, 6), dtype="uint8")


def archive(tmp_path, **arrays):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    return str(path)


def open_npz(tmp_path, task="classification", load_options=None, **arrays):
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:4], "y_test": LABELS[:4]} | arrays
    arrays = {key: array for key, array in arrays.items() if array is not None}
    return load(f"npz:{archive(tmp_path, **arrays)}", task=task, **load_options or {})


def test_gray_images_and_labels(tmp_path):
    source = open_npz(tmp_path, x_val=IMAGES[4:9], y_val=LABELS[4:9, None])
    assert source.class_names == ("0", "1", "2") and source.channels == 1 and source.notes == ()
    assert [len(split) for split in source.splits.values()] == [20, 5, 4]
    assert source.splits["val"].names == [f"val/{i}" for i in range(5)]
    example = source.splits["val"][2]
    np.testing.assert_array_equal(example["image"][..., 0], IMAGES[6])
    assert example["label"] == LABELS[6] and isinstance(example["label"], int)
    with pytest.raises(ValueError, match="read-only"):
        example["image"][0] = 0


def test_missing_val_is_drawn(tmp_path):
    source = open_npz(tmp_path)
    assert [len(split) for split in source.splits.values()] == [18, 2, 4]


def test_color_images(tmp_path):
    colour = RNG.integers(0, 256, size=(20, 5, 6, 3), dtype="uint8")
    source = open_npz(tmp_path, x_train=colour, x_test=colour[:4])
    assert source.channels == 3
    np.testing.assert_array_equal(source.splits["test"][1]["image"], colour[1])


def test_scaled_unit_floats_and_bits_are_reported(tmp_path):
    for images in (IMAGES / 255.0, IMAGES.astype("float32") / 255, IMAGES > 127):
        source = open_npz(tmp_path, x_train=images, x_test=images[:4])
        assert "images scaled from 0..1 to 0..255" in source.notes
        expected = (IMAGES[2] > 127) * 255 if images.dtype == bool else IMAGES[2]
        np.testing.assert_array_equal(source.splits["test"][2]["image"][..., 0], expected)


def test_rounded_floats_are_reported(tmp_path):
    source = open_npz(tmp_path, x_train=IMAGES + 0.0, x_test=np.full((4, 5, 6), 7.6))
    assert "images rounded to whole gray levels" in source.notes
    assert np.unique(source.splits["test"][0]["image"]).tolist() == [8]
    assert open_npz(tmp_path, x_train=IMAGES.astype("int64"), x_test=IMAGES[:4]).splits["test"][0][
        "image"
    ].dtype == (np.uint8)


def test_class_names(tmp_path):
    assert open_npz(tmp_path, classes=np.array(["a", "b", "ü"])).class_names == ("a", "b", "ü")
    source = open_npz(tmp_path, load_options={"class_names": "x,y,z"}, classes=np.array(["a", "b", "c"]))
    assert source.class_names == ("x", "y", "z")
    texts = np.array(["dog", "cat"])[LABELS % 2]
    source = open_npz(tmp_path, y_train=texts, y_test=texts[:4])
    assert source.class_names == ("cat", "dog")
    assert source.splits["test"].labels.tolist() == [1, 0, 1, 1]


def test_masks(tmp_path):
    source = open_npz(tmp_path, "segmentation", y_train=MASKS, y_test=MASKS[:4, ..., None])
    assert source.num_classes == 3
    np.testing.assert_array_equal(source.splits["test"][3]["mask"], MASKS[3])
    ignored = np.where(MASKS == 2, 255, MASKS)
    assert open_npz(tmp_path, "segmentation", y_train=ignored, y_test=ignored[:4]).num_classes == 2
    negative = np.where(MASKS == 2, -1, MASKS.astype("int64"))
    source = open_npz(tmp_path, "segmentation", {"ignore_label": -1}, y_train=negative, y_test=negative[:4])
    np.testing.assert_array_equal(source.splits["test"][3]["mask"], negative[3])


def with_value(array, value):
    array = array.astype("float64")
    array[7, 0, 0] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": with_value(IMAGES, np.nan)}, "x_train must be finite. Received: nan in image 7"),
        ({"x_train": with_value(IMAGES, np.inf)}, "x_train must be finite. Received: inf in image 7"),
        ({"x_train": with_value(IMAGES, -3)}, "must be in 0 to 255, or in 0 to 1. Received: -3.0 to 255"),
        ({"x_train": IMAGES.astype(int) * 200}, "must be in 0 to 255, or in 0 to 1. Received: 0 to 51000"),
        ({"x_train": IMAGES.astype(str)}, "x_train must have numbers. Received: dtype <U3"),
        ({"x_train": IMAGES[0]}, r"x_train must be images of shape .* Received: shape \(5, 6\)"),
        ({"x_train": IMAGES[:, None]}, r"Received: shape \(20, 1, 5, 6\)"),
        ({"x_test": IMAGES[:4, ..., None].repeat(3, -1)}, "splits must have the same number of channels"),
        ({"y_train": LABELS[:19]}, r"one class for each of the 20 images, .* Received: shape \(19,\)"),
        ({"y_train": MASKS}, r"Received: shape \(20, 5, 6\)"),
        ({"y_train": LABELS + 0.5}, "y_train must have whole numbers. Received: 0.5"),
        (
            {"y_train": np.where(LABELS == 2, np.nan, LABELS)},
            "y_train must have whole numbers. Received: nan",
        ),
        ({"y_train": LABELS * 1j}, "y_train must have class numbers. Received: dtype complex128"),
        ({"y_train": LABELS - 1}, "y_train must be in 0 to 1. Received: -1 at 0"),
        ({"y_test": LABELS[:4] + 2}, "y_test must be in 0 to 2. Received: 3 at 1"),
        ({"y_train": LABELS * 0, "y_test": LABELS[:4] * 0}, "must have two classes or more. Received: 0"),
        ({"y_train": None}, "has no array y_train"),
        ({"x_test": None}, "has no array x_test"),
        ({"x_test": IMAGES[:0], "y_test": LABELS[:0]}, "has an empty test split"),
        (
            {"classes": np.array(["a", "a", "b"])},
            "classes must be different and not empty. Received: 'a, a, b'",
        ),
        ({"classes": np.array(["a", "b"])}, "y_train must be in 0 to 1. Received: 2 at 2"),
    ],
)
def test_refusals(tmp_path, arrays, message):
    with pytest.raises(InputError, match=message):
        open_npz(tmp_path, **arrays)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, r"y_train must have a mask of the size of each image, \(20, 5, 6\). Received: shape \(20,\)"),
        (
            {"y_train": MASKS, "y_test": MASKS[:4] + 1},
            "y_test must have classes 0 to 2 .* Received: the value 3",
        ),
        ({"y_train": MASKS * 0, "y_test": MASKS[:4]}, "must have two classes or more"),
        (
            {"y_train": MASKS, "x_test": IMAGES[:0], "y_test": MASKS[:0]},
            "has an empty test split",
        ),
    ],
)
def test_refusals_of_masks(tmp_path, arrays, message):
    with pytest.raises(InputError, match=message):
        open_npz(tmp_path, "segmentation", **arrays)


def test_text_labels_unknown_in_test(tmp_path):
    texts = np.array(["a", "b", "c"])[LABELS]
    with pytest.raises(InputError, match="y_train must be one of: a, b. Received: 'c'"):
        open_npz(tmp_path, load_options={"class_names": "a,b"}, y_train=texts, y_test=texts[:4])


def test_files_that_are_not_archives_are_refused(tmp_path):
    with pytest.raises(InputError, match="file .*absent.npz does not exist"):
        load(f"npz:{tmp_path / 'absent.npz'}", task="classification")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match="text.npz is not an .npz archive, or is damaged"):
        load(f"npz:{tmp_path / 'text.npz'}", task="classification")
    path = archive(tmp_path, poses=IMAGES, other=LABELS)
    with pytest.raises(InputError, match="must have x_train and y_train, .* It has: other, poses"):
        load(f"npz:{path}", task="classification")


def test_pickled_objects_are_never_loaded(tmp_path):
    path = archive(tmp_path, x_train=np.array([{"a": 1}], dtype=object), y_train=LABELS)
    with pytest.raises(InputError, match="cannot read .*a.npz: Object arrays cannot be loaded"):
        load(f"npz:{path}", task="classification")


def test_an_array_of_objects_is_named_if_it_is_needed(tmp_path):
    objects = np.array(["a", None, "c"], dtype=object)
    with pytest.raises(
        InputError, match="Object arrays cannot be loaded.* Save the array classes with a type"
    ):
        open_npz(tmp_path, classes=objects)
    source = open_npz(tmp_path, meta=objects, extra=LABELS)
    assert source.class_names == ("0", "1", "2") and "left out the arrays extra, meta" in source.notes


def test_names_of_arrays_in_any_case_and_with_other_words(tmp_path):
    names = ("X_Train", "y_training", "X_valid", "Y_dev", "x_testing", "y_test")
    values = (IMAGES, LABELS, IMAGES[:5], LABELS[:5], IMAGES[:4], LABELS[:4])
    arrays = dict(zip(names, values, strict=True))
    path = archive(tmp_path, **arrays, Classes=np.array(["a", "b", "c"]))
    source = load(f"npz:{path}", task="classification")
    assert [len(split) for split in source.splits.values()] == [20, 5, 4]
    assert source.class_names == ("a", "b", "c") and source.notes == ()
    path = archive(tmp_path, x_train=IMAGES, y_train=LABELS, X_train=IMAGES)
    with pytest.raises(InputError, match="two names for the array x_train: x_train and X_train"):
        load(f"npz:{path}", task="classification")


@pytest.mark.parametrize("test", [IMAGES[:4] / 255.0, (IMAGES[:4] > 127).astype("uint8"), IMAGES[:4] > 127])
def test_splits_of_different_ranges_are_refused(tmp_path, test):
    with pytest.raises(
        InputError, match="images of all splits must have one range. Received: x_train 0 to 255, x_test 0 to "
    ):
        open_npz(tmp_path, x_test=test)
    with pytest.raises(InputError, match="one range. Received: x_train 0 to 0.9.*, x_test 0 to 2"):
        open_npz(tmp_path, x_train=IMAGES / 256.0, x_test=IMAGES[:4])


def test_a_black_split_has_every_range(tmp_path):
    assert open_npz(tmp_path, x_test=IMAGES[:4] * 0).splits["test"][0]["image"].max() == 0
    source = open_npz(tmp_path, x_train=IMAGES / 255.0, x_test=IMAGES[:4] * 0)
    np.testing.assert_array_equal(source.splits["train"][0]["image"].ravel()[:3], IMAGES.ravel()[:3])


def test_labels_with_gaps_are_refused_unless_named(tmp_path):
    labels = np.where(LABELS == 2, 65535, LABELS)
    with pytest.raises(
        InputError, match="y_train must use at least half of .* 65,536 classes from the values 0, 1, 65535"
    ):
        open_npz(tmp_path, y_train=labels, y_test=labels[:4])
    source = open_npz(tmp_path, load_options={"class_names": [f"c{i}" for i in range(30)]})
    assert source.num_classes == 30


def test_bytes_are_decoded(tmp_path):
    texts = np.array(["dög", "cat"])[LABELS % 2]
    coded = np.char.encode(texts, "latin-1")
    source = open_npz(tmp_path, load_options={"encoding": "latin-1"}, y_train=coded, y_test=coded[:4])
    assert source.class_names == ("cat", "dög")
    with pytest.raises(InputError, match="y_train must be utf-8 text. Received: b'd.*Name its encoding with"):
        open_npz(tmp_path, y_train=coded, y_test=coded[:4])
    assert open_npz(tmp_path, classes=np.array([b"a", b"b", b"c"])).class_names == ("a", "b", "c")
    with pytest.raises(InputError, match="classes must be texts. Received: dtype float64"):
        open_npz(tmp_path, classes=np.array([0.5, 1.0, 2.0]))


@pytest.mark.parametrize("names", [None, "argument", "array"])
def test_binary_masks(tmp_path, names):
    binary = np.where(MASKS == 1, 255, 0).astype("uint8")
    options = {"class_names": ["a", "b"]} if names == "argument" else {}
    arrays = {"classes": np.array(["a", "b"])} if names == "array" else {}
    source = open_npz(tmp_path, "segmentation", options, y_train=binary, y_test=binary[:4], **arrays)
    assert source.class_names == (("a", "b") if names else ("0", "1"))
    assert any("255 is class 1" in note for note in source.notes)
    np.testing.assert_array_equal(source.splits["test"][3]["mask"], MASKS[3] == 1)
    with pytest.raises(InputError, match="its array classes must name two.* Received: a, b, c"):
        open_npz(
            tmp_path, "segmentation", y_train=binary, y_test=binary[:4], classes=np.array(["a", "b", "c"])
        )


def test_a_void_of_sixteen_bits_does_not_become_a_class(tmp_path):
    deep = np.where(MASKS == 2, 65535, MASKS.astype("uint16")).astype("uint16")
    with pytest.raises(InputError, match="65,536 classes from the values 0, 1, 65535. If 65535 marks"):
        open_npz(tmp_path, "segmentation", y_train=deep, y_test=deep[:4])
    options = {"ignore_label": 65535}
    assert open_npz(tmp_path, "segmentation", options, y_train=deep, y_test=deep[:4]).num_classes == 2


def test_damaged_archives_raise_only_input_errors(tmp_path):
    whole = pathlib.Path(archive(tmp_path, x_train=IMAGES, y_train=LABELS)).read_bytes()
    draw = np.random.RandomState(0)
    path = tmp_path / "damaged.npz"
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(20):
            damaged[draw.randint(len(damaged))] = draw.randint(256)
        path.write_bytes(bytes(damaged))
        with pytest.raises(InputError, match="damaged.npz"):
            load(f"npz:{path}", task="classification")


@pytest.mark.skipif(not MNIST.is_file(), reason="MNIST is not in ../shared/data/mnist.npz")
def test_mnist():
    source = load(f"npz:{MNIST}", task="classification")
    assert [len(split) for split in source.splits.values()] == [54000, 6000, 10000]
    assert source.num_classes == 10 and source.channels == 1
    assert np.bincount(source.splits["test"].labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # the counts of the original test set  # fmt: skip
