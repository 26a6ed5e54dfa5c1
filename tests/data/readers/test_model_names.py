"""Data that are opened for a model: its classes keep their numbers."""

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.utils.errors import InputError
from tests.data.readers.test_yolo import SQUARE, ultralytics

Image = pytest.importorskip("PIL.Image")


def yolo(root, names, lines=SQUARE):
    ultralytics(root, names=names, lines=lines)
    return f"yolo:{root}"


def npz(root, names, masks=False):
    targets = np.arange(12) % 2 if not masks else np.tile(np.arange(2)[:, None], (12, 1, 4))
    images = np.random.default_rng(0).integers(0, 255, (12, 2, 4, 3), dtype="uint8")
    arrays = {"x_train": images, "y_train": targets}
    np.savez(root / "a.npz", **arrays, **({} if names is None else {"classes": names}))
    return f"npz:{root / 'a.npz'}"


def masks(root, names):
    for folder in ("images", "labels"):
        (root / folder).mkdir()
    for i in range(6):
        Image.new("RGB", (4, 2)).save(root / "images" / f"{i}.png")
        Image.fromarray(np.tile(np.arange(2, dtype="uint8")[:, None], (1, 4))).save(
            root / "labels" / f"{i}.png"
        )
    if names is not None:
        (root / "classes.txt").write_text("\n".join(names))
    return f"masks:{root}"


KINDS = {
    "yolo": (lambda root, names: yolo(root, f"[{', '.join(names)}]"), "detection"),
    "npz labels": (npz, "classification"),
    "npz masks": (lambda root, names: npz(root, names, masks=True), "segmentation"),
    "masks": (masks, "segmentation"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_numbered_classes_of_other_names_are_refused(tmp_path, kind):
    make, task = KINDS[kind]
    spec = make(tmp_path, ["dog", "cat"])
    assert load(spec, task=task, model_names=("dog", "cat")).class_names == ("dog", "cat")
    with pytest.raises(InputError, match="class 0 is 'dog' in .*, but 'cat' in the model. To take"):
        load(spec, task=task, model_names=("cat", "dog"))
    with pytest.raises(InputError, match=r"has 2 classes \(dog, cat\), the model has 3 \(cat, dog, cow\)"):
        load(spec, task=task, model_names=("cat", "dog", "cow"))
    # The user may say that they are the same.
    source = load(spec, task=task, model_names=("cat", "dog"), class_names="cat,dog")
    assert source.class_names == ("cat", "dog")
    # A model of data without names has only numbers.
    assert load(spec, task=task, model_names=("0", "1")).class_names == ("0", "1")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "yolo"])
def test_numbers_without_names_get_those_of_the_model(tmp_path, kind):
    make, task = KINDS[kind]
    assert load(make(tmp_path, None), task=task, model_names=("cat", "dog")).class_names == ("cat", "dog")


def test_masks_of_polygons_have_the_background_of_the_model(tmp_path):
    pytest.importorskip("pycocotools")
    spec = yolo(tmp_path, "[cat, dog]")
    names = load(spec, task="segmentation").class_names
    source = load(spec, task="segmentation", model_names=names)
    assert source.class_names == names == ("background", "cat", "dog")
    assert source.splits["val"][0]["mask"].max() == 2
    with pytest.raises(InputError, match="class 1 is 'cat' in .*data.yaml, but 'dog' in the model"):
        load(spec, task="segmentation", model_names=("background", "dog", "cat"))
    renamed = load(spec, task="segmentation", class_names="ground,Katze,Hund")
    assert renamed.class_names == ("ground", "Katze", "Hund")
    assert renamed.splits["val"][0]["mask"].max() == 2
    assert load(spec, task="segmentation", class_names="Katze,Hund").class_names[0] == "background"


def test_the_ignored_label_is_not_a_class_of_the_model(tmp_path):
    spec = masks(tmp_path, ["dog", "cat", "void"])
    source = load(spec, task="segmentation", ignore_label=2, model_names=("dog", "cat"))
    assert source.class_names == ("dog", "cat")


def test_named_classes_are_ordered_but_never_renamed(tmp_path):
    def order(found, names):
        options = ReadOptions("classification", class_names=names, names_of_model=True)
        return class_order(tmp_path, found, options, noun="images", place="folder", order="order")

    assert order(["a", "b"], ("b", "c", "a"))[1] == {"b": 0, "c": 1, "a": 2}
    with pytest.raises(InputError, match="the model must name the folder 'n1' of"):
        order(["n1", "n2"], ("cat", "dog"))


def test_embedded_sets_have_their_own_names():
    names = load(task="classification", model_names=("a", "b")).class_names
    assert names == load(task="classification").class_names
