"""Exported files: their numbers, their description, refusals, and that an error leaves nothing."""

import json
import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.training.exports import calibration, files, formats, litert
from keras_cnn_zoo.training.trained_model import TrainedModel, load_model
from keras_cnn_zoo.utils import packages
from keras_cnn_zoo.utils.errors import InputError
from tests.training.exports.test_openvino import openvino_outputs

NAMES = ("left half", "right half")
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
not_on_torch = pytest.mark.skipif(keras.backend.backend() == "torch", reason="no export on PyTorch")
needs_litert = pytest.mark.skipif(not packages.is_installed("ai_edge_litert"), reason="needs ai-edge-litert")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A preset with random weights, whose recorded data do not exist."""
    keras.utils.set_random_seed(3)
    model = models.LeNet5(2, input_shape=(20, 20, 1), width=0.6, class_names=NAMES)
    path = tmp_path_factory.mktemp("presets") / "lenet"
    model.save_to_preset(path, card={"data_spec": "npz:/no/such/halves.npz", "seed": 1})
    return str(path)


@pytest.fixture(scope="module")
def export(preset, tmp_path_factory):
    """Exports the preset, once per combination of arguments; returns the path."""
    done = {}

    def exported(format, quantize="none", **more):
        if (format, quantize) not in done:
            path = tmp_path_factory.mktemp("exports") / "halves"
            task = tasks.Classification()
            done[format, quantize] = tasks.export_model(
                task, path, format=format, preset=preset, quantize=quantize, **more
            )
        return done[format, quantize]

    return exported


@pytest.fixture(scope="module")
def images(digits_npz):
    with np.load(digits_npz) as arrays:
        return arrays["x_test"].astype("float32")


@pytest.fixture(scope="module")
def expected(preset, images):
    """The probabilities of the model itself."""
    model = models.from_preset(preset)
    logits = keras.ops.convert_to_numpy(model(model.preprocess(images))).astype("float64")
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


def litert_outputs(path, batch):
    """Runs a LiteRT file on one example after the other."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=path, num_threads=1).get_signature_runner()
    return np.concatenate([run(images=image[None])["probabilities"] for image in batch])


def onnx_outputs(path, batch):
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(path).run(["probabilities"], {"images": batch})[0]


@on_tensorflow
@needs_litert
def test_a_litert_file_gives_the_probabilities_of_the_model(export, images, expected):
    path = export("litert")
    assert path.endswith("halves.tflite")
    np.testing.assert_allclose(litert_outputs(path, images), expected, atol=1e-6)


@on_tensorflow
@needs_litert
@pytest.mark.parametrize("quantize", ["weights", "full"])
def test_a_quantized_litert_file_is_small_and_gives_nearly_the_same(
    export, images, expected, digits_npz, quantize
):
    data = {"data": f"npz:{digits_npz}"} if quantize == "full" else {}
    path = export("litert", quantize, **data)
    assert os.path.getsize(path) < 0.4 * os.path.getsize(export("litert"))
    np.testing.assert_allclose(litert_outputs(path, images), expected, atol=0.02)
    with open(path.replace(".tflite", ".json"), encoding="utf-8") as file:
        assert json.load(file)["quantize"] == quantize


@not_on_torch
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_onnx_weights_of_8_bits_are_small_and_give_nearly_the_same(export, images, expected):
    path = export("onnx", "weights")
    assert os.path.getsize(path) < 0.4 * os.path.getsize(export("onnx"))
    np.testing.assert_allclose(onnx_outputs(path, images), expected, atol=0.02)
    assert np.abs(onnx_outputs(path, images) - expected).max() > 1e-6


@not_on_torch
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_two_files_describe_the_network(export):
    folder = os.path.dirname(export("onnx"))
    assert sorted(os.listdir(folder)) == ["halves.json", "halves.labels.txt", "halves.onnx"]
    with open(os.path.join(folder, "halves.labels.txt"), encoding="utf-8") as file:
        assert file.read() == "left half\nright half\n"
    with open(os.path.join(folder, "halves.json"), encoding="utf-8") as file:
        found = json.load(file)
    assert found == {
        "format_version": 1,
        "task": "classification",
        "model": "LeNet5",
        "format": "onnx",
        "quantize": "none",
        "inputs": [
            {
                "name": "images",
                "dtype": "float32",
                "shape": [None, 20, 20, 1],
                "kind": "image",
                "axes": ["batch", "height", "width", "channels"],
                "color": "gray",
                "range": [0, 255],
                "fit": "stretch",
                "scaling_inside": {"mean": 127.5, "std": 127.5},
            }
        ],
        "outputs": [
            {
                "name": "probabilities",
                "dtype": "float32",
                "shape": [None, 2],
                "axes": ["batch", "classes"],
                "meaning": "probability of each class",
            }
        ],
        "dynamic_axes": {"images": {"batch": 0}, "probabilities": {"batch": 0}},
        "score_threshold": None,
        "file": "halves.onnx",
        "labels": "halves.labels.txt",
        "class_names": list(NAMES),
    }


