"""Weights and zip files from an untrusted source: nothing outside the preset is read."""

import io
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from keras_cnn_zoo import models
from keras_cnn_zoo.presets import storage
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import edit_manifest, refuses, replace_file

WEIGHTS = "model.weights.h5"
KERNEL = "layers/conv2d/vars/0"


def with_weights(preset, change):
    """Rewrites the weights with `change(file)` and makes the manifest agree."""
    buffer = io.BytesIO((preset / WEIGHTS).read_bytes())
    with h5py.File(buffer, "r+") as file:
        change(file)
    replace_file(preset, WEIGHTS, buffer.getvalue())


def replaced(make):
    def change(file):
        del file[KERNEL]
        make(file)

    return change


def virtual(file):
    shape = (5, 5, 1, 2)
    layout = h5py.VirtualLayout(shape=shape, dtype="float32")
    layout[...] = h5py.VirtualSource("other.h5", "x", shape=shape)
    file.create_virtual_dataset(KERNEL, layout)


def external(file):
    file.create_dataset(KERNEL, (5, 5, 1, 2), "float32", external=[("secret.bin", 0, 200)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            replaced(lambda file: file.__setitem__(KERNEL, h5py.ExternalLink("other.h5", "/x"))),
            "links. .*ExternalLink",
        ),
        (
            replaced(lambda file: file.__setitem__(KERNEL, h5py.SoftLink("/layers/dense/vars/0"))),
            "links. .*SoftLink",
        ),
        (lambda file: file.__setitem__("spare", h5py.ExternalLink("other.h5", "/x")), "links. .*'spare'"),
        (lambda file: file.__setitem__("loop", file["layers"]), "one object under two names"),
        (lambda file: file["layers"].__setitem__("up", file["/"]), "one object under two names"),
        (replaced(virtual), "only plain arrays of numbers"),
        (replaced(external), "only plain arrays of numbers"),
        (replaced(lambda file: file.__setitem__(KERNEL, "text")), "only plain arrays of numbers"),
        (
            replaced(lambda file: file.__setitem__(KERNEL, np.dtype("float32"))),
            "only plain arrays of numbers",
        ),
        (replaced(lambda file: None), "must have layer 'convolution_1', variable 0"),
        (
            lambda file: file.__setitem__("layers/more/vars/0", np.zeros(2)),
            "weights that this model does not have",
        ),
        (
            replaced(lambda file: file.__setitem__(KERNEL, np.zeros((5, 5, 1, 3)))),
            "layer 'convolution_1'.*shape",
        ),
        (
            replaced(lambda file: file.create_dataset(KERNEL, (2**20, 2**20))),
            "Received: shape \\(1048576, 1048576\\)",
        ),
        (
            replaced(lambda file: file.__setitem__(KERNEL, np.full((5, 5, 1, 2), np.nan))),
            "NaN or infinite values",
        ),
        (
            replaced(lambda file: file.__setitem__(KERNEL, np.zeros((5, 5, 1, 2), int))),
            "wrong type of numbers",
        ),
    ],
)
def test_weights_files_with_links_or_other_shapes_are_refused(preset, change, message, monkeypatch):
    # Links are relative to the working folder. Their targets exist, so only the check can refuse them.
    monkeypatch.chdir(preset.parent)
    with h5py.File("other.h5", "w") as other:
        other["x"] = np.ones((5, 5, 1, 2), "float32")
    (preset.parent / "secret.bin").write_bytes(np.ones(50, "float32").tobytes())
    with_weights(preset, change)
    refuses(preset, message)


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + b"\0" * 200])
def test_weights_that_are_not_hdf5_are_refused(preset, content):
    replace_file(preset, WEIGHTS, content)
    refuses(preset, f"{WEIGHTS} is not a readable HDF5 file")


