import os
import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.utils.errors import InputError
from tests.data.voc_folders import CAT, DOG, SIZE, add, annotation, by_name, lists, open_voc, some

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("defusedxml")

BCCD = pathlib.Path(__file__).parents[4] / "shared" / "data" / "bccd"


def test_boxes_become_edges_and_classes_are_sorted_names(tmp_path):
    some(tmp_path)
    lists(tmp_path, train=["pet_1", "pet_2"], val=["pet_3"], test=["pet_0", "pet_5"])
    source = open_voc(tmp_path)
    assert source.class_names == ("cat", "dog") and source.channels == 3
    assert source.notes == ("left out 1 annotation in no list: Annotations/pet_4.xml",)
    assert source.splits["test"].names == ["JPEGImages/pet_0.png", "JPEGImages/pet_5.png"]
    example = source.splits["train"][0]
    assert example["image"].shape == (20, 30, 3) and example["image"].dtype == np.uint8
    assert example["boxes"].dtype == np.float32 and example["classes"].dtype == np.int32
    # Pixels 3 to 12, counted from 1, span 2 to 12. 1 to 30 is the whole width.
    np.testing.assert_array_equal(example["boxes"], [[2, 1, 12, 9], [0, 0, 30, 20]])
    np.testing.assert_array_equal(example["classes"], [0, 1])
    np.testing.assert_array_equal(example["crowd"], [False, False])


def test_without_lists_splits_are_drawn(tmp_path):
    some(tmp_path, 10)
    source = open_voc(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 2]
    assert source.notes[-1].startswith("no splits in the data: drew train / val / test = 6 / 2 / 2")


def test_a_split_file_names_images(tmp_path):
    some(tmp_path, 4)
    rows = ["train\tJPEGImages/pet_0.png", "val\tJPEGImages/pet_2.png", "test\tJPEGImages/pet_1.png"]
    (tmp_path / "splits.tsv").write_text("\n".join(rows))
    source = open_voc(tmp_path, split_file=tmp_path / "splits.tsv")
    assert source.splits["test"].names == ["JPEGImages/pet_1.png"]


def test_boxes_without_area_are_dropped_and_counted(tmp_path):
    some(tmp_path)
    add(tmp_path, "flat", (CAT, ("dog", (5, 5, 5, 5)), ("dog", (5, 5, 9, 5))))
    source = open_voc(tmp_path)
    assert "left out 2 boxes of zero area" in source.notes
    found = by_name(source)
    assert found["JPEGImages/flat.png"]["boxes"].shape == (1, 4)


def test_an_image_without_objects_is_background(tmp_path):
    some(tmp_path)
    add(tmp_path, "empty", ())
    source = open_voc(tmp_path)
    assert "1 of 7 images have no objects: they count as background" in source.notes
    examples = [example for split in source.splits.values() for example in split]
    (empty,) = [example for example in examples if not len(example["classes"])]
    assert empty["boxes"].shape == (0, 4) and empty["crowd"].shape == (0,)


def test_no_object_at_all_is_refused(tmp_path):
    for number in range(4):
        add(tmp_path, f"empty_{number}", ())
    with pytest.raises(InputError, match="no image has an object"):
        open_voc(tmp_path)
    add(tmp_path, "cat")
    lists(tmp_path, train=["empty_0", "empty_1"], test=["cat"])
    with pytest.raises(InputError, match="no image of the train split has an object"):
        open_voc(tmp_path)


def test_difficult_objects_are_crowds(tmp_path):
    some(tmp_path)
    add(tmp_path, "hard", (CAT, DOG), difficult=(1,))
    source = open_voc(tmp_path)
    assert "1 difficult objects are not trained on, nor counted as missed or wrong" in source.notes
    crowds = [example["crowd"].tolist() for split in source.splits.values() for example in split]
    assert [False, True] in crowds


def test_named_classes(tmp_path):
    some(tmp_path)
    (tmp_path / "classes.txt").write_text("dog\ncat\nbird\n")
    source = open_voc(tmp_path)
    assert source.class_names == ("dog", "cat", "bird") and "no objects of bird" in source.notes
    with pytest.raises(InputError, match=r"pet_1\.xml: object 2 must be one of: cat. Received: 'dog'"):
        open_voc(tmp_path, class_names=["cat"])


@pytest.mark.parametrize("left, allowed", [(0, True), (-0.5, True), (-3, False)])
def test_boxes_counted_from_zero_and_rounding_errors_are_clipped(tmp_path, left, allowed):
    some(tmp_path)
    add(tmp_path, "edge", (("cat", (left, 1, 31, 20)),))
    if not allowed:
        with pytest.raises(InputError, match=r"edge\.xml: object 1 \(cat\) leaves its image of 30 x 20"):
            open_voc(tmp_path)
        return
    boxes = [example["boxes"].tolist() for split in open_voc(tmp_path).splits.values() for example in split]
    assert [[0.0, 0.0, 30.0, 20.0]] in boxes