@on_tensorflow
def test_a_litert_file_has_no_free_axis(export):
    with open(export("litert").replace(".tflite", ".json"), encoding="utf-8") as file:
        found = json.load(file)
    assert [one["shape"] for one in found["inputs"] + found["outputs"]] == [[1, 20, 20, 1], [1, 2]]
    assert found["dynamic_axes"] == {"images": {}, "probabilities": {}}


@on_tensorflow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_openvino_gives_the_probabilities_of_the_model(export, images, expected, tmp_path):
    pytest.importorskip("openvino")
    path = export("openvino")
    assert sorted(os.listdir(os.path.dirname(path))) == [
        "halves.bin",
        "halves.json",
        "halves.labels.txt",
        "halves.xml",
    ]
    given = openvino_outputs(path, images, tmp_path)
    np.testing.assert_allclose(given["probabilities"], expected, atol=1e-5)


def test_examples_are_inputs_of_the_deployable_network(preset, digits_npz, images, capsys):
    """The network scales images itself: the examples are pixels again, and come from the named split."""
    task, trained = tasks.Classification(), load_model(tasks.Classification(), preset=preset)
    network, facts = task.deployable(trained.model), task.deployable_facts(trained.model)
    generate = calibration.examples(task, trained, network, facts, data=f"npz:{digits_npz}", split="test")
    assert "measured on 24 of 24 examples" in "".join(capsys.readouterr())
    given = [one["images"] for one in generate()]
    np.testing.assert_allclose(np.concatenate(given), images, atol=1e-4)
    assert {one.dtype for one in given} == {np.dtype("float32")}


def test_the_embedded_data_keep_their_names(descriptions):
    class Asked(Exception):
        pass

    class Remembers(tasks.Classification):
        def load(self, spec=None, **options):
            raise Asked(spec, options)

    _, network, facts, _ = descriptions["classification"]
    trained = TrainedModel(models.LeNet5(2, width=0.1, class_names=NAMES), seed=4, has_data=True)
    with pytest.raises(Asked) as asked:
        calibration.examples(Remembers(), trained, network, facts)
    assert asked.value.args == (None, {"seed": 4})
    with pytest.raises(Asked) as asked:
        calibration.examples(Remembers(), trained, network, facts, data="npz:x")
    assert asked.value.args == ("npz:x", {"seed": 4, "model_names": NAMES, "class_names": None})


def small_models():
    """A small model of every task, and how its images are made to fit."""
    yield tasks.Classification(), models.LeNet5(2, input_shape=(20, 20, 1), width=0.1), ["stretch"]
    yield tasks.Segmentation(), models.UNet(2, variant="small", width=0.1, depth=1), ["any"]
    retina = models.RetinaNet(2, input_shape=(64, 96, 3), width=0.1, tower_depth=1)
    yield tasks.Detection(), retina, ["letterbox"]
    yield tasks.Text(), models.CRNN(input_shape=(32, 16, 1), width=0.1), ["stretch"]
    yield tasks.Tracking(), models.SiamFC(variant="small", width=0.1), ["stretch", "stretch"]
    yield tasks.Speech(), models.KeywordCNN(2, input_shape=(8000,), sample_rate=16_000, width=0.1), None
    yield tasks.Language(), models.TextCNN(2, vocabulary=("a", "b"), sequence_length=8, width=0.1), None


@pytest.fixture(scope="module")
def descriptions():
    """Pairs (description, deployable network) of every task, as JSON values."""
    keras.utils.set_random_seed(0)
    found = {}
    for task, model, fits in small_models():
        network, facts = task.deployable(model), task.deployable_facts(model)
        described = json.loads(json.dumps(files.described(network, facts)))
        found[task.name] = described, network, facts, fits
    return found


def test_every_task_describes_exactly_what_it_exports(descriptions):
    assert set(descriptions) == set(tasks.TASKS)
    for name, (described, network, facts, fits) in descriptions.items():
        outputs = network.output if isinstance(network.output, dict) else {"only": network.output}
        assert set(facts["inputs"]) == {tensor.name for tensor in network.inputs}, name
        assert len(facts["outputs"]) == len(outputs), name
        assert {one["name"] for one in described["outputs"]} == set(facts["outputs"]), name
        for one in (*described["inputs"], *described["outputs"]):
            assert len(one["axes"]) == len(one["shape"]), (name, one["name"])
        if fits is not None:
            assert [one["fit"] for one in described["inputs"]] == fits, name


def test_free_axes_are_named(descriptions):
    described = descriptions["segmentation"][0]
    free = {"batch": 0, "height": 1, "width": 2}
    assert described["dynamic_axes"] == {"images": free, "probabilities": free}
    assert descriptions["detection"][0]["dynamic_axes"]["boxes"] == {"batch": 0}


