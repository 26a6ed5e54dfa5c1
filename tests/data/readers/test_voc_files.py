import os
import shutil

import numpy as np
import pytest

from keras_cnn_zoo.utils.errors import InputError
from tests.data.voc_folders import CAT, DOG, SIZE, annotation, by_name, lists, open_voc, some

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("defusedxml")


def together(folder, stem, objects=(CAT,), extension=".xml"):
    """Writes an XML file next to its image."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1]).save(folder / f"{stem}.png")
    (folder / f"{stem}{extension}").write_text(annotation(objects), encoding="utf-8")


@pytest.mark.parametrize("base", ["", "export", "a/b"])
def test_xml_next_to_the_images_in_split_folders(tmp_path, base):
    for folder, count in (("Train", 4), ("valid", 2), ("TEST", 3)):
        for number in range(count):
            together(tmp_path / base / folder, f"x {number}", (CAT, DOG))
    source = open_voc(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [4, 2, 3]
    prefix = f"{base}/" if base else ""
    assert source.splits["val"].names == [f"{prefix}valid/x 0.png", f"{prefix}valid/x 1.png"]
    np.testing.assert_array_equal(source.splits["val"][0]["boxes"][0], [2, 1, 12, 9])
    assert source.notes == ()
    together(tmp_path / base / "more", "stray")
    with pytest.raises(InputError, match=r"must not mix split folders.*Received: more/stray\.xml"):
        open_voc(tmp_path / base)


def test_xml_next_to_the_images_without_splits_and_at_any_depth(tmp_path):
    for number in range(10):
        together(
            tmp_path / ("deep/er" if number % 2 else ""), str(number), extension=(".xml", ".XML")[number % 2]
        )
    Image.new("RGB", SIZE).save(tmp_path / "deep" / "alone.png")
    source = open_voc(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 2]
    assert "deep/er/1.png" in by_name(source)
    assert "left out 1 image without annotation: deep/alone.png" in source.notes


def test_pascal_folders_in_split_folders_in_any_case(tmp_path):
    for folder in ("train", "test"):
        some(tmp_path / folder, 5)
        os.rename(tmp_path / folder / "JPEGImages", tmp_path / folder / "jpegimages")
    source = open_voc(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [4, 1, 5]
    assert source.splits["test"].names[0] == "test/jpegimages/pet_0.png"


def test_split_folders_inside_the_pascal_folders(tmp_path):
    for folder, count in (("train", 4), ("Valid", 2), ("test", 3)):
        for kind, extension in (("JPEGImages", ".png"), ("Annotations", ".xml")):
            (tmp_path / kind / folder).mkdir(parents=True)
            for number in range(count):
                together(tmp_path / "made", f"{folder}{number}")
                made = tmp_path / "made" / f"{folder}{number}{extension}"
                os.rename(made, tmp_path / kind / folder / made.name)
    shutil.rmtree(tmp_path / "made")
    source = open_voc(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [4, 2, 3]
    assert source.splits["val"].names == ["JPEGImages/Valid/Valid0.png", "JPEGImages/Valid/Valid1.png"]
    together(tmp_path / "Annotations", "stray")
    os.rename(tmp_path / "Annotations" / "stray.png", tmp_path / "JPEGImages" / "stray.png")
    with pytest.raises(InputError, match=r"must not mix split folders.*Received: Annotations/stray\.xml"):
        open_voc(tmp_path)


def test_upper_case_xml_is_opened_under_its_name(tmp_path):
    some(tmp_path)
    os.rename(tmp_path / "Annotations" / "pet_1.xml", tmp_path / "Annotations" / "pet_1.XML")
    lists(tmp_path, train=["pet_1", "pet_2.png", "pet_0.xml"], val=["pet_3"], test=["pet_4", "pet_5"])
    source = open_voc(tmp_path)
    assert len(source.splits["train"]) == 3 and source.notes == ()
    (tmp_path / "Annotations" / "pet_2.Xml").write_text(annotation([CAT]))
    with pytest.raises(InputError, match=r"one annotation.*pet_2\.Xml and .*pet_2\.xml"):
        open_voc(tmp_path)


def test_nested_annotations_are_read(tmp_path):
    some(tmp_path)
    for stem, target in (("pet_0", "a/b/pet_0"), ("pet_1", "a/pet_1")):
        (tmp_path / "Annotations" / "a" / "b").mkdir(parents=True, exist_ok=True)
        os.rename(tmp_path / "Annotations" / f"{stem}.xml", tmp_path / "Annotations" / f"{target}.xml")
    # pet_0 is nested too, pet_1 is not.
    (tmp_path / "JPEGImages" / "a" / "b").mkdir(parents=True)
    os.rename(tmp_path / "JPEGImages" / "pet_0.png", tmp_path / "JPEGImages" / "a" / "b" / "pet_0.png")
    found = by_name(open_voc(tmp_path))
    assert len(found) == 6 and "JPEGImages/a/b/pet_0.png" in found and "JPEGImages/pet_1.png" in found
    (tmp_path / "Annotations" / "c").mkdir()
    (tmp_path / "Annotations" / "c" / "pet_1.xml").write_text(annotation([DOG]))
    with pytest.raises(InputError, match=r"one annotation.*a/pet_1\.xml and .*c/pet_1\.xml"):
        open_voc(tmp_path)


def test_images_without_annotation_are_counted(tmp_path):
    some(tmp_path)
    for stem in ("n1", "n2", "n3", "n4"):
        Image.new("RGB", SIZE).save(tmp_path / "JPEGImages" / f"{stem}.jpg")
    notes = open_voc(tmp_path).notes
    assert notes[0].startswith("left out 4 images without annotation: JPEGImages/n1.jpg, ")
    assert notes[0].endswith(", and 1 more")


def test_lists_of_other_names_are_reported(tmp_path):
    some(tmp_path)
    lists(tmp_path, trainval=["pet_0"])
    assert "ImageSets/Main has no train.txt, val.txt, or test.txt: its lists are not used" in (
        open_voc(tmp_path).notes
    )


def test_folders_that_are_almost_called_like_splits_are_refused(tmp_path):
    together(tmp_path / "train_set", "a")
    together(tmp_path / "test_set", "b")
    with pytest.raises(InputError, match="test_set was probably meant to be the test split: rename it"):
        open_voc(tmp_path)
