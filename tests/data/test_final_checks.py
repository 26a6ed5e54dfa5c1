import numpy as np
import pytest

from keras_cnn_zoo.data.final_checks import check_final_splits, class_objects, class_pixels
from keras_cnn_zoo.data.source import Source, Split
from keras_cnn_zoo.utils.errors import InputError

NAMES = ("train", "val", "test")


def labeled(**labels):
    """Returns a source with these labels in each split."""
    splits = {
        name: Split(
            [f"{name}/{i}" for i in range(len(labels[name]))],
            lambda position: pytest.fail("an example was read"),
            labels=labels[name],
        )
        for name in NAMES
    }
    return Source("x", "classification", splits, ("cat", "dog", "owl"), 1)


def masked(ignore_label=255, targets=False, **masks):
    """Returns a source with one 2 x 2 mask of a row of values per list."""

    def split(rows):
        found = [np.array([row, row], dtype="uint8") for row in rows]
        return Split(
            [str(i) for i in range(len(rows))],
            lambda position: {"image": np.zeros((2, 2, 1), "uint8"), "mask": found[position]},
            targets=(lambda position: {"mask": found[position]}) if targets else None,
        )

    splits = {name: split(masks[name]) for name in NAMES}
    return Source("x", "segmentation", splits, ("ground", "cat"), 1, ignore_label=ignore_label)


def boxed(crowd=False, **classes):
    """Returns a source with the classes of the objects of each image."""

    def split(images):
        def parts(position):
            count = len(images[position])
            return {
                "boxes": np.zeros((count, 4), "float32"),
                "classes": np.array(images[position], "int32"),
                "crowd": np.full(count, crowd),
            }

        return Split([str(i) for i in range(len(images))], None, targets=parts)

    return Source("x", "detection", {name: split(classes[name]) for name in NAMES}, ("cat", "dog"), 1)


def test_good_splits_give_no_lines():
    assert check_final_splits(labeled(train=[0, 1, 2], val=[0, 1], test=[1, 2])) == []
    assert check_final_splits(masked(train=[[0, 1]], val=[[0, 1]], test=[[0, 1]])) == []
    assert check_final_splits(boxed(train=[[0], [1]], val=[[0]], test=[[1], []])) == []


def test_classes_that_training_never_shows_are_reported():
    lines = check_final_splits(labeled(train=[0, 0, 2], val=[0, 1], test=[1, 2]))
    assert lines == ["the train split has no examples of dog"]
    lines = check_final_splits(boxed(train=[[0], []], val=[[1]], test=[[1]]))
    assert lines == ["the train split has no objects of dog"]


def test_splits_of_one_class_are_reported():
    lines = check_final_splits(labeled(train=[0, 1, 2], val=[1, 1], test=[2]))
    assert lines == [
        "the val split has only examples of dog: it cannot compare models",
        "the test split has only examples of owl: it cannot compare models",
    ]
    lines = check_final_splits(masked(train=[[0, 1]], val=[[0, 255]], test=[[0, 1]]))
    assert lines == ["the val split has only pixels of ground: it cannot compare models"]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_split_is_refused(name):
    labels = {**dict.fromkeys(NAMES, [0, 1, 2]), name: []}
    with pytest.raises(InputError, match=f"x has no {name} examples"):
        check_final_splits(labeled(**labels))


@pytest.mark.parametrize("targets", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_masks_without_a_class_are_refused_in_every_split(name, targets):
    masks = {**dict.fromkeys(NAMES, [[0, 1]]), name: [[255, 255], [255, 255]]}
    with pytest.raises(InputError, match=f"every pixel of the {name} masks is ignored"):
        check_final_splits(masked(targets=targets, **masks))


def test_an_object_that_is_the_ignored_label_is_refused():
    masks = dict.fromkeys(NAMES, [[0, 255], [0, 0]])
    message = (
        "the masks of the train split must have two classes or more. Received: only ground, and 2 pixels of "
        "the ignored label 255. If 255 is a class, choose another `ignore_label`"
    )
    with pytest.raises(InputError, match=message):
        check_final_splits(masked(**masks))


def test_training_masks_of_one_class_are_refused():
    with pytest.raises(InputError, match="must have two classes or more. Received: only cat$"):
        check_final_splits(masked(train=[[1, 1]], val=[[0, 1]], test=[[0, 1]]))


def test_a_train_split_without_objects_is_refused():
    with pytest.raises(InputError, match="x: no image of the train split has an object"):
        check_final_splits(boxed(train=[[], []], val=[[0]], test=[[1]]))
    with pytest.raises(InputError, match="no image of the train split has an object"):
        check_final_splits(boxed(crowd=True, train=[[0], [1]], val=[[0]], test=[[1]]))


def test_val_and_test_splits_without_objects_are_reported():
    assert check_final_splits(boxed(train=[[0, 1]], val=[[]], test=[[], []])) == [
        "no image of the val split has an object: no epoch can be better than the first",
        "no image of the test split has an object: its metrics are 0",
    ]


def test_counts():
    source = masked(train=[[0, 1], [1, 255]], val=[[0, 1]], test=[[0, 1]])
    counts, ignored = class_pixels(source, "train")
    assert counts.tolist() == [2, 4] and ignored == 2
    assert class_objects(boxed(train=[[0, 1], [1]], val=[[]], test=[[]]), "train").tolist() == [1, 2]
