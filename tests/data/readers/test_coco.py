import json
import os
import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("pycocotools")

LSP = pathlib.Path(__file__).parents[4] / "shared" / "data" / "lsp"
HEIGHT, WIDTH = 20, 30
CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 2, "name": "cat"}]
SQUARE = [4, 3, 14, 3, 14, 9, 4, 9]


def note(image_id, number, category=2, **parts):
    made = {"id": number, "image_id": image_id, "category_id": category, "iscrowd": 0, "area": 60, **parts}
    made.setdefault("bbox", [4, 3, 10, 6])
    made.setdefault("segmentation", [SQUARE])
    return {key: value for key, value in made.items() if value is not None}


def runs(mask):
    """Returns uncompressed run lengths, column by column, zeros first."""
    flat, counts, value = mask.ravel(order="F"), [0], 0
    for pixel in flat:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def compressed(mask):
    from pycocotools import mask as masks

    return masks.encode(np.asfortranarray(mask.astype("uint8")))["counts"].decode()


def data_set(root, name="train", count=5, *, folder=None, json_folder=".", **more):
    """Writes a JSON file and its images; `more` replaces or, for a function, edits top-level parts."""
    folder = name if folder is None else folder
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / json_folder).mkdir(parents=True, exist_ok=True)
    listed = []
    for number in range(count):
        file = f"{name}_{number}.png"
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 50, "uint8")).save(root / folder / file)
        listed.append({"id": number, "file_name": file, "height": HEIGHT, "width": WIDTH})
    content = {
        "images": listed,
        "annotations": [note(number, number + 1, (2, 7)[number % 2]) for number in range(count)],
        "categories": CATEGORIES,
    }
    for key, value in more.items():
        content[key] = value(content[key]) if callable(value) else value
    path = root / json_folder / f"instances_{name}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def open_coco(root, task="detection", **options):
    return load(f"coco:{root}", task=task, **options)


def examples(source):
    return [example for split in source.splits.values() for example in split]


def test_boxes_become_edges_and_categories_follow_their_ids(tmp_path):
    data_set(tmp_path, "train")
    data_set(tmp_path, "val", 2)
    data_set(tmp_path, "test", 3)
    source = open_coco(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [5, 2, 3]
    assert source.class_names == ("cat", "dog") and source.notes == () and source.channels == 3
    assert source.splits["test"].names[0] == "test/test_0.png"
    example = source.splits["train"][1]
    np.testing.assert_array_equal(example["boxes"], [[4, 3, 14, 9]])
    assert example["boxes"].dtype == np.float32 and example["classes"].tolist() == [1]
    assert example["crowd"].tolist() == [False]


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


def test_crowds_backgrounds_and_flat_boxes_are_reported(tmp_path):
    data_set(
        tmp_path,
        annotations=[
            note(0, 1),
            note(0, 2, iscrowd=1),
            note(1, 3, bbox=[4, 3, 0, 6]),
            note(2, 4, 7),
            note(3, 5),
        ],
    )
    data_set(tmp_path, "val", 1)
    data_set(tmp_path, "test", 1)
    source = open_coco(tmp_path)
    assert source.notes == (
        "left out 1 box of zero area",
        "2 of 7 images have no objects: they count as background",
        "1 crowd objects are not trained on, nor counted as missed or wrong",
    )
    assert source.splits["train"][0]["crowd"].tolist() == [False, True]


def test_the_segmentation_replaces_a_missing_box(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), int)
    mask[2:12, 5:9] = 1
    size = [HEIGHT, WIDTH]
    forms = [
        [SQUARE],
        {"counts": runs(mask), "size": size},
        {"counts": compressed(mask), "size": size},
        None,
    ]
    notes = [note(number, number + 1, bbox=None, segmentation=form) for number, form in enumerate(forms[:3])]
    data_set(tmp_path, annotations=notes)
    boxes = {tuple(box) for example in examples(open_coco(tmp_path)) for box in example["boxes"].tolist()}
    assert boxes == {(4.0, 3.0, 14.0, 9.0), (5.0, 2.0, 9.0, 12.0)}
    data_set(tmp_path, annotations=[note(0, 1, bbox=None, segmentation=None)])
    with pytest.raises(InputError, match="annotation 1 of train_0.png has neither a bbox nor a segmentation"):
        open_coco(tmp_path)


