"""Gray, RGB, and RGBA images pass through fit, evaluate, predict, and export of each task and model."""

import os
import xml.etree.ElementTree as tree

import keras
import numpy as np
import pytest

from keras_cnn_zoo import presets, tasks
from tests.tasks import small_runs

for package in ("PIL", "jiwer", "matplotlib", "pycocotools", "scipy", "sklearn"):
    pytest.importorskip(package)

SPLITS = {"train": 2, "val": 1, "test": 1}
KINDS = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}


def one_per_class(name):
    """Returns one preset of each model of a task, without backbones, which give no answers."""
    found = {}
    for one in presets.list_presets(name):
        if not presets.describe(one["name"])["config"].get("features_only"):
            found[one["class"]] = one["name"]
    return list(found.values())


PRESETS = {
    name: one_per_class(name) for name in ("classification", "segmentation", "detection", "text", "tracking")
}
# A tracker's network is trained on pairs, a detector on one size.
TASK_ARGUMENTS = {"tracking": {"pairs": 2, "val_sequences": 1, "val_frames": 2, "embedded_share": 0.0}}


def image(kind, size, seed):
    """Returns a PIL image of noise in the mode of `kind`."""
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 4)).astype("uint8")
    channels = {"L": 0, "RGB": slice(0, 3), "RGBA": slice(0, 4)}[KINDS[kind]]
    return Image.fromarray(pixels[..., channels], KINDS[kind])


def save(picture, *path):
    os.makedirs(os.path.join(*path[:-1]), exist_ok=True)
    picture.save(os.path.join(*path))


def write_classification(root, kind):
    for split, count in SPLITS.items():
        for seed in range(count):
            for label in "ab":
                save(image(kind, (40, 36), seed), root, split, label, f"{seed}.png")
    return f"images:{root}"


def write_segmentation(root, kind):
    from PIL import Image

    for split, count in SPLITS.items():
        for seed in range(count):
            mask = np.zeros((32, 32), "uint8")
            mask[8:20, 8:20] = 1
            save(image(kind, (32, 32), seed), root, split, "images", f"{seed}.png")
            save(Image.fromarray(mask), root, split, "labels", f"{seed}.png")
    return f"masks:{root}"


def write_detection(root, kind):
    for split, count in SPLITS.items():
        names = [f"{split}{seed}" for seed in range(count)]
        os.makedirs(os.path.join(root, "ImageSets", "Main"), exist_ok=True)
        os.makedirs(os.path.join(root, "Annotations"), exist_ok=True)
        with open(os.path.join(root, "ImageSets", "Main", f"{split}.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(names))
        for seed, name in enumerate(names):
            save(image(kind, (64, 96), seed), root, "JPEGImages", f"{name}.png")
            annotation = tree.Element("annotation")
            tree.SubElement(annotation, "filename").text = f"{name}.png"
            thing = tree.SubElement(annotation, "object")
            tree.SubElement(thing, "name").text = "cell"
            box = tree.SubElement(thing, "bndbox")
            for edge, value in (("xmin", 10), ("ymin", 12), ("xmax", 50), ("ymax", 44)):
                tree.SubElement(box, edge).text = str(value)
            tree.ElementTree(annotation).write(os.path.join(root, "Annotations", f"{name}.xml"))
    return f"voc:{root}"


def write_text(root, kind):
    for split, count in SPLITS.items():
        for seed in range(count):
            save(image(kind, (32, 100), seed), root, f"{split}{seed}.png")
        with open(os.path.join(root, f"{split}.tsv"), "w", encoding="utf-8") as file:
            file.writelines(f"{split}{seed}.png\tword{seed}\n" for seed in range(count))
    return f"words:{root}"


def write_tracking(root, kind):
    for split, count in SPLITS.items():
        for seed in range(count):
            for frame in range(3):
                save(image(kind, (70, 90), 10 * seed + frame), root, split, f"s{seed}", "img", f"{frame}.png")
            with open(os.path.join(root, split, f"s{seed}", "groundtruth_rect.txt"), "w") as file:
                file.write("20,20,24,24\n" * 3)
    return f"otb:{root}"


WRITERS = {
    "classification": write_classification,
    "detection": write_detection,
    "segmentation": write_segmentation,
    "text": write_text,
    "tracking": write_tracking,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Returns a function from task and kind to (data spec, an input of `predict`)."""
    root, made = tmp_path_factory.mktemp("kinds"), {}

    def get(name, kind):
        if (name, kind) not in made:
            folder = str(root / name / kind)
            spec = WRITERS[name](folder, kind)
            given = os.path.join(folder, "test", "s0")
            if name != "tracking":
                given = str(root / name / f"{kind}.png")
                image(kind, (32, 48), 7).save(given)
            made[name, kind] = spec, given
        return made[name, kind]

    return get


CASES_OF_TRAINING = [
    *((name, preset, "gray") for name, held in PRESETS.items() for preset in held),
    # A task reads and augments all kinds for any network. Other tests train on RGB.
    *((name, None, "rgba") for name in PRESETS),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "preset", "kind"), CASES_OF_TRAINING)
def test_images_of_every_kind_pass_through_every_command(name, preset, kind, data, tmp_path):
    keras.utils.clear_session()
    task = tasks.TASKS[name](**TASK_ARGUMENTS.get(name, {}))
    inputs = [data(name, kind)[1] for kind in KINDS]
    out = str(tmp_path / "run")
    size = {"segmentation": (32, 32)}.get(name)
    network = small_runs.OPTIONS[name] if preset is None else {"preset": preset, "image_size": size}
    given = {**network, "epochs": 1, "batch_size": 2 if name != "text" else 1, "jit": "off", "out": out}
    model, metrics = tasks.fit(task, tasks.FitOptions(data=data(name, kind)[0], **given))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert 0 <= metrics[task.metric] <= 1
    measured = tasks.evaluate(task, run=out)
    assert measured[task.metric] == pytest.approx(metrics[task.metric], abs=1e-5)
    answers = tasks.predict(task, inputs, str(tmp_path / "answers"), run=out)
    assert len(answers) == len(KINDS)
    for answer in answers:
        for file in answer["files"]:
            assert os.path.getsize(tmp_path / "answers" / file) > 0
    if preset is not None:  # The exported network does not depend on the data's channels.
        tasks.export_model(task, str(tmp_path / "exported"), format="saved_model", run=out)
        assert os.listdir(tmp_path / "exported")