@pytest.mark.parametrize(
    "text, message",
    [
        (annotation([("cat", (3, 2, 40, 9))]), r"object 1 \(cat\) leaves its image of 30 x 20 pixels"),
        (annotation([("cat", (12, 2, 3, 9))]), "ends before it begins. Received: 12, 2, 3, 9"),
        (annotation([("cat", (3, 2, "nan", 9))]), "xmax must be finite. Received: 'nan'"),
        (annotation([("cat", (3, 2, "wide", 9))]), "xmax must be a number. Received: 'wide'"),
        (annotation([(" ", (3, 2, 9, 9))]), "object 1 has no name"),
        ("<annotation><object><name>cat</name></object></annotation>", r"object 1 \(cat\) has no bndbox"),
        (annotation([CAT], (30, 20)), r"declares 20 x 30 pixels and its image .*odd\.png is 30 x 20"),
        ("<annotation><object>", "is not XML: no element found"),
        ("", "is not XML"),
        ('<?xml version="1.0" encoding="utf-99"?><annotation/>', "is not XML"),
        ("<html></html>", "must have one <annotation>. Received: <html>"),
        (
            '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><annotation>&b;</annotation>',
            "must not declare entities",
        ),
        (
            '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>',
            "must not declare entities",
        ),
    ],
)
def test_bad_annotations_name_their_file(tmp_path, text, message):
    some(tmp_path)
    add(tmp_path, "odd", text=text)
    with pytest.raises(InputError, match=rf"odd\.xml.*{message}"):
        open_voc(tmp_path)
    source = open_voc(tmp_path, skip_bad=True)
    assert sum(map(len, source.splits.values())) == 6
    assert len(source.skipped) == 1 and source.skipped[0].startswith("Annotations/odd.xml: ")
    assert "left out 1 unreadable example" in source.notes


def test_missing_images_and_annotations_and_duplicates_are_refused(tmp_path):
    some(tmp_path)
    add(tmp_path, "alone", picture=None)
    with pytest.raises(InputError, match=r"alone\.xml has no image: expected .*JPEGImages.alone\.jpg"):
        open_voc(tmp_path)
    os.remove(tmp_path / "Annotations" / "alone.xml")
    lists(tmp_path, train=["pet_0", "pet_1"], test=["pet_2", "nobody"])
    with pytest.raises(InputError, match=r"cannot read .*nobody\.xml: No such file"):
        open_voc(tmp_path)
    lists(tmp_path, train=["pet_0", "pet_1"], test=["pet_2", "pet_0"])
    with pytest.raises(
        InputError, match=r"test\.txt line 2 names 'pet_0', which is already in .*train\.txt line 1"
    ):
        open_voc(tmp_path)
    source = open_voc(tmp_path, skip_bad=True, class_names="cat,dog")
    assert source.splits["test"].names == ["JPEGImages/pet_2.png"]
    Image.fromarray(np.zeros((*SIZE, 3), "uint8")).save(tmp_path / "JPEGImages" / "pet_1.bmp")
    with pytest.raises(InputError, match=r"pet_1\.xml must have one image"):
        open_voc(tmp_path)


