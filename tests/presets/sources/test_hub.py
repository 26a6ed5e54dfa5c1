"""Presets on the Hugging Face Hub, with a replacement of its package."""

import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.presets.loading import recorded_splits
from keras_cnn_zoo.presets.sources import hub
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import small_lenet


class Refused(OSError):
    """An error with an answer, as the hub raises it for an unknown repository."""

    response = 404


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """A folder that plays the hub: USER/REPO are two levels of folders in it. Returns it and the calls."""
    root, calls = tmp_path / "remote", []

    def repository(name, revision):
        folder = root / name if revision is None else root / f"{name}@{revision}"
        if not folder.is_dir():
            raise Refused("404 Client Error\nRepository Not Found")
        return folder

    def snapshot_download(repo_id, *, revision, allow_patterns, local_dir):
        calls.append("download")
        for path in repository(repo_id, revision).iterdir():
            if path.name in allow_patterns:
                Path(local_dir).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, local_dir)

    def hf_hub_download(repo_id, filename):
        return str(repository(repo_id, None) / filename)

    def upload_folder(*, repo_id, folder_path, revision, commit_message, delete_patterns):
        calls.append("upload")
        shutil.copytree(folder_path, repository(repo_id, revision), dirs_exist_ok=True)

    package = types.SimpleNamespace(
        snapshot_download=snapshot_download,
        hf_hub_download=hf_hub_download,
        upload_folder=upload_folder,
        create_repo=lambda repo_id, exist_ok: (root / repo_id).mkdir(parents=True, exist_ok=exist_ok),
        file_exists=lambda repo_id, name, revision: (root / repo_id / name).exists(),
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hub._folder.cache_clear()
    yield root, calls
    hub._folder.cache_clear()


def test_a_preset_is_pushed_and_loaded(remote):
    root, calls = remote
    model = small_lenet()
    model.save_to_preset("hf://me/digits")
    assert sorted(path.name for path in (root / "me/digits").iterdir()) == [
        "README.md",
        "model.weights.h5",
        "preset.json",
    ]
    assert 'from_preset("hf://me/digits")' in (root / "me/digits/README.md").read_text()
    loaded = models.from_preset("hf://me/digits")
    assert presets.describe("hf://me/digits")["class"] == "LeNet5"
    # One download for the facts and the weights.
    assert calls == ["upload", "download"]
    for mine, wanted in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-3)
    with pytest.raises(InputError, match="Preset 'hf://me/digits': already exists; pass overwrite=True"):
        model.save_to_preset("hf://me/digits")
    model.save_to_preset("hf://me/digits", overwrite=True)


def test_a_revision_is_asked_for(remote):
    root, _ = remote
    small_lenet().save_to_preset(root / "me/digits@v1.0")
    assert models.from_preset("hf://me/digits@v1.0").num_classes == 3


def test_a_preset_on_the_hub_is_a_backbone(remote):
    model = models.EfficientNetLite(4, width=0.125)
    model.preprocessing = {"mean": 120.0, "std": 60.0}
    model.save_to_preset("hf://me/features")
    found = backbones.build("hf://me/features", (64, 64, 3))
    assert found.preprocessing == {"mean": 120.0, "std": 60.0} and set(found.strides()) >= {"P3", "P5"}
    assert models.FCN(2, backbone="hf://me/features").preprocessing == {"mean": 120.0, "std": 60.0}


def test_files_replace_the_download(remote, tmp_path):
    _, calls = remote
    model, spec = small_lenet(), "hf://me/digits"
    model.save_to_preset(tmp_path / "digits")
    model.save_to_preset(tmp_path / "digits.zip")
    for name in ("digits", "digits.zip", "digits/model.weights.h5"):
        loaded = models.from_preset(spec, weights=tmp_path / name)
        np.testing.assert_allclose(loaded.get_weights()[0], model.get_weights()[0], rtol=1e-3)
        assert presets.describe(spec, weights=tmp_path / name)["class"] == "LeNet5"
        assert recorded_splits(spec, weights=tmp_path / name) is None
    models.EfficientNetLite(4, width=0.125).save_to_preset(tmp_path / "features")
    found = backbones.build("hf://me/features", (64, 64, 3), weights=tmp_path / "features")
    assert set(found.strides()) >= {"P3", "P5"}
    assert calls == []
    (tmp_path / "other.h5").write_bytes(b"other")
    for given, match in (
        ("none", "none does not exist"),
        ("other.h5", "`weights` must be the folder or .zip file of a preset, or its model.weights.h5"),
        (".", "`weights` must be the folder or .zip file of a preset, or its model.weights.h5"),
    ):
        with pytest.raises(InputError, match=f"Preset 'hf://me/digits': .*{match}") as caught:
            models.from_preset(spec, weights=tmp_path / given)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="has its own weights. Received: weights="):
        models.from_preset(str(tmp_path / "digits"), weights=tmp_path / "digits.zip")


def test_what_was_downloaded_is_not_trusted(remote):
    root, _ = remote
    small_lenet().save_to_preset("hf://me/digits")
    (root / "me/digits/model.weights.h5").write_bytes(b"other")
    with pytest.raises(InputError, match="Preset 'hf://me/digits': model.weights.h5 must have .* bytes"):
        models.from_preset("hf://me/digits")


def test_without_an_answer_the_last_download_is_used_and_reported(remote, monkeypatch, capsys):
    small_lenet().save_to_preset("hf://me/digits")
    models.from_preset("hf://me/digits")
    hub._folder.cache_clear()

    def fails(*args, **kwargs):
        raise ConnectionError("no network")

    monkeypatch.setattr(sys.modules["huggingface_hub"], "snapshot_download", fails)
    assert models.from_preset("hf://me/digits").num_classes == 3
    assert "could not be asked for (no network): using what was downloaded before" in capsys.readouterr().err
    with pytest.raises(InputError, match="Preset 'hf://me/other': it could not be downloaded .no network."):
        models.from_preset("hf://me/other")


def test_refusals_are_one_line(remote, monkeypatch):
    root, _ = remote

    def refused(match, spec="hf://me/digits"):
        with pytest.raises(InputError, match=match) as caught:
            models.from_preset(spec)
        assert "\n" not in str(caught.value)

    refused("could not be downloaded .404 Client Error.")
    for spec in ("hf://digits", "hf://me/digits/more", "hf://../x", "hf://me/digits@", "hf://me/.."):
        refused("must be hf://USER/REPO or hf://USER/REPO@REVISION", spec)
    (root / "me/empty").mkdir(parents=True)
    refused("has no preset.json, so it is not a preset of this package", "hf://me/empty")
    # `None` in `sys.modules` makes an import fail as if the package were missing.
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refused('needs the package huggingface_hub: pip install "keras-cnn-zoo\\[hub\\]"')
    refused("needs the package huggingface_hub", "timm/resnet18.a1_in1k")


def test_weights_of_timm_come_from_its_repository(remote):
    safetensors = pytest.importorskip("safetensors.numpy")
    root, _ = remote
    model = models.ResNet(5, variant="18")
    state = {}
    for name, variable in model.torch_weights().items():
        value = np.asarray(variable)
        value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
        state[name] = np.ascontiguousarray(value)
    (root / "timm/resnet18.mine").mkdir(parents=True)
    safetensors.save_file(state, root / "timm/resnet18.mine/model.safetensors")
    loaded = models.from_preset("timm/resnet18.mine")
    for mine, wanted in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, wanted)
    with pytest.raises(InputError, match="model.safetensors of timm/resnet18.other could not be downloaded"):
        models.from_preset("timm/resnet18.other")
