import os
import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError
from tests.data.png_files import index_png

Image = pytest.importorskip("PIL.Image")

CAMVID = pathlib.Path(__file__).parents[4] / "shared" / "data" / "camvid"
VALUES = np.array([[0, 1, 2], [2, 255, 0]], dtype="uint8")


def pair(root, stem, mask=VALUES, *, size=None, extension=".jpg", palette=True):
    shape = mask.shape if size is None else size
    for folder in ("images", "labels"):
        (root / folder / stem).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*shape, 3), 90, dtype="uint8")).save(root / "images" / (stem + extension))
    image = Image.fromarray(mask)
    if palette and mask.dtype == np.uint8:
        image = Image.fromarray(mask, mode="P")
        image.putpalette(np.random.RandomState(0).randint(0, 256, 768).tolist())
    image.save(root / "labels" / (stem + ".png"))


def pairs(root, count=6, **options):
    for i in range(count):
        pair(root, f"street_{i}", **options)


def open_masks(root, **options):
    return load(f"masks:{root}", task="segmentation", **options)


@pytest.mark.parametrize("palette", [True, False])
def test_unsplit(tmp_path, palette):
    pairs(tmp_path, palette=palette)
    source = open_masks(tmp_path)
    assert source.class_names == ("0", "1", "2") and source.ignore_label == 255 and source.channels == 3
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [4, 1, 1]
    example = source.splits["train"][0]
    assert example["image"].shape == (2, 3, 3) and example["mask"].dtype == np.uint8
    np.testing.assert_array_equal(example["mask"], VALUES)