def test_masks_of_every_form_are_drawn_with_small_objects_on_top(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), int)
    mask[2:12, 5:9] = 1
    size = [HEIGHT, WIDTH]
    data_set(
        tmp_path,
        annotations=[
            note(0, 1, 7, segmentation={"counts": runs(mask), "size": size}, iscrowd=1),
            note(1, 2, 2, segmentation={"counts": compressed(mask), "size": size}),
            note(2, 3, 2, segmentation=[[0, 0, 4, 0, 4, 4, 0, 4], [10, 10, 20, 10, 20, 15, 10, 15]]),
            note(3, 4, 7, segmentation={"counts": runs(mask), "size": size}),
            note(3, 5, 2, segmentation=[[0, 0, 30, 0, 30, 20, 0, 20]]),
        ],
    )
    data_set(tmp_path, "val", 1)
    data_set(tmp_path, "test", 1)
    source = open_coco(tmp_path, "segmentation")
    assert source.class_names == ("background", "cat", "dog")
    masks = [example["mask"] for example in source.splits["train"]]
    assert masks[0].dtype == np.uint8
    np.testing.assert_array_equal(masks[0], 2 * mask)
    np.testing.assert_array_equal(masks[1], mask)
    polygons = np.zeros_like(mask)
    polygons[0:4, 0:4] = polygons[10:15, 10:20] = 1
    np.testing.assert_array_equal(masks[2], polygons)
    np.testing.assert_array_equal(masks[3], 1 + mask)
    assert not masks[4].any()


def test_a_category_called_background_is_the_background(tmp_path):
    categories = [{"id": 0, "name": "background"}, *CATEGORIES]
    data_set(tmp_path, categories=categories)
    source = open_coco(tmp_path, "segmentation", class_names=("background", "dog", "cat"))
    assert source.class_names == ("background", "dog", "cat")
    assert {int(example["mask"].max()) for example in examples(source)} == {1, 2}
    with pytest.raises(InputError, match="`ignore_label` must not be one of the 3 classes.* Received: 2"):
        open_coco(tmp_path, "segmentation", ignore_label=2)


@pytest.mark.parametrize(
    "part, value, message",
    [
        ("bbox", [25, 3, 10, 6], r"annotation 99 of train_0.png leaves its image of 30 x 20 pixels"),
        ("bbox", [4, 3, -2, 6], "ends before it begins"),
        ("bbox", [4, 3, 2], r"bbox must be four numbers .* Received: \[4, 3, 2\]"),
        ("bbox", [4, 3, float("nan"), 6], "must have finite numbers"),
        ("category_id", 55, "has the unknown category 55, which is not a class of this data"),
    ],
)
def test_bad_annotations_name_file_and_number(tmp_path, part, value, message):
    path = data_set(tmp_path, annotations=lambda notes: [*notes, {**note(0, 99), part: value}])
    with pytest.raises(InputError, match=f"{path.name}.*{message}"):
        open_coco(tmp_path)
    source = open_coco(tmp_path, skip_bad=True)
    assert len(examples(source)) == 4 and source.skipped[0].startswith("train/train_0.png: ")


@pytest.mark.parametrize(
    "segmentation, message",
    [
        ([[1, 2, 3, 4]], "a polygon must have three or more points"),
        ([[1, 2, 3, 4, 5, 900]], "a polygon leaves its image of 30 x 20 pixels"),
        ({"counts": [600], "size": [30, 20]}, r"must be that of its image, \[20, 30\]"),
        ({"counts": [5, 5], "size": [20, 30]}, "counts must cover the 600 pixels .* Received: 10"),
        ({"counts": [-5, 605], "size": [20, 30]}, "counts must be non-negative integers"),
        ({"counts": "54", "size": [20, 30]}, "counts must cover the 600 pixels .* Received: 9"),
        ({"counts": "5@", "size": [20, 30]}, "counts must be non-negative integers"),
        ({"counts": "zzzzzzzz", "size": [20, 30]}, "damaged run-length mask"),
        ({"counts": "5\u00ff", "size": [20, 30]}, "damaged run-length mask"),
        ({"counts": 3, "size": [20, 30]}, "counts must be a list or a string. Received: int"),
        ("mask.png", "segmentation must be polygons or a run-length mask. Received: str"),
    ],
)
def test_bad_segmentations_name_file_and_number(tmp_path, segmentation, message):
    bad = note(0, 99, segmentation=segmentation)
    data_set(tmp_path, annotations=lambda notes: [*notes, bad])
    with pytest.raises(InputError, match=f"instances_train.json: annotation 99 of train_0.png.*{message}"):
        open_coco(tmp_path, "segmentation")
    assert len(open_coco(tmp_path, "segmentation", skip_bad=True).skipped) == 1


