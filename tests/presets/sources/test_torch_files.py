"""timm's and torchvision's weights against a network with their names in plain PyTorch."""

import hashlib
import io

import numpy as np
import pytest

from keras_cnn_zoo import models
from keras_cnn_zoo.presets.sources import downloads, torch_files
from keras_cnn_zoo.utils.errors import InputError

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")


def block(inner, kind, entering, stride, squeeze):
    """A residual block with the names of weights in both collections."""
    nn = torch.nn
    leaving = inner * (4 if kind == "bottleneck" else 1)
    part = nn.Module()
    sizes = [(entering, inner, 1), (inner, inner, 3), (inner, leaving, 1)]
    if kind == "basic":
        sizes = [(entering, inner, 3), (inner, inner, 3)]
    strided = 1 if kind == "bottleneck" else 0
    for index, (before, after, size) in enumerate(sizes):
        step = stride if index == strided else 1
        convolution = nn.Conv2d(before, after, size, step, padding=size // 2, bias=False)
        setattr(part, f"conv{index + 1}", convolution)
        setattr(part, f"bn{index + 1}", nn.BatchNorm2d(after))
    if squeeze:
        part.se = nn.Module()
        part.se.fc1, part.se.fc2 = nn.Conv2d(leaving, leaving // 16, 1), nn.Conv2d(leaving // 16, leaving, 1)
    part.downsample = None
    if stride > 1 or entering != leaving:
        projection = nn.Conv2d(entering, leaving, 1, stride, bias=False)
        part.downsample = nn.Sequential(projection, nn.BatchNorm2d(leaving))
    part.count = len(sizes)
    return part, leaving


def run_block(part, x):
    shortcut = x if part.downsample is None else part.downsample(x)
    for index in range(1, part.count + 1):
        x = getattr(part, f"bn{index}")(getattr(part, f"conv{index}")(x))
        x = torch.relu(x) if index < part.count else x
    if hasattr(part, "se"):
        x = x * torch.sigmoid(part.se.fc2(torch.relu(part.se.fc1(x.mean((2, 3), keepdim=True)))))
    return torch.relu(x + shortcut)


def network(counts, kind, squeeze=False, classes=7):
    nn = torch.nn
    net = nn.Module()
    net.conv1, net.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
    channels = 64
    for stage, count in enumerate(counts):
        blocks = []
        for index in range(count):
            stride = 2 if stage and not index else 1
            part, channels = block(64 * 2**stage, kind, channels, stride, squeeze)
            blocks.append(part)
        setattr(net, f"layer{stage + 1}", nn.ModuleList(blocks))
    net.fc = nn.Linear(channels, classes)
    generator = torch.Generator().manual_seed(0)
    for name, value in net.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif name.endswith("running_mean"):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    return net.eval()


def answer(net, images):
    with torch.no_grad():
        x = torch.relu(net.bn1(net.conv1(torch.tensor(images).permute(0, 3, 1, 2))))
        x = torch.nn.functional.max_pool2d(x, 3, 2, 1)
        for stage in range(1, 5):
            for part in getattr(net, f"layer{stage}"):
                x = run_block(part, x)
        return net.fc(x.mean((2, 3))).numpy()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    net = network((2, 2, 2, 2), "basic")
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    safetensors.save_file(net.state_dict(), path)
    torch.save(net.state_dict(), path.with_suffix(".pth"))
    return net, path


IMAGES = np.random.default_rng(0).normal(size=(2, 65, 98, 3)).astype("float32")


@pytest.mark.parametrize("name", ["timm/resnet18.a1_in1k", "torchvision/resnet18"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_resnet18_equals_pytorch(small, name, suffix):
    net, path = small
    model = models.from_preset(name, weights=path.with_suffix(suffix))
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), answer(net, IMAGES), atol=1e-4)
    assert model.num_classes == 7 and len(model.preprocessing["mean"]) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("name", "squeeze"), [("resnet50", False), ("seresnet50", True)])
def test_bottlenecks_equal_pytorch(tmp_path, name, squeeze):
    net = network((3, 4, 6, 3), "bottleneck", squeeze)
    safetensors.save_file(net.state_dict(), tmp_path / "w.safetensors")
    model = models.from_preset(f"timm/{name}", weights=tmp_path / "w.safetensors")
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), answer(net, IMAGES), atol=1e-4)


