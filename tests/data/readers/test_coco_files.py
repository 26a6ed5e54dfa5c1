import json
import os

import pytest

from tests.data.coco_folders import CATEGORIES, HEIGHT, WIDTH, data_set, examples, note, open_coco

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("pycocotools")


@pytest.mark.parametrize(
    "layout",
    [
        {"folder": "train2017", "json_folder": "annotations"},
        {"folder": "images/train2017", "json_folder": "annotations"},
        {"folder": "images", "json_folder": "annotations"},
        {"folder": "."},
        {"folder": "images/train"},
    ],
)
def test_layouts(tmp_path, layout):
    name = "train2017" if "2017" in layout["folder"] else "train"
    data_set(tmp_path, name, 10, **layout)
    for other in ("captions_train.json", "person_keypoints_train.json"):
        (tmp_path / other).write_text(json.dumps({"images": []}))
    source = open_coco(tmp_path)
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [7, 1, 2]
    assert sum("is not used" in line for line in source.notes) == 2
    assert source.splits["train"][0]["image"].shape == (HEIGHT, WIDTH, 3)


def test_one_file_of_another_name_has_no_splits(tmp_path):
    path = data_set(tmp_path, "train", 10, folder="images")
    os.rename(path, tmp_path / "export.json")
    source = open_coco(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 2]


def roboflow(root, split, count, parent="", **more):
    """Writes the folder of a split as Roboflow does: images, and a JSON file next to them."""
    path = data_set(root / parent, split, count, json_folder=split, **more)
    os.rename(path, path.parent / "_annotations.coco.json")
    return path.parent / "_annotations.coco.json"


ROOT = {"id": 0, "name": "animals", "supercategory": "none"}
BELOW = [{**one, "supercategory": "animals"} for one in CATEGORIES]


@pytest.mark.parametrize("parent", ["", "export"])
def test_roboflows_folders(tmp_path, parent):
    for split, count in (("train", 5), ("valid", 2), ("TEST", 3)):
        roboflow(tmp_path, split, count, parent, categories=[ROOT, *BELOW])
    source = open_coco(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [5, 2, 3]
    assert source.class_names == ("cat", "dog")
    assert source.notes == (
        "category 0 (animals) is the supercategory of the others, not a class: it has no objects",
    )
    assert source.splits["val"].names[0] == os.path.join(parent, "valid", "valid_0.png")
    assert open_coco(tmp_path, "segmentation").class_names == ("background", "cat", "dog")


def test_a_category_0_with_the_name_of_a_class_is_dropped(tmp_path):
    cat = {"id": 0, "name": "cat", "supercategory": "none"}
    roboflow(tmp_path, "train", 5, categories=[cat, *({**one, "supercategory": "cat"} for one in CATEGORIES)])
    assert open_coco(tmp_path).class_names == ("cat", "dog")


def test_a_category_0_with_objects_or_without_children_stays(tmp_path):
    roboflow(
        tmp_path, "train", 5, categories=[ROOT, *BELOW], annotations=lambda notes: [*notes, note(0, 9, 0)]
    )
    assert open_coco(tmp_path).class_names == ("animals", "cat", "dog")
    roboflow(tmp_path, "train", 5, categories=[ROOT, *CATEGORIES])
    assert open_coco(tmp_path).class_names == ("animals", "cat", "dog")


@pytest.mark.parametrize(
    "stem, split",
    [
        ("Train", "train"),
        ("instances_VALID", "val"),
        ("my-dev-set", "val"),
        ("cocoTest2017", "test"),
        ("COCOTraining", "train"),
        ("test_latest", "test"),
        ("image_test-dev2017", "test"),
    ],
)
def test_the_split_is_a_word_of_the_name_in_any_case(tmp_path, stem, split):
    path = data_set(tmp_path, "x", 12, folder=".")
    os.rename(path, tmp_path / f"{stem}.json")
    source = open_coco(tmp_path)
    drawn = 3 if split == "train" else 0
    assert len(source.splits[split]) == 12 - drawn and sum(map(len, source.splits.values())) == 12


@pytest.mark.parametrize(
    "stem", ["latest", "contest", "constraint", "evaluation", "devices", "instances_trainval"]
)
def test_a_word_that_only_contains_a_split_is_not_that_split(tmp_path, stem):
    path = data_set(tmp_path, "x", 10, folder=".")
    os.rename(path, tmp_path / f"{stem}.json")
    source = open_coco(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 2]
    data_set(tmp_path, "train", 5)
    notes = open_coco(tmp_path).notes
    assert f"{tmp_path / stem}.json is not used: its name has no split" in notes


def test_images_in_no_json_file_are_counted(tmp_path):
    data_set(tmp_path)
    for name in ("train/a.png", "train/b.png", "test/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (9, 9)).save(tmp_path / name)
    assert (
        "left out 3 images in no JSON file: train/a.png, train/b.png, test/c.png" in open_coco(tmp_path).notes
    )


def test_a_byte_order_mark_and_windows_paths_are_read(tmp_path):
    path = data_set(
        tmp_path, images=lambda ones: [{**one, "file_name": "sub\\" + one["file_name"]} for one in ones]
    )
    os.rename(tmp_path / "train", tmp_path / "sub")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(examples(open_coco(tmp_path))) == 5