def test_duplicate_ids_and_unknown_images_are_refused(tmp_path):
    data_set(tmp_path, images=lambda images: images)
    path = data_set(tmp_path, annotations=lambda notes: [*notes, note(0, 1)])
    with pytest.raises(InputError, match=f"{path.name}: annotation ids must be unique. Received twice: 1"):
        open_coco(tmp_path)
    assert open_coco(tmp_path, skip_bad=True).skipped[0].startswith("annotation 1: ")
    data_set(tmp_path, annotations=lambda notes: [*notes, note(77, 99)])
    with pytest.raises(InputError, match="annotation 99 belongs to the image 77, which is not listed"):
        open_coco(tmp_path)
    path = data_set(tmp_path)
    content = json.loads(path.read_text())
    content["images"][1]["id"] = 0
    content["annotations"] = [note(0, 1)]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="image ids must be unique. Received twice: 0"):
        open_coco(tmp_path)
    content["images"][1].update(id=1, file_name="train_0.png")
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"names train_0.png, which is already in .*train\.json"):
        open_coco(tmp_path)


def test_missing_images_and_wrong_sizes_are_refused(tmp_path):
    data_set(tmp_path)
    os.remove(tmp_path / "train" / "train_3.png")
    with pytest.raises(
        InputError, match=r"train\.json: image 3 names an image that does not exist: .*train_3"
    ):
        open_coco(tmp_path)
    assert len(examples(open_coco(tmp_path, skip_bad=True))) == 4
    Image.fromarray(np.zeros((9, 9, 3), "uint8")).save(tmp_path / "train" / "train_3.png")
    with pytest.raises(InputError, match="image 3 declares 30 x 20 pixels and its image .* is 9 x 9"):
        open_coco(tmp_path)


