import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("yaml")
HEIGHT, WIDTH = 20, 40
# Pixels 10 to 30 of 40, and 5 to 15 of 20.
BOX = "0 0.5 0.5 0.5 0.5"
SQUARE = "1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75"


def add(folder, stem, lines=BOX, *, labels=None, size=(HEIGHT, WIDTH), suffix=".txt", **options):
    """Writes an image, and its labels to the folder `labels`, by default parallel to `images`."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1]).save(folder / f"{stem}.png", **options)
    if lines is not None:
        labels = labels or type(folder)(str(folder).replace("/images", "/labels"))
        labels.mkdir(parents=True, exist_ok=True)
        (labels / f"{stem}{suffix}").write_text(lines + "\n" if lines else "")


def write(root, text, name="data.yaml"):
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def ultralytics(root, path="", names="{0: cat, 1: dog}", lines=BOX):
    for split, count in (("train", 5), ("val", 2)):
        for number in range(count):
            add(root / "images" / split, f"{split}_{number}", lines)
    write(root, f"path: {path}\ntrain: images/train\nval: images/val\ntest:\nnames: {names}\n")


def opened(root, task="detection", **options):
    return load(f"yolo:{root}", task=task, **options)


def sizes(source):
    return [len(source.splits[name]) for name in ("train", "val", "test")]


@pytest.mark.parametrize("path", ["", "../datasets/coco8", ".", "null"])
@pytest.mark.parametrize("parent", ["", "export/one"])
def test_ultralytics_layout(tmp_path, path, parent):
    ultralytics(tmp_path / parent, path, lines=f"{BOX}\n\n{SQUARE}")
    source = opened(tmp_path)
    assert sizes(source) == [4, 2, 1] and source.class_names == ("cat", "dog") and source.channels == 3
    prefix = f"{parent}/" if parent else ""
    assert source.splits["val"].names == [f"{prefix}images/val/val_{number}.png" for number in range(2)]
    example = source.splits["val"][0]
    np.testing.assert_array_equal(example["boxes"], [[10, 5, 30, 15], [10, 5, 30, 15]])
    assert example["classes"].tolist() == [0, 1] and not example["crowd"].any()
    assert example["image"].shape == (HEIGHT, WIDTH, 3)


def test_path_may_be_elsewhere_and_the_yaml_file_may_be_named(tmp_path):
    ultralytics(tmp_path / "datasets" / "pets")
    (tmp_path / "datasets" / "pets" / "data.yaml").unlink()
    text = "path: ../datasets/pets\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n"
    write(tmp_path / "configs", text, "pets.yaml")
    write(tmp_path / "configs", text.replace("cat", "ant"), "insects.yml")
    source = opened(tmp_path / "configs" / "pets.yaml")
    assert sizes(source) == [4, 2, 1] and source.class_names == ("cat", "dog")
    assert source.splits["val"].names[0] == "../datasets/pets/images/val/val_0.png"
    with pytest.raises(InputError, match="must have one data.yaml. Received: insects.yml, pets.yaml"):
        opened(tmp_path / "configs")


def roboflow(root, splits=(("train", 5), ("valid", 2), ("test", 3)), text=None):
    for split, count in splits:
        for number in range(count):
            add(root / split / "images", f"{split}_{number}")
    paths = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n"
    write(root, (text or paths) + "nc: 2\nnames: ['cat', 'dog']\nroboflow:\n  version: 1\n")


def test_roboflows_layout(tmp_path):
    roboflow(tmp_path / "pets")
    source = opened(tmp_path / "pets")
    assert sizes(source) == [5, 2, 3] and source.notes == ("no objects of dog",)
    assert source.splits["val"].names[0] == "valid/images/valid_0.png"


def test_a_split_that_does_not_exist_is_reported_and_drawn(tmp_path):
    roboflow(tmp_path, [("train", 10), ("valid", 2)])
    source = opened(tmp_path)
    assert sizes(source) == [8, 2, 2]
    assert any(
        "test names ../test/images, which does not exist: there is no test split" in n for n in source.notes
    )
    # Next to another data set, its folders are not taken.
    roboflow(tmp_path / "b")
    assert opened(tmp_path / "b").splits["train"].names[0] == "train/images/train_0.png"
    roboflow(tmp_path / "c" / "d", [("valid", 2)])
    with pytest.raises(
        InputError, match=r"data\.yaml: train names ../train/images, which does not exist in .*d"
    ):
        opened(tmp_path / "c" / "d")
    roboflow(tmp_path / "c", [("train", 5)])
    source = opened(tmp_path / "c" / "d")
    assert any(
        "train names ../train/images, which is not below the folder of the file" in n for n in source.notes
    )


def test_split_keys_in_any_case(tmp_path):
    roboflow(tmp_path, text="Train: train/images\nVALID: valid/images\nTesting: test/images\n")
    assert sizes(opened(tmp_path)) == [5, 2, 3]
    roboflow(tmp_path, text="train: train/images\nval: valid/images\nvalid: test/images\n")
    with pytest.raises(InputError, match="has two names for the val split: val and valid"):
        opened(tmp_path)


def test_train_may_be_a_list_or_a_text_file(tmp_path):
    for folder in ("a", "b", "c"):
        for number in range(3):
            add(tmp_path / "images" / folder, f"{folder}{number}")
    (tmp_path / "lists").mkdir()
    lines = "\ufeff./images/c/c0.png\n\nimages\\c\\c1.png\n../images/c/c2.png\n"
    (tmp_path / "lists" / "test.txt").write_text(lines, encoding="utf-8")
    write(tmp_path, "train: [images/a, images/b]\ntest: lists/test.txt\nnames: [cat, dog]\n")
    source = opened(tmp_path)
    assert sizes(source) == [5, 1, 3]
    assert source.splits["test"].names == ["images/c/c0.png", "images/c/c1.png", "images/c/c2.png"]
    (tmp_path / "lists" / "test.txt").write_text("images/c/c0.png\nimages/c/gone.png\n")
    message = r"test\.txt line 2 names an image that does not exist. Received: images/c/gone\.png"
    with pytest.raises(InputError, match=message):
        opened(tmp_path)
    source = opened(tmp_path, skip_bad=True)
    assert len(source.skipped) == 1 and sizes(source) == [5, 1, 1]
    assert "left out 2 images in no split: images/c/c1.png, images/c/c2.png" in source.notes


def test_an_image_without_a_label_file_has_no_objects(tmp_path):
    ultralytics(tmp_path)
    add(tmp_path / "images" / "train", "none", None)
    add(tmp_path / "images" / "train", "empty", "")
    source = opened(tmp_path)
    assert "1 image has no label file, so no objects, such as images/train/none.png" in source.notes
    assert "2 of 9 images have no objects: they count as background" in source.notes


def test_no_label_file_at_all_is_refused(tmp_path):
    ultralytics(tmp_path, lines=None)
    with pytest.raises(
        InputError, match=r"has no label files. Expected for .*train_0.png: .*labels/train/train_0.txt"
    ):
        opened(tmp_path)


def test_labels_may_be_next_to_the_images_and_upper_case(tmp_path):
    # A folder above PATH does not count as the folder of images.
    root = tmp_path / "images"
    for number in range(5):
        add(root / "all", str(number), labels=root / "all", suffix=(".txt", ".TXT")[number % 2])
    write(root, "train: all\nnames: [cat, dog]\n")
    source = opened(root)
    assert sizes(source) == [3, 1, 1] and not any("no objects:" in note for note in source.notes)
    for number in range(5):
        add(root / "Images" / "deep", f"x{number}", labels=root / "LABELS" / "deep")
    write(root, "train: Images\nnames: [cat, dog]\n")
    source = opened(root)
    assert sizes(source) == [3, 1, 1] and len(source.splits["train"][0]["boxes"]) == 1


def test_what_is_left_out_is_counted(tmp_path):
    ultralytics(tmp_path)
    add(tmp_path / "images" / "more", "a")
    (tmp_path / "labels" / "train" / "lone.txt").write_text(BOX)
    (tmp_path / "labels" / "train" / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "labels" / "val" / "val_0.txt").write_text(f"{BOX}\n{BOX}\n{BOX}\n{SQUARE}\n0 0.5 0.5 0 0.5")
    notes = opened(tmp_path).notes
    assert "left out 1 image in no split: images/more/a.png" in notes
    assert "left out 1 label file without an image: labels/train/lone.txt" in notes
    assert "left out 2 lines that repeat another in a label file" in notes
    assert "left out 1 box of zero area" in notes


def test_images_in_two_splits_are_reported_and_keep_different_names(tmp_path):
    ultralytics(tmp_path)
    write(tmp_path, "train: images/train\nval: images/train\ntest: images/val\nnames: [cat, dog]\n")
    source = opened(tmp_path)
    assert sizes(source) == [5, 5, 2]
    assert any(
        note.startswith("5 files are in more than one split: images/train/train_0.png (")
        for note in source.notes
    )
    assert not set(source.splits["train"].names) & set(source.splits["val"].names)


def test_polygons_give_masks_and_boxes_are_not_drawn(tmp_path):
    pytest.importorskip("pycocotools")
    ultralytics(tmp_path, lines=SQUARE)
    (tmp_path / "labels" / "val" / "val_0.txt").write_text(f"{BOX}\n0 0 0 0.5 0 0.5 1 0 1\n{SQUARE}\n")
    source = opened(tmp_path, "segmentation")
    assert source.class_names == ("background", "cat", "dog")
    assert "left out 1 object with a box and no polygon: not in a mask" in source.notes
    wanted = np.zeros((HEIGHT, WIDTH), "uint8")
    wanted[:, :20] = 1
    wanted[5:15, 10:30] = 2
    np.testing.assert_array_equal(source.splits["val"][0]["mask"], wanted)
    assert source.splits["val"][0]["image"].shape == (HEIGHT, WIDTH, 3)
    ultralytics(tmp_path)
    with pytest.raises(InputError, match="no image has a segmentation"):
        opened(tmp_path, "segmentation")


def test_keypoints_are_reported_as_unused(tmp_path):
    ultralytics(tmp_path, lines=BOX + " 0.1 0.2 2 0.3 0.4 1")
    write(tmp_path, "train: images/train\nval: images/val\nkpt_shape: [2, 3]\nnames: [cat, dog]\n")
    source = opened(tmp_path)
    assert any("(kpt_shape) are not used" in note for note in source.notes)
    np.testing.assert_array_equal(source.splits["val"][0]["boxes"], [[10, 5, 30, 15]])
    (tmp_path / "labels" / "val" / "val_0.txt").write_text(BOX + " 0.1 0.2")
    with pytest.raises(
        InputError, match="line 1 must have a class and 4 numbers of a box, and 6 of keypoints"
    ):
        opened(tmp_path)
    write(tmp_path, "train: images/train\nkpt_shape: 17\nnames: [cat, dog]\n")
    with pytest.raises(InputError, match="kpt_shape must be two numbers"):
        opened(tmp_path)


def test_the_user_can_rename_the_classes(tmp_path):
    ultralytics(tmp_path)
    source = opened(tmp_path, class_names="Katze,Hund")
    assert source.class_names == ("Katze", "Hund")
    assert any("cat = Katze, dog = Hund" in note for note in source.notes)
    with pytest.raises(InputError, match="`class_names` must be 2 names.* Received: Katze"):
        opened(tmp_path, class_names="Katze")


def test_labels_are_of_the_upright_image(tmp_path):
    ultralytics(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    add(tmp_path / "images" / "val", "val_0", "0 0.5 0.25 1 0.5", exif=exif)
    source = opened(tmp_path)
    example = source.splits["val"][0]
    assert example["image"].shape == (WIDTH, HEIGHT, 3)
    np.testing.assert_array_equal(example["boxes"], [[0, 0, HEIGHT, WIDTH / 2]])
    assert "1 images are rotated by their EXIF orientation: labels are of the upright image" in source.notes


@pytest.mark.parametrize(
    "line, message",
    [
        ("0 0.5 0.5 0.5", "must have a class and 4 numbers of a box, or 6, .* Received: 4 numbers"),
        ("0 0.5 0.5 0.5 0.5 0.9", "Received: 6 numbers"),
        ("0 0.5 0.5 0.5 0.5 0.9 0.5 0.9", "Received: 8 numbers"),
        ("cat 0.5 0.5 0.5 0.5", "must have only numbers. Received: 'cat 0.5"),
        ("0,0.5,0.5,0.5,0.5", "must have only numbers"),
        ("2 0.5 0.5 0.5 0.5", "the class must be 0 to 1. Received: 2"),
        ("-1 0.5 0.5 0.5 0.5", "the class must be 0 to 1. Received: -1"),
        ("0.5 0.5 0.5 0.5 0.5", "the class must be 0 to 1. Received: 0.5"),
        ("nan 0.5 0.5 0.5 0.5", "the class must be 0 to 1. Received: nan"),
        ("0 20 10 20 10", "as fractions of the image's size, in 0..1. Received: 20"),
        ("0 0.5 0.5 nan 0.5", "in 0..1. Received: nan"),
        ("0 0.5 0.5 -0.5 0.5", "in 0..1. Received: -0.5"),
        ("0 0.9 0.5 0.5 0.5", "leaves its image of 40 x 20 pixels"),
    ],
)
def test_bad_lines_are_refused_in_one_line_or_left_out(tmp_path, line, message):
    ultralytics(tmp_path)
    (tmp_path / "labels" / "train" / "train_3.txt").write_text(f"{BOX}\n{line}\n")
    with pytest.raises(InputError, match=rf"train_3\.txt line 2.*{message}") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)
    source = opened(tmp_path, skip_bad=True)
    assert sum(sizes(source)) == 6 and source.skipped[0].startswith("images/train/train_3.png: ")


@pytest.mark.parametrize(
    "text, message",
    [
        ("names: [cat, dog]\n", "must name the images of train, val, or test. It has: names"),
        ("train: images/train\n", "must have `names`, the names of the classes. It has: train"),
        ("train: {a: b}\nnames: [cat, dog]\n", "train must be a path or a list of paths"),
        ("train: [[a]]\nnames: [cat, dog]\n", "train must be a path or a list of paths"),
        ("train: data.yaml\nnames: [cat, dog]\n", "train must name folders, images, or lists"),
        ("path: [a]\ntrain: images/train\nnames: [cat, dog]\n", "path must be a folder"),
        ("train: [images/train, gone]\nnames: [cat, dog]\n", "train names gone, which does not exist"),
        ("train: labels/train\nnames: [cat, dog]\n", "has an empty train split"),
        ("train: images/train\nnames: [cat]\n", None),
        ("train images/train", "data.yaml must have lines `key: value`"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, message):
    ultralytics(tmp_path)
    write(tmp_path, text)
    if message is None:
        assert opened(tmp_path).class_names == ("cat",)
        return
    with pytest.raises(InputError, match=message) as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)


def test_folders_without_the_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="folder .*gone does not exist"):
        opened(tmp_path / "gone")
    with pytest.raises(InputError, match="must have a data.yaml, which names the images and the classes"):
        opened(tmp_path)


def test_tracking_uses_the_boxes(tmp_path):
    ultralytics(tmp_path)
    source = load(f"yolo:{tmp_path}", task="tracking")
    np.testing.assert_array_equal(source.splits["val"][0]["boxes"], [[10, 5, 20, 10]])