def test_what_a_caller_needs_for_each_kind_of_input(descriptions):
    detection = descriptions["detection"][0]
    assert detection["score_threshold"] == 0.5
    assert detection["inputs"][0]["letterbox"] == {"content": "top left", "fill": 127.5}
    assert descriptions["speech"][0]["inputs"][0]["sample_rate"] == 16_000
    words = descriptions["language"][0]["inputs"][0]
    assert (words["padding"], words["unknown"], words["first_word"]) == (0, 1, 2)
    assert words["vocabulary"] == ["a", "b"] and words["dtype"] == "int32"
    assert descriptions["tracking"][0]["outputs"][0]["stride"] == 4


def test_a_model_without_names_is_labeled_by_ids_and_a_tracker_not_at_all(tmp_path, descriptions):
    _, network, facts, _ = descriptions["classification"]
    names = files.class_names(models.LeNet5(3, width=0.1))
    files.describe(str(tmp_path / "a"), network, names, facts)
    assert (tmp_path / "a.labels.txt").read_text() == "0\n1\n2\n"
    _, network, facts, _ = descriptions["tracking"]
    names = files.class_names(models.SiamFC(variant="small", width=0.1))
    files.describe(str(tmp_path / "b"), network, names, facts)
    assert json.loads((tmp_path / "b.json").read_text())["labels"] is None
    assert not (tmp_path / "b.labels.txt").exists()


def test_each_class_has_one_line(tmp_path, descriptions):
    _, network, facts, _ = descriptions["classification"]
    files.describe(str(tmp_path / "a"), network, ["a\nb", " ", "é"], facts)
    assert (tmp_path / "a.labels.txt").read_text(encoding="utf-8") == "a b\n \né\n"
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["class_names"] == ["a\nb", " ", "é"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "tflite"}, "`format` must be one of saved_model, onnx, litert.*'tflite'"),
        ({"format": "onnx", "quantize": "half"}, "`quantize` must be one of none, weights, full"),
        ({"format": "onnx", "quantize": "full"}, "must be none or weights for `format` onnx"),
        ({"format": "saved_model", "quantize": "weights"}, "must be none for `format` saved_model"),
        ({"format": "onnx", "data": "npz:x"}, "`data` and its options are for `quantize` full"),
        ({"format": "onnx", "split": "val"}, "`split` is for `quantize` full. Received: 'val' with .* none"),
        ({"format": "onnx", "web_runtime": "typo"}, "`web_runtime` is for `format` web. Received: 'typo'"),
    ],
)
@not_on_torch
def test_bad_arguments_are_refused_before_anything_is_read(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        tasks.export_model(tasks.Classification(), tmp_path / "a", preset="/no/such/preset", **arguments)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("backend", "format", "message"),
    [
        ("jax", "litert", "is written on the TensorFlow backend. Received: the JAX backend"),
        ("torch", "litert", "is written on the TensorFlow backend. Received: the PyTorch backend"),
        ("torch", "onnx", "is written on the TensorFlow or JAX backend. Received: the PyTorch backend"),
    ],
)
def test_another_backend_is_refused(monkeypatch, backend, format, message):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(InputError, match=message):
        formats.check(format, "none")


@not_on_torch
@pytest.mark.parametrize(
    ("format", "missing", "extra"), [("onnx", "tf2onnx", "apps"), ("openvino", "openvino", "openvino")]
)
def test_a_missing_package_is_named(monkeypatch, format, missing, extra):
    monkeypatch.setattr(packages, "is_installed", lambda name: name != missing)
    with pytest.raises(InputError, match=rf'{missing}: pip install "keras-cnn-zoo\[{extra}\]"$'):
        formats.check(format, "none")


@on_tensorflow
def test_nothing_is_left_after_an_error(tmp_path, preset, monkeypatch):
    def fail(network, path, **options):
        with open(path, "w", encoding="utf-8") as file:
            file.write("half of a file")
        raise InputError("the disk is full")

    monkeypatch.setattr(litert, "write", fail)
    with pytest.raises(InputError, match="the disk is full"):
        tasks.export_model(tasks.Classification(), tmp_path / "a", format="litert", preset=preset)
    assert os.listdir(tmp_path) == []


@on_tensorflow
def test_loops_are_refused_for_full_quantization(descriptions):
    with pytest.raises(InputError, match="`quantize` full does not work for a network with loops"):
        litert.check_loops(descriptions["detection"][1])
    recurrent = models.CRNN(input_shape=(32, 16, 1), width=0.1, sequence="gru").deployable()
    with pytest.raises(InputError, match="a recurrent layer"):
        litert.check_loops(recurrent)
    litert.check_loops(descriptions["text"][1])


@on_tensorflow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`data` is needed .* the recorded data npz:/no/such/halves.npz are not there"),
        ({"data": "npz:{}", "split": "dev"}, "`split` must be one of train, val, test. Received: 'dev'"),
    ],
)
def test_full_quantization_needs_examples(tmp_path, preset, digits_npz, arguments, message):
    arguments = {name: value.format(digits_npz) for name, value in arguments.items()}
    with pytest.raises(InputError, match=message):
        tasks.export_model(
            tasks.Classification(),
            tmp_path / "a",
            format="litert",
            preset=preset,
            quantize="full",
            **arguments,
        )
    assert os.listdir(tmp_path) == []