def test_the_head_can_be_replaced_or_left_out(small):
    _, path = small
    whole = models.from_preset("timm/resnet18", weights=path)
    other = models.ResNet.from_preset("timm/resnet18", weights=path, num_classes=3)
    body = models.from_preset("timm/resnet18", weights=path, features_only=True, input_shape=(64, 64, 3))
    assert other.output_shape == (None, 3) and set(body.output) == {"P1", "P2", "P3", "P4", "P5"}
    for model in (other, body):
        np.testing.assert_array_equal(
            model.get_layer("stem_convolution").get_weights()[0],
            whole.get_layer("stem_convolution").get_weights()[0],
        )


def test_given_names_come_with_a_fresh_head_also_for_the_same_number_of_classes(small):
    net, path = small
    names, kernel = tuple("abcdefg"), net.fc.weight.detach().numpy().T
    # As for presets: without `num_classes`, names only name the classes of the file.
    for arguments, kept in (
        ({"num_classes": 7}, True),
        ({"class_names": names}, True),
        ({"num_classes": 7, "class_names": names}, False),
    ):
        model = models.from_preset("timm/resnet18", weights=path, **arguments)
        assert np.array_equal(model.get_layer("logits").get_weights()[0], kernel) == kept
        assert model.class_names == arguments.get("class_names")


@pytest.mark.parametrize("shape", [(), (7,), (10**6, 0)])
def test_a_head_of_another_shape_is_refused(tmp_path, shape):
    torch.save({"fc.weight": torch.zeros(shape)}, tmp_path / "head.pth")
    with pytest.raises(InputError, match="fc.weight must have shape .classes, features.. Received: shape"):
        models.from_preset("timm/resnet18", weights=tmp_path / "head.pth")


def test_refusals(small, tmp_path):
    net, path = small
    with pytest.raises(
        InputError, match="needs the name of a training run too, such as timm/resnet18.a1_in1k"
    ):
        models.from_preset("timm/resnet18")
    with pytest.raises(InputError, match="torchvision has weights of resnet18, .* Received: 'seresnet50'"):
        models.from_preset("torchvision/seresnet50")
    with pytest.raises(InputError, match="one of .*; did you mean resnet18. Received: 'resnet19'"):
        models.from_preset("timm/resnet19")
    with pytest.raises(InputError, match="the network must be one of .* Received: 'vit_base'"):
        models.from_preset("timm/vit_base", weights=path)
    with pytest.raises(InputError, match="does not exist"):
        models.from_preset("timm/resnet18", weights=tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="`weights` must be a .safetensors or .pth file"):
        models.from_preset("timm/resnet18", weights=__file__)
    (tmp_path / "broken.safetensors").write_bytes(b"\x08")
    with pytest.raises(InputError, match="broken.safetensors cannot be read as weights"):
        models.from_preset("timm/resnet18", weights=tmp_path / "broken.safetensors")
    with pytest.raises(InputError, match="do not fit ResNet: .* is missing"):
        models.from_preset("timm/resnet34", weights=path)
    with pytest.raises(InputError, match="has its own weights"):
        models.from_preset("lenet5_mnist", weights=path)
    with pytest.raises(InputError, match="must be a UNet. Received: a ResNet"):
        models.UNet.from_preset("timm/resnet18", weights=path)
    state = {**net.state_dict(), "fc.bias": torch.full((7,), float("nan"))}
    safetensors.save_file(state, tmp_path / "nan.safetensors")
    with pytest.raises(InputError, match="fc.bias must have finite values. Received: NaN"):
        models.from_preset("timm/resnet18", weights=tmp_path / "nan.safetensors")


class Trap:
    def __reduce__(self):
        return (open, ("/nonexistent/trap", "w"))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    torch.save({"fc.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(InputError, match="trap.pth cannot be read as weights"):
        models.from_preset("timm/resnet18", weights=tmp_path / "trap.pth")


def test_a_download_takes_the_place_of_the_file(small, tmp_path, monkeypatch):
    _, path = small
    content = path.with_suffix(".pth").read_bytes()
    digits = hashlib.sha256(content).hexdigest()[:8]
    asked = []

    def opened(url, timeout):
        asked.append(url)
        return io.BytesIO(content)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(downloads.urllib.request, "urlopen", opened)
    monkeypatch.setitem(torch_files.FILES, "resnet18", f"resnet18-{digits}.pth")
    for _ in range(2):
        model = models.from_preset("torchvision/resnet18")
    assert asked == [f"https://download.pytorch.org/models/resnet18-{digits}.pth"]
    wanted = models.from_preset("torchvision/resnet18", weights=path)
    for mine, other in zip(model.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
