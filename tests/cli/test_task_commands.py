import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

pytest.importorskip("typer")

from typer.testing import CliRunner

from applications.publish import command_of
from keras_cnn_zoo import training
from keras_cnn_zoo.cli.parsing import parse_box, parse_settings, parse_size
from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.tasks import Classification, Segmentation
from keras_cnn_zoo.utils.errors import InputError


def call(task, *words):
    return CliRunner().invoke(application(task), list(map(str, words)))


def refused(task, *words):
    """The one line that a refused call prints."""
    result = call(task, *words)
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in result.output
    return lines[0]


@pytest.fixture
def archive(tmp_path):
    arrays = {}
    for name in ("train", "val", "test"):
        arrays[f"x_{name}"] = np.random.default_rng(0).integers(0, 255, size=(8, 20, 20)).astype("uint8")
        arrays[f"y_{name}"] = np.arange(8) % 2
    np.savez(tmp_path / "data.npz", **arrays)
    return arrays, tmp_path / "data.npz"


@pytest.mark.parametrize(
    "words, message",
    [
        (["--data", "zip:here"], "zip"),
        (["--data", "images:/no/such/folder"], "/no/such/folder"),
        (["--preset", "lenet6"], "lenet6"),
        (["--epochs", "-3"], "--epochs must be at least 1. Received: -3"),
        (["--augment", "max"], "--augment must be one of"),
        (["--class-balance", "-1"], "--class-balance must be"),
        (["--precision", "int4"], "--precision must be one of"),
        (["--image-size", "28"], "--image-size must be HxW"),
        (["--resume"], "--resume needs --out"),
        (["--preset", "unet_digit_scenes"], "is a UNet, not a model of classification"),
    ],
)
def test_fit_refuses_in_one_line(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(Classification(), "fit", *words)
    assert os.listdir(tmp_path) == []


def test_boxes_and_settings_are_read():
    assert parse_box(None) is None and parse_box("1,2.5,30,40") == (1.0, 2.5, 30.0, 40.0)
    assert parse_settings(None) == {"model": {}, "task": {}, "recipe": {}}
    words = ["filters=128", "rates=[4,8]", "padding=valid", "class_names=null", "task.scale=[1,2]"]
    assert parse_settings([*words, "recipe.warmup=0.1"]) == {
        "model": {"filters": 128, "rates": [4, 8], "padding": "valid", "class_names": None},
        "task": {"scale": [1, 2]},
        "recipe": {"warmup": 0.1},
    }


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,0,4", "1,2,3,-4", "a,b,c,d", "nan,1,2,3", "inf,1,2,3"])
def test_a_box_is_four_numbers_with_an_area(text):
    with pytest.raises(InputError, match="--box must be X,Y,W,H in pixels, .* Received"):
        parse_box(text)


@pytest.mark.parametrize("text", ["filters", "=3", "a-b=1", "model.width=1", "optimizer.rate=1", "task.=1"])
def test_a_setting_has_a_name_and_a_value(text):
    with pytest.raises(
        InputError, match="--set must be NAME=VALUE, task.NAME=VALUE, or recipe.NAME=VALUE. Received"
    ):
        parse_settings([text])


@pytest.mark.parametrize(
    "words, message",
    [
        (["--set", "colour=1"], "--model lenet5 takes "),
        (["--set", "dropout=2"], "--model lenet5: `dropout` must be"),
        (["--set", "dropout=0.1", "--preset", "lenet5_mnist"], "--set and --preset exclude each other"),
        (["--model", "resnet", "--backbone", "lenet6"], "--model resnet takes "),
        (["--backbone", "resnet18_cifar10"], "--model lenet5 takes "),
        (["--weights", "x.h5"], "--weights replaces the download of a --backbone or --preset of another"),
        (["--backbone", "resnet18", "--weights", "x.h5"], "Received: 'resnet18' with weights='x.h5'"),
        (["--weights", "x.h5", "--preset", "lenet5_mnist"], "Received: 'lenet5_mnist' with weights='x.h5'"),
        (["--backbone", "x", "--preset", "lenet5_mnist"], "--backbone and --preset exclude each other"),
    ],
)
def test_what_a_model_cannot_be_is_refused(words, message, archive, tmp_path):
    _, path = archive
    assert message in refused(
        Classification(), "fit", "--data", f"npz:{path}", "--out", tmp_path / "run", *words
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
def test_weights_belong_to_a_preset_that_is_downloaded(command, tmp_path):
    from PIL import Image

    Image.new("L", (20, 20)).save(tmp_path / "one.png")
    further = {
        "evaluate": (),
        "predict": (tmp_path / "one.png", "--out", tmp_path / "out"),
        "export": ("--format", "onnx", "--out", tmp_path / "out.onnx"),
    }[command]
    for given, message in (
        (("--run", tmp_path / "run"), "--weights and --run exclude each other"),
        (
            ("--preset", "lenet5_mnist"),
            "--weights replaces the download of a `backbone` or --preset of another",
        ),
        (("--preset", "keras/ResNet50"), "'keras/ResNet50': has no head: it is the backbone of a model"),
        (("--preset", "hf://me/digits"), f"'hf://me/digits': {tmp_path / 'none'} does not exist"),
    ):
        words = (*given, "--weights", tmp_path / "none", *further)
        assert message in refused(Classification(), command, *words)


def test_predict_has_the_options_of_its_task_alone(tmp_path):
    words = ("image.png", "--out", tmp_path / "answers", "--preset", "lenet5_mnist", "--box", "1,2,3,4")
    result = call(Classification(), "predict", *words)
    assert result.exit_code == 2 and "No such option: --box" in result.stderr


def test_nan_in_an_array_is_named(archive, tmp_path):
    arrays, _ = archive
    images = arrays["x_test"].astype("float32")
    images[3, 2, 1] = np.nan
    np.savez(tmp_path / "nan.npz", **{**arrays, "x_test": images})
    assert "x_test" in refused(Classification(), "fit", "--data", f"npz:{tmp_path / 'nan.npz'}")


def test_an_image_and_mask_of_different_size_are_named(tmp_path):
    from PIL import Image

    for kind, size in (("images", (20, 16)), ("labels", (16, 20))):
        os.makedirs(tmp_path / "data" / kind)
        for index in range(6):
            Image.fromarray(np.zeros(size, "uint8")).save(tmp_path / "data" / kind / f"street{index}.png")
    line = refused(
        Segmentation(), "fit", "--data", f"masks:{tmp_path / 'data'}", "--width", "0.05", "--epochs", "1",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert "street" in line


def test_predict_refuses_a_broken_picture_and_writes_nothing(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n then nothing")
    line = refused(
        Classification(),
        "predict",
        tmp_path / "broken.png",
        "--preset",
        "lenet5_mnist",
        "--out",
        tmp_path / "out",
    )
    assert "broken.png" in line and not (tmp_path / "out").exists()


def test_evaluate_prints_one_json_object(archive):
    result = call(Classification(), "evaluate", "--preset", "lenet5_mnist", "--data", f"npz:{archive[1]}")
    measured = json.loads(result.stdout)
    assert measured["examples"] == 8 and measured["baseline"] == {"accuracy": 0.5}
    assert 0 <= measured["accuracy"] <= 1


def test_evaluate_refuses_classes_that_the_model_does_not_have(archive, tmp_path):
    arrays, _ = archive
    np.savez(tmp_path / "many.npz", **{**arrays, "y_test": np.arange(8) + 7})
    words = ("evaluate", "--preset", "lenet5_mnist", "--data", f"npz:{tmp_path / 'many.npz'}")
    assert "y_test" in refused(Classification(), *words)


def test_evaluate_of_a_preset_on_the_embedded_set():
    result = call(Segmentation(), "evaluate", "--preset", "unet_digit_scenes")
    measured = json.loads(result.stdout)
    assert set(measured) >= {"mean_iou", "pixel_accuracy", "baseline"}
    assert measured["mean_iou"] > measured["baseline"]["mean_iou"]


def test_predict_writes_masks_that_can_be_read_back(tmp_path):
    from PIL import Image

    image = Segmentation().load().split("test")[0]["image"]
    Image.fromarray(image[..., 0]).save(tmp_path / "scene.png")
    result = call(
        Segmentation(),
        "predict",
        tmp_path / "scene.png",
        "--preset",
        "unet_digit_scenes",
        "--out",
        tmp_path / "out",
    )
    assert result.exit_code == 0, result.output
    (answer,) = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert set(answer["files"]) == {"scene.mask.png", "scene.overlay.png"}
    mask = np.asarray(Image.open(tmp_path / "out" / "scene.mask.png"))
    assert mask.shape == image.shape[:2]
    assert sum(answer["shares"].values()) == pytest.approx(1.0)


def test_parse_size():
    assert parse_size("224x160") == (224, 160) and parse_size(None) is None
    for bad in ("224", "0x5", "axb", "1x2x3", "-1x4", "²x3"):
        with pytest.raises(InputError, match="--image-size must be HxW"):
            parse_size(bad)


def test_the_command_on_a_card_is_the_one_that_was_given():
    config = {
        "task": "segmentation",
        "backend": "tensorflow",
        "data_options": {"spec": "masks:my data", "ignore_label": 11, "class_names": ["a", "b"]},
        "epochs": 3,
        "image_size": [8, 9],
        "width": None,
    }
    assert command_of(config) == (
        "keras-cnn-zoo segmentation fit --data 'masks:my data' --ignore-label 11 "
        "--class-names a,b --epochs 3 --image-size 8x9"
    )


@pytest.mark.slow
def test_a_run_killed_at_a_random_step_and_resumed_has_the_weights_of_an_unbroken_one(archive, tmp_path):
    words = [sys.executable, "-m", "applications.classification", "fit", "--data", f"npz:{archive[1]}"]
    words += ["--width", "0.1", "--epochs", "40", "--batch-size", "2", "--seed", "9", "--out"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}

    def finish(out, *more):
        subprocess.run([*words, out, *more], env=environment, check=True, capture_output=True, timeout=300)
        return keras.saving.load_model(os.path.join(out, "model.keras"), compile=False).get_weights()

    whole = finish(str(tmp_path / "whole"))
    process = subprocess.Popen(
        [*words, str(tmp_path / "cut")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    history = tmp_path / "cut" / "history.csv"
    deadline = time.monotonic() + 240
    while not history.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(float(np.random.default_rng().uniform(0, 1.0)))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    resumed = finish(str(tmp_path / "cut"), "--resume")
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "tflite"], "--format must be one of saved_model, onnx, litert, openvino, web"),
        (["--format", "onnx", "--quantize", "full"], "--quantize must be none or weights for --format onnx"),
        (["--format", "web", "--web-runtime", "gone.tgz"], "--web-runtime must be npm, cdn, or the path of"),
        (["--format", "onnx", "--data", "npz:x"], "--data and its options are for --quantize full"),
        (["--format", "onnx", "--split", "val"], "--split is for --quantize full. Received: 'val'"),
        (["--format", "onnx", "--web-runtime", "cdn"], "--web-runtime is for --format web. Received: 'cdn'"),
        (["--format", "onnx", "--out", "b.tflite"], "--out must end in .onnx for --format onnx"),
    ],
)
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="no export on PyTorch")
def test_export_refuses_in_one_line(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(Classification(), "export", "--preset", "lenet6", "--out", "a", *words)
    assert os.listdir(tmp_path) == []


def test_export_prints_the_path_with_its_suffix_and_the_line_that_serves_a_page(monkeypatch):
    monkeypatch.setattr(
        training,
        "export_model",
        lambda task, out, *, format, **rest: f"{out}{'' if format == 'web' else '.x'}",
    )
    result = call(Classification(), "export", "--preset", "any", "--format", "onnx", "--out", "a b")
    assert result.output == "a b.x\n"
    result = call(Classification(), "export", "--preset", "any", "--format", "web", "--out", "a b")
    path, serve = result.output.splitlines()
    assert path == "a b" and serve.startswith("python -m http.server --directory 'a b' 8000 ")