def test_a_damaged_image_is_an_error_or_skipped(tmp_path):
    some(tmp_path)
    (tmp_path / "JPEGImages" / "pet_3.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(InputError, match=r"cannot read .*pet_3\.png: not an image"):
        open_voc(tmp_path)
    assert len(open_voc(tmp_path, skip_bad=True).skipped) == 1


def test_missing_folders(tmp_path):
    with pytest.raises(InputError, match="folder .*absent does not exist"):
        open_voc(tmp_path / "absent")
    with pytest.raises(InputError, match="folder .*JPEGImages does not exist"):
        open_voc(tmp_path)
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(InputError, match="folder .*Annotations does not exist"):
        open_voc(tmp_path)
    (tmp_path / "Annotations").mkdir()
    with pytest.raises(InputError, match="has no examples"):
        open_voc(tmp_path)


def flag(word):
    """Returns an annotation whose object says that word where `difficult` and `truncated` are."""
    return annotation([CAT]).replace("<difficult>0</difficult>", f"<difficult>{word}</difficult>")


@pytest.mark.parametrize("word", ["Unspecified", "False", "false", "no", "0.0", " 0 ", ""])
def test_words_for_false_are_not_difficult(tmp_path, word):
    some(tmp_path)
    text = flag(word).replace("<bndbox>", f"<truncated>{word}</truncated><bndbox>")
    add(tmp_path, "odd", text=text)
    source = open_voc(tmp_path)
    assert by_name(source)["JPEGImages/odd.png"]["crowd"].tolist() == [False]
    assert not any("difficult" in note for note in source.notes)


@pytest.mark.parametrize("word, expected", [("True", True), ("1.0", True), ("maybe", None), ("2", None)])
def test_words_for_true_are_difficult_and_others_are_refused(tmp_path, word, expected):
    some(tmp_path)
    add(tmp_path, "odd", text=flag(word))
    if expected is None:
        message = rf"odd\.xml: object 1 \(cat\): difficult must be 0 or 1. Received: '{word}'"
        with pytest.raises(InputError, match=message):
            open_voc(tmp_path)
    else:
        assert by_name(open_voc(tmp_path))["JPEGImages/odd.png"]["crowd"].tolist() == [expected]


def rotated(root, stem, orientation):
    """Writes an image with an EXIF orientation, stored as 20 x 30 (height, width), its left half bright."""
    pixels = np.zeros((20, 30, 3), "uint8")
    pixels[:, :15] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(root / "JPEGImages" / f"{stem}.png", exif=exif)


def test_boxes_lie_on_the_stored_pixels_of_a_rotated_image(tmp_path):
    some(tmp_path)
    add(tmp_path, "turned", (("cat", (1, 1, 15, 20)),), size=None, picture=None)
    rotated(tmp_path, "turned", 6)
    add(tmp_path, "declared", (("cat", (1, 1, 15, 20)),), picture=None)
    rotated(tmp_path, "declared", 6)
    # Only the upright image has the declared size, so boxes refer to it; the bright half is on top.
    add(tmp_path, "upright", (("cat", (1, 1, 20, 15)),), size=(30, 20), picture=None)
    rotated(tmp_path, "upright", 6)
    source = open_voc(tmp_path)
    found = by_name(source)
    for stem, shape in (("turned", (20, 30)), ("declared", (20, 30)), ("upright", (30, 20))):
        example = found[f"JPEGImages/{stem}.png"]
        assert example["image"].shape[:2] == shape
        left, top, right, bottom = example["boxes"][0].astype(int)
        assert (example["image"][top:bottom, left:right] == 255).all()
        assert (example["image"] == 255).sum() == 3 * (bottom - top) * (right - left)


def test_images_of_every_mode_get_the_same_type(tmp_path):
    some(tmp_path, 2)
    gradient = np.linspace(0, 255, 600).reshape(SIZE)
    modes = {
        "grey": Image.fromarray(gradient.astype("uint8")),
        "deep": Image.fromarray((gradient * 257).astype("uint16")),
        "alpha": Image.fromarray(np.zeros((*SIZE, 4), "uint8")),
    }
    for stem, image in modes.items():
        add(tmp_path, stem, picture=None)
        image.save(tmp_path / "JPEGImages" / f"{stem}.png")
    add(tmp_path, "cmyk", picture=None)
    Image.fromarray(np.zeros((*SIZE, 4), "uint8"), mode="CMYK").save(tmp_path / "JPEGImages" / "cmyk.jpg")
    source = open_voc(tmp_path)
    found = by_name(source)
    assert {example["image"].shape for example in found.values()} == {(20, 30, 3)}
    np.testing.assert_array_equal(found["JPEGImages/grey.png"]["image"][..., 0], gradient.astype("uint8"))
    np.testing.assert_allclose(found["JPEGImages/deep.png"]["image"][..., 1], gradient, atol=1)
    assert (found["JPEGImages/alpha.png"]["image"] == 255).all()
    assert (found["JPEGImages/cmyk.jpg"]["image"] > 250).all()


def test_gray_data_stays_gray(tmp_path):
    for number in range(4):
        add(tmp_path, f"x_{number}", picture=None)
        Image.fromarray(np.full(SIZE, 7, "uint8")).save(tmp_path / "JPEGImages" / f"x_{number}.png")
    source = open_voc(tmp_path)
    assert source.channels == 1 and source.splits["train"][0]["image"].shape == (20, 30, 1)


@pytest.mark.skipif(not BCCD.is_dir(), reason="BCCD is not in ../shared/data/bccd")
def test_bccd():
    source = open_voc(BCCD)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [205, 87, 72]
    assert source.class_names == ("Platelets", "RBC", "WBC")
    assert source.notes == ("left out 2 boxes of zero area",)
    example = source.splits["val"][0]
    assert example["image"].shape == (480, 640, 3)
    np.testing.assert_array_equal(example["boxes"][0], [259, 176, 491, 376])
    assert source.class_names[example["classes"][0]] == "WBC"
