"""The bundled presets: present, complete, small, each with its card. And how names are resolved."""

import re

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.presets import bundled, card, packaged, storage
from keras_cnn_zoo.utils import registry
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import small_lenet

EXPECTED = (
    "crnn_iiit5k",
    "deeplabv3plus_camvid",
    "faster_rcnn_bccd",
    "keyword_cnn_fsdd",
    "lenet5_mnist",
    "resnet18_cifar10",
    "siamfc_pairs",
    "textcnn_mr",
    "unet_camvid",
    "unet_digit_scenes",
)
# Limits for one preset and for all of them, so that the wheel has at most 90 MB.
LARGEST, LARGEST_SUM = 16_000_000, 80_000_000


def picture(channels):
    return np.random.default_rng(0).integers(0, 256, (64, 96, channels), dtype="uint8")


def run_once(model):
    """Runs the code of the card's "Use" on noise."""
    if model.task == "tracking":
        tracker = model.tracker()
        tracker.start(picture(3), (20, 30, 16, 24))
        return [tracker.update(picture(3))]
    if model.task == "speech":
        given = [(np.random.default_rng(0).normal(size=(11025, 2)), 11025)]
    elif model.task == "language":
        given = ["A film of some worth.", "no"]
    else:
        given = picture(model.input_shape[-1])
    outputs = model(model.preprocess(given))
    assert len(model.decode(outputs)) >= 1
    return [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in keras.tree.flatten(outputs)]


def size(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def test_all_listed_presets_are_bundled():
    assert set(EXPECTED) <= set(bundled.folders())


def test_the_whole_set_fits_into_the_wheel():
    assert 0 < sum(size(folder) for folder in bundled.folders().values()) < LARGEST_SUM


@pytest.mark.parametrize("name", sorted({*EXPECTED, *bundled.folders()}))
def test_bundled_preset(name):
    folder = bundled.folders()[name]
    manifest, contents = storage.read(repr(name), folder)
    names = {path.name for path in folder.iterdir()}
    # The splits of a run may be kept too.
    assert names == {"preset.json", *contents}
    assert names - {"splits.tsv"} == {"preset.json", "model.weights.h5", "README.md"}
    assert size(folder) < LARGEST

    facts = {**manifest["training"], "summary": manifest["summary"], "metrics": manifest["metrics"]}
    # Data that needs no reader options has none.
    assert facts["data_options"] is not None
    stated = set(card.FIELDS) - {"data_options", "task_options"}
    assert all(facts[field] not in (None, "", {}) for field in stated), facts
    assert all(0 <= value <= 1 for key, value in facts["metrics"].items() if key not in ("elbo", "seed"))
    assert {"keras_cnn_zoo", "keras", "numpy", "python"} <= set(facts["versions"])
    page = contents["README.md"].decode()
    assert page.startswith(f"# {name}\n") and card.NOT_STATED not in page.lower()
    # An absolute path would be a path of the machine on which it was trained.
    assert not re.search(r"(?<![\w.])/(work|home|root|tmp|Users)\b", page + str(manifest))

    model = models.from_preset(name)
    assert name in [preset["name"] for preset in models.list_presets(model.task)]
    assert all(np.isfinite(output).all() for output in run_once(model))
    if "num_classes" not in model.get_config():
        return
    assert len(model.class_names) == model.num_classes
    other = models.from_preset(name, num_classes=5)
    assert other.num_classes == 5 and other.class_names != model.class_names
    assert all(np.isfinite(output).all() for output in run_once(other))


TASKS_WITH_MODELS = [
    "classification",
    "detection",
    "language",
    "segmentation",
    "speech",
    "text",
    "tracking",
]


def test_list_presets_returns_the_bundled_presets():
    listed = models.list_presets()
    assert [preset["name"] for preset in listed] == sorted({**bundled.folders(), **packaged.manifests()})
    assert registry.tasks() == TASKS_WITH_MODELS
    for task in TASKS_WITH_MODELS:
        assert models.list_presets(task) == [preset for preset in listed if preset["task"] == task]
    assert {preset["task"] for preset in listed} == set(TASKS_WITH_MODELS)


@pytest.mark.parametrize("name", ["visualization", "presets", "bundled", ""])
def test_a_folder_is_not_a_task(name):
    with pytest.raises(InputError, match=f"`task` must be one of .* Received: task='{name}'"):
        models.list_presets(name)


def test_an_unknown_task_is_refused():
    with pytest.raises(
        InputError, match="`task` must be one of classification,.* Received: task='segmentatoin'"
    ):
        models.list_presets("segmentatoin")


@pytest.fixture
def one_bundled(tmp_path, monkeypatch):
    """Makes the package bundle only `lenet5_toy`."""
    small_lenet().save_to_preset(tmp_path / "bundled" / "lenet5_toy")
    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "bundled")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_bundled_name_takes_precedence_over_a_folder(one_bundled):
    assert models.list_presets()[1] | {"data": 0, "bytes": 0} == {
        "name": "lenet5_toy",
        "task": "classification",
        "class": "LeNet5",
        "summary": "",
        "num_classes": 3,
        "metrics": {},
        "data": 0,
        "license": None,
        "bytes": 0,
        "package": None,
    }
    (one_bundled / "lenet5_toy").mkdir()
    assert models.from_preset("lenet5_toy").class_names == ("a", "b", "c")
    with pytest.raises(InputError, match="Preset './lenet5_toy': preset.json is missing"):
        models.from_preset("./lenet5_toy")


def test_an_unknown_name_suggests_the_closest(one_bundled):
    wanted = (
        "Preset 'lenet_toy': no such folder, file, or preset; did you mean 'lenet5_toy'\\? "
        "Known: efficientnet_lite0_imagenet, lenet5_toy, vgg16_hed$"
    )
    with pytest.raises(InputError, match=wanted):
        models.from_preset("lenet_toy")
    with pytest.raises(
        InputError, match="or preset; Known: efficientnet_lite0_imagenet, lenet5_toy, vgg16_hed$"
    ):
        models.from_preset("zzz")


def test_a_network_of_another_collection_is_not_a_preset():
    with pytest.raises(InputError, match="has no head: it is the backbone of a model"):
        models.from_preset("keras/ResNet50")
    with pytest.raises(InputError, match="not a preset: give it as `backbone`. For a local folder"):
        presets.describe("keras/ResNet50")
    assert not presets.exists("keras/ResNet50")


@pytest.mark.parametrize("name", ["", None, 3, b"lenet", "a\0b", "x" * 5000])
def test_values_that_are_not_names_are_refused(name):
    with pytest.raises(InputError, match="The name of a preset must be a string or path|no such folder"):
        presets.load(name)