def test_random_damage_is_refused_or_harmless(preset):
    """Damage with a matching sha256 is refused, or gives a model with finite weights. It never crashes."""
    generator, original = np.random.default_rng(0), (preset / WEIGHTS).read_bytes()
    outcomes = {"loaded": 0, "refused": 0}
    for _ in range(12):
        content = bytearray(original)
        for position in generator.integers(0, len(content), 40):
            content[position] ^= int(generator.integers(1, 256))
        replace_file(preset, WEIGHTS, bytes(content))
        try:
            model = models.from_preset(preset)
        except InputError:
            outcomes["refused"] += 1
        else:
            outcomes["loaded"] += 1
            assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert outcomes["refused"] > 0


def zipped(preset, target, change=None):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(preset.iterdir()):
            archive.write(path, path.name)
        if change:
            change(archive)
    return target


def link_entry(archive):
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda archive: archive.writestr("../evil", "x"), "to outside. Received: '../evil'"),
        (lambda archive: archive.writestr("/evil", "x"), "to outside. Received: '/evil'"),
        (lambda archive: archive.writestr("a\\..\\evil", "x"), "to outside"),
        (lambda archive: archive.writestr("C:evil", "x"), "to outside"),
        (link_entry, "to outside. Received: 'link'"),
    ],
)
def test_zip_entries_outside_the_archive_are_refused(preset, change, message):
    refuses(zipped(preset, preset.parent / "p.zip", change), message)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_duplicate_name_is_refused(preset):
    path = zipped(preset, preset.parent / "p.zip", lambda archive: archive.writestr("README.md", "x"))
    refuses(path, "must not have a name twice. Received: 'README.md'")


def test_reading_a_zip_bomb_stops_at_the_declared_size(preset):
    (preset / "README.md").write_bytes(b"\0" * 10_000_000)
    refuses(zipped(preset, preset.parent / "p.zip"), "README.md must have at most [0-9]+ bytes")


def test_a_zip_that_unpacks_to_far_more_than_its_size_is_refused(preset, monkeypatch):
    monkeypatch.setattr(storage, "_UNPACKED", 1000)
    replace_file(preset, "README.md", bytes(10_000_000))
    refuses(zipped(preset, preset.parent / "p.zip"), "the zip file must unpack to at most [0-9]+ bytes")


def test_a_zip_with_another_compression_is_refused(preset):
    def change(archive):
        archive.writestr("more", "x", zipfile.ZIP_LZMA)

    refuses(zipped(preset, preset.parent / "p.zip", change), "must be stored or deflated. Received: .more.")


def test_a_zip_with_a_damaged_name_is_refused(preset):
    path = zipped(preset, preset.parent / "p.zip", lambda archive: archive.writestr("caf\u00e9", "x"))
    path.write_bytes(path.read_bytes().replace(b"caf\xc3\xa9", b"caf\xff\xff"))
    refuses(path, "is not a readable zip file")


def test_no_memory_is_taken_for_bytes_that_a_file_does_not_have(preset):
    record = {"sha256": "0" * 64, "bytes": 2**49}
    edit_manifest(preset, lambda manifest: manifest["files"].update({WEIGHTS: record}))
    refuses(preset, f"{WEIGHTS} must have {2**49} bytes. Received: [0-9]+ bytes")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_truncated_zip_is_refused(preset, share):
    path = zipped(preset, preset.parent / "p.zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refuses(path, "is not a readable zip file")


def test_damaged_zip_content_is_refused(preset):
    path = zipped(preset, preset.parent / "p.zip")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 50] = bytes(50)
    path.write_bytes(content)
    refuses(path, "is not a readable zip file|sha256")


def test_a_zip_of_the_folder_is_refused(preset):
    path = shutil.make_archive(str(preset.parent / "p"), "zip", preset.parent, preset.name)
    refuses(path, "preset.json is missing at the top of the zip file")


def test_a_file_that_is_not_a_preset_is_refused(tmp_path):
    (tmp_path / "model.keras").write_text("x")
    refuses(tmp_path / "model.keras", "is not a readable zip file")