def test_splits_over_images_and_labels(tmp_path):
    for split in ("train", "test"):
        pairs(tmp_path / split, 10)
    source = open_masks(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [9, 1, 10]
    assert source.splits["test"].names == [f"test/images/street_{i}.jpg" for i in range(10)]


def test_nested_folders_and_upper_case_extensions(tmp_path):
    for i in range(5):
        pair(tmp_path, f"city{i}/day", extension=".JPEG")
    os.rename(tmp_path / "labels/city0/day.png", tmp_path / "labels/city0/day.PNG")
    source = open_masks(tmp_path)
    assert sum(map(len, source.splits.values())) == 5
    assert all(example["mask"].shape == (2, 3) for split in source.splits.values() for example in split)


def test_classes_come_from_train_without_the_ignored_label(tmp_path):
    pairs(tmp_path / "train", 3)
    pairs(tmp_path / "val", 3)
    pairs(tmp_path / "test", 3)
    assert open_masks(tmp_path).num_classes == 3
    pair(tmp_path / "test", "other", np.array([[0, 3]], dtype="uint8"))
    with pytest.raises(
        InputError, match=r"other\.png must have classes 0 to 2 or .* 255. Received: the value 3"
    ):
        open_masks(tmp_path)
    with pytest.raises(
        InputError, match=r"street_0\.png must have classes 0 to 2 .* Received: the value 255"
    ):
        open_masks(tmp_path, ignore_label=3, class_names="a,b,c")


def test_named_classes(tmp_path):
    pairs(tmp_path)
    (tmp_path / "classes.txt").write_text("ground\nroad\nsky\nnever seen\n")
    assert open_masks(tmp_path).class_names == ("ground", "road", "sky", "never seen")
    assert open_masks(tmp_path, class_names=["a", "b", "c"]).class_names == ("a", "b", "c")
    with pytest.raises(InputError, match=r"must have classes 0 to 1 .* Received: the value 2"):
        open_masks(tmp_path, class_names=["a", "b"])


def test_a_class_file_may_name_the_ignored_label_last(tmp_path):
    pairs(tmp_path, mask=np.array([[0, 1, 2]], dtype="uint8"))
    (tmp_path / "classes.txt").write_text("road\nsky\nvoid\n")
    source = open_masks(tmp_path, ignore_label=2)
    assert source.class_names == ("road", "sky")
    assert "classes.txt names the ignored label 2 (void): not a class" in source.notes


@pytest.mark.parametrize("names", [None, "argument", "file"])
def test_binary_masks(tmp_path, names):
    pairs(tmp_path / "train", mask=np.array([[0, 255]], dtype="uint8"))
    pairs(tmp_path / "test", mask=np.array([[0, 0]], dtype="uint8"))
    if names == "file":
        (tmp_path / "classes.txt").write_text("ground\nroad\n")
    source = open_masks(tmp_path, class_names=["ground", "road"] if names == "argument" else None)
    assert source.class_names == (("ground", "road") if names else ("0", "1"))
    assert any("only the values 0 and 255: 255 is class 1" in note for note in source.notes)
    np.testing.assert_array_equal(source.splits["train"][0]["mask"], [[0, 1]])
    assert source.splits["train"][0]["mask"].dtype == np.uint8


def test_255_is_ignored_next_to_other_values_or_if_given(tmp_path):
    pairs(tmp_path / "train", mask=np.array([[0, 255]], dtype="uint8"))
    pairs(tmp_path / "test", mask=np.array([[0, 1]], dtype="uint8"))
    np.testing.assert_array_equal(
        open_masks(tmp_path, class_names="a,b").splits["train"][0]["mask"], [[0, 255]]
    )
    with pytest.raises(InputError, match=r"two classes or more.* Received values: \[0, 255\]"):
        open_masks(tmp_path / "train", ignore_label=255)


def test_sixteen_bit_masks(tmp_path):
    pairs(tmp_path, mask=np.array([[0, 300, 1]], dtype="uint16"))
    source = open_masks(tmp_path, class_names=[str(i) for i in range(301)])
    assert source.splits["train"][0]["mask"].dtype == np.int32
    np.testing.assert_array_equal(source.splits["train"][0]["mask"], [[0, 300, 1]])
    source = open_masks(tmp_path, ignore_label=300)
    assert source.class_names == ("0", "1")


def test_a_void_of_sixteen_bits_does_not_become_a_class(tmp_path):
    pairs(tmp_path, mask=np.array([[0, 1, 2, 65535]], dtype="uint16"))
    with pytest.raises(
        InputError, match=r"at most 256 classes.*values 0, 1, 2, 65535. If 65535 .* give `ignore_label` 65535"
    ):
        open_masks(tmp_path)
    assert open_masks(tmp_path, ignore_label=65535).num_classes == 3


@pytest.mark.parametrize("palette", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_masks_of_few_bits_are_indices(tmp_path, bits, palette):
    values = np.arange(2 * 2**bits).reshape(2, -1) % 2**bits
    pairs(tmp_path, mask=values.astype("uint8"))
    for file in (tmp_path / "labels").iterdir():
        file.write_bytes(index_png(values, bits, palette=palette))
    source = open_masks(tmp_path)
    assert source.num_classes == 2**bits
    np.testing.assert_array_equal(source.splits["train"][0]["mask"], values)


# --- folders ---
@pytest.mark.parametrize("inside", [False, True])
def test_splits_in_any_case_above_or_in_the_folders(tmp_path, inside):
    for split, count in (("Train", 4), ("VALID", 2), ("Testing", 3)):
        for i in range(count):
            pair(tmp_path / split, f"{i}")
    if inside:
        for split in ("Train", "VALID", "Testing"):
            for folder in ("images", "labels"):
                (tmp_path / folder).mkdir(exist_ok=True)
                os.rename(tmp_path / split / folder, tmp_path / folder / split)
            (tmp_path / split).rmdir()
    source = open_masks(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [4, 2, 3]
    assert source.notes == ()
    assert source.splits["val"].names[0] == ("images/VALID/0.jpg" if inside else "VALID/images/0.jpg")


@pytest.mark.parametrize("name", ["masks", "Masks", "LABELS"])
def test_names_of_the_folder_of_masks(tmp_path, name):
    pairs(tmp_path)
    os.rename(tmp_path / "labels", tmp_path / "x")
    os.rename(tmp_path / "x", tmp_path / name)
    assert sum(map(len, open_masks(tmp_path).splits.values())) == 6
    (tmp_path / "Masks2").mkdir()
    (tmp_path / ("labels" if name == "masks" else "masks")).mkdir(exist_ok=True)
    if len([entry for entry in os.listdir(tmp_path) if entry.lower() in ("labels", "masks")]) > 1:
        with pytest.raises(InputError, match="must have one folder of masks. Received: "):
            open_masks(tmp_path)


def test_a_single_folder_is_searched(tmp_path):
    for split in ("train", "test"):
        pairs(tmp_path / "archive" / "city" / split)
    (tmp_path / "archive" / "city" / "classes.txt").write_text("a\nb\nc\n")
    source = open_masks(tmp_path)
    assert len(source.splits["test"]) == 6 and source.class_names == ("a", "b", "c")
    pairs(tmp_path / "other" / "inner")
    assert sum(map(len, open_masks(tmp_path / "other").splits.values())) == 6


def test_folders_that_are_probably_splits_are_refused(tmp_path):
    for split in ("train", "test_set"):
        pairs(tmp_path / split)
    with pytest.raises(InputError, match=r"must not mix split folders \(train\) .* Received: test_set"):
        open_masks(tmp_path)


def test_what_is_left_out_is_reported(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.txt").write_text("x")
    (tmp_path / "readme.md").write_text("x")
    pairs(tmp_path)
    pair(tmp_path / "depth", "a")
    os.rename(tmp_path / "images" / "street_0.jpg", tmp_path / "images" / "street_0")
    source = open_masks(tmp_path)
    assert sum(map(len, source.splits.values())) == 6
    assert "1 file without an image extension read as images or masks: images/street_0" in source.notes
    assert "left out 2 files that are not images: images/notes.txt, labels/notes.txt" in source.notes
    assert "left out the images in 2 other folders: depth/images, depth/labels" in source.notes


def test_sizes_must_agree(tmp_path):
    pairs(tmp_path)
    pair(tmp_path, "wide", size=(2, 4))
    with pytest.raises(
        InputError, match=r"labels.wide\.png is 3 x 2 pixels and its image .*wide\.jpg is 4 x 2"
    ):
        open_masks(tmp_path)


def test_colored_masks_are_refused(tmp_path):
    pairs(tmp_path)
    Image.fromarray(np.zeros((2, 3, 3), dtype="uint8")).save(tmp_path / "labels" / "street_3.png")
    with pytest.raises(InputError, match=r"index PNG .*street_3\.png, whose pixels are RGB"):
        open_masks(tmp_path)


def test_images_without_masks_and_masks_without_images_are_refused(tmp_path):
    pairs(tmp_path)
    os.remove(tmp_path / "labels" / "street_2.png")
    with pytest.raises(
        InputError, match=r"images.street_2\.jpg has no mask: expected .*labels.street_2\.png"
    ):
        open_masks(tmp_path)
    os.remove(tmp_path / "images" / "street_2.jpg")
    os.remove(tmp_path / "images" / "street_4.jpg")
    with pytest.raises(InputError, match=r"labels.street_4\.png has no image with the same stem in images"):
        open_masks(tmp_path)


def test_jpeg_masks_and_shared_stems_are_refused(tmp_path):
    pairs(tmp_path)
    os.rename(tmp_path / "labels" / "street_0.png", tmp_path / "labels" / "street_0.jpg")
    with pytest.raises(InputError, match=r"a mask must be an index PNG. Received: .*street_0\.jpg"):
        open_masks(tmp_path)
    Image.fromarray(VALUES).save(tmp_path / "images" / "street_1.bmp")
    with pytest.raises(InputError, match="two files share the stem 'street_1' in .*images"):
        open_masks(tmp_path)


def test_missing_folders_and_empty_splits_are_refused(tmp_path):
    with pytest.raises(InputError, match="folder .*absent does not exist"):
        open_masks(tmp_path / "absent")
    with pytest.raises(InputError, match="folder .*images does not exist"):
        open_masks(tmp_path)
    pairs(tmp_path / "train")
    (tmp_path / "val" / "images").mkdir(parents=True)
    with pytest.raises(InputError, match="folder .*val.labels does not exist"):
        open_masks(tmp_path)
    (tmp_path / "val" / "labels").mkdir()
    with pytest.raises(InputError, match="has an empty val split"):
        open_masks(tmp_path)


def test_skip_bad_leaves_out_and_counts(tmp_path):
    pairs(tmp_path)
    pair(tmp_path, "wide", size=(2, 4))
    (tmp_path / "labels" / "street_5.png").write_bytes(b"\x89PNG damaged")
    source = open_masks(tmp_path, skip_bad=True)
    assert [line.split(":")[0] for line in source.skipped] == ["images/street_5.jpg", "images/wide.jpg"]
    assert sum(map(len, source.splits.values())) == 5


def test_nothing_left_after_skipping_is_refused_with_a_reason(tmp_path):
    pairs(tmp_path, size=(2, 4))
    with pytest.raises(InputError, match=r"has no examples after leaving out images/street_0\.jpg: .* 3 x 2"):
        open_masks(tmp_path, skip_bad=True)
    pairs(tmp_path)
    with pytest.raises(
        InputError, match=r"after leaving out images/street_0\.jpg: .* Received: the value 255"
    ):
        open_masks(tmp_path, skip_bad=True, ignore_label=9, class_names="a,b,c")


def test_a_changed_mask_is_read_again(tmp_path):
    pairs(tmp_path)
    assert open_masks(tmp_path).num_classes == 3
    pair(tmp_path, "street_1", np.full((2, 3), 7, dtype="uint8"))
    os.utime(tmp_path / "labels" / "street_1.png", ns=(1, 1))
    assert open_masks(tmp_path, split_file=None, class_names=[str(i) for i in range(8)]).num_classes == 8
    with pytest.raises(InputError, match=r"street_1\.png must .* Received: the value 7"):
        open_masks(tmp_path, class_names="a,b,c")


@pytest.mark.skipif(not CAMVID.is_dir(), reason="CamVid is not in ../shared/data/camvid")
def test_camvid():
    source = open_masks(CAMVID, ignore_label=11)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [367, 101, 233]
    assert source.num_classes == 11 and source.notes == ()
    example = source.splits["val"][50]
    assert example["image"].shape == (360, 480, 3) and example["mask"].shape == (360, 480)
    with pytest.raises(InputError, match="must have classes 0 to 10 .* Received: the value 11"):
        open_masks(CAMVID, class_names=[str(i) for i in range(11)])
