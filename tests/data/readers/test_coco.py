import json
import os
import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.utils.errors import InputError
from tests.data.coco_folders import (
    CATEGORIES,
    HEIGHT,
    SQUARE,
    WIDTH,
    compressed,
    data_set,
    edited,
    examples,
    note,
    open_coco,
    runs,
)

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("pycocotools")

LSP = pathlib.Path(__file__).parents[4] / "shared" / "data" / "lsp"


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


@pytest.mark.skipif(not LSP.is_dir(), reason="LSP is not in ../shared/data/lsp")
def test_lsp():
    source = open_coco(LSP)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [1800, 200, 500]
    assert source.class_names == ("person",) and source.splits["test"].names[0] == "test/im00016.jpg"
    assert source.splits["test"][0]["boxes"].tolist() == [[0, 0, 171, 256]]