def test_unusable_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"have no \*train\*.json"):
        open_coco(tmp_path)
    path = data_set(tmp_path)
    with pytest.raises(InputError, match="not a class of this data"):
        open_coco(tmp_path, class_names="dog,horse")
    (tmp_path / "my_train.json").write_text("{}")
    open_coco(tmp_path)
    (tmp_path / "instances_train_2.json").write_text("{}")
    with pytest.raises(InputError, match="only one JSON file for train is allowed. Received: .*_2.json"):
        open_coco(tmp_path)
    os.remove(tmp_path / "instances_train_2.json")
    for text, message in (
        ("{", "is not JSON"),
        ("[]", "must have one JSON object. Received: list"),
        ('{"images": []}', "must have a list of objects 'annotations'. It has: images"),
        ('{"images": [{"id": 1}], "annotations": [], "categories": []}', "must have an id and a file_name"),
        ('{"images": [], "annotations": [{}], "categories": []}', "must have an image_id and a category_id"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', "must have an id and a name"),
        ('{"images": [], "annotations": [], "categories": []}', "has no categories"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=f"{path.name}.*{message}"):
            open_coco(tmp_path)


def test_files_must_agree_on_categories(tmp_path):
    data_set(tmp_path)
    data_set(tmp_path, "test", categories=[{"id": 2, "name": "horse"}, {"id": 7, "name": "dog"}])
    with pytest.raises(InputError, match="calls category 2 'horse', but another file 'cat'"):
        open_coco(tmp_path)
    data_set(tmp_path, "test", categories=[{"id": 2, "name": "cat"}, {"id": 7, "name": "cat"}])
    data_set(tmp_path, categories=[{"id": 2, "name": "cat"}, {"id": 7, "name": "cat"}])
    with pytest.raises(InputError, match="has two categories called 'cat'"):
        open_coco(tmp_path)


def test_data_without_masks_is_refused_for_segmentation(tmp_path):
    data_set(tmp_path, annotations=[note(0, 1, segmentation=None)])
    with pytest.raises(InputError, match="no image has a segmentation"):
        open_coco(tmp_path, "segmentation")


def test_boxes_and_masks_lie_on_the_stored_pixels_of_a_rotated_image(tmp_path):
    path = data_set(tmp_path)
    pixels = np.zeros((HEIGHT, WIDTH, 3), "uint8")
    pixels[3:9, 4:14] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6
    for number in range(5):
        image.save(tmp_path / "train" / f"train_{number}.png", exif=exif)
    for task in ("detection", "segmentation"):
        for example in examples(open_coco(tmp_path, task)):
            assert example["image"].shape == (HEIGHT, WIDTH, 3)
            if task == "segmentation":
                np.testing.assert_array_equal(example["mask"] > 0, example["image"][..., 0] == 255)
    # Only the upright images have these sizes, so annotations refer to them.
    content = json.loads(path.read_text())
    for one in content["images"]:
        one["height"], one["width"] = WIDTH, HEIGHT
    path.write_text(json.dumps(content))
    assert {example["image"].shape for example in examples(open_coco(tmp_path))} == {(WIDTH, HEIGHT, 3)}


def edited(path, edit):
    """Applies a function to the content of a JSON file."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("word", ["0", "false", "False", 0.0, False, None, ""])
def test_words_for_false_are_not_crowds(tmp_path, word):
    data_set(tmp_path, annotations=lambda notes: [{**one, "iscrowd": word} for one in notes])
    source = open_coco(tmp_path)
    assert not any(example["crowd"].any() for example in examples(source))


def test_words_for_true_are_crowds_and_others_are_refused(tmp_path):
    data_set(tmp_path, annotations=lambda notes: [{**one, "iscrowd": "1"} for one in notes])
    assert all(example["crowd"].all() for example in examples(open_coco(tmp_path)))
    data_set(tmp_path, annotations=lambda notes: [*notes, note(0, 99, iscrowd="maybe")])
    with pytest.raises(
        InputError, match="annotation 99 of train_0.png: iscrowd must be 0 or 1. Received: 'maybe'"
    ):
        open_coco(tmp_path)


def test_ids_may_be_integers_texts_and_whole_floats(tmp_path):
    def edit(content):
        content["categories"] = [
            {"id": 1, "name": "cat"},
            {"id": "2", "name": "dog"},
            {"id": "x", "name": "bird"},
        ]
        for image in content["images"]:
            image["id"] = (float(image["id"]), str(image["id"]))[image["id"] % 2]
        for one, category in zip(content["annotations"], ("1", 2.0, 2, "2", "x"), strict=True):
            one.update(category_id=category, image_id=str(one["image_id"]), id=None)

    edited(data_set(tmp_path), edit)
    source = open_coco(tmp_path)
    assert source.class_names == ("cat", "dog", "bird")
    found = {n: e for split in source.splits.values() for n, e in zip(split.names, split, strict=True)}
    classes = [int(found[f"train/train_{number}.png"]["classes"][0]) for number in range(5)]
    assert classes == [0, 1, 1, 1, 2]


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("id", 1.5, "an id must be an integer, a text, or null"),
        ("id", [1], "an id must be an integer, a text, or null"),
        ("image_id", None, "must have an image_id and a category_id"),
        ("image_id", float("nan"), "must have an image_id and a category_id"),
        ("category_id", True, "must have an image_id and a category_id"),
        ("category_id", 2.5, "must have an image_id and a category_id"),
        ("category_id", "cat", "has the unknown category cat"),
        ("bbox", [10**400, 3, 10, 6], "must have numbers of a usual size"),
        ("bbox", ["4", "3", "10", "6"], "bbox must be four numbers"),
    ],
)
def test_other_values_are_refused_in_one_line(tmp_path, key, value, message):
    path = data_set(tmp_path, annotations=lambda notes: [*notes[1:], {**note(0, 99), key: value}])
    with pytest.raises(InputError, match=f"{path.name}.*{message}") as caught:
        open_coco(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_annotation_without_an_id_is_named_by_its_position(tmp_path):
    data_set(tmp_path, annotations=lambda notes: [*notes, note(0, None, bbox=[25, 3, 10, 6])])
    with pytest.raises(
        InputError, match=r"annotations\[5\], which has no id, of train_0.png leaves its image"
    ):
        open_coco(tmp_path)


def test_a_polygon_of_huge_numbers_is_refused(tmp_path):
    data_set(tmp_path, annotations=[note(0, 1, segmentation=[[1, 2, 3, 4, 5, 10**400]])])
    with pytest.raises(InputError, match="a polygon leaves its image"):
        open_coco(tmp_path, "segmentation")


def test_sizes_may_be_whole_floats_or_texts(tmp_path):
    data_set(tmp_path, images=lambda images: [{**one, "height": 20.0, "width": "30"} for one in images])
    assert len(examples(open_coco(tmp_path))) == 5


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


@pytest.mark.skipif(not LSP.is_dir(), reason="LSP is not in ../shared/data/lsp")
def test_lsp():
    source = open_coco(LSP)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [1800, 200, 500]
    assert source.class_names == ("person",) and source.splits["test"].names[0] == "test/im00016.jpg"
    assert source.splits["test"][0]["boxes"].tolist() == [[0, 0, 171, 256]]
