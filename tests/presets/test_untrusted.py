"""Weights and zip files from a stranger: nothing in them is followed out of the preset."""

import io
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from keras_cnn_zoo import models
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import refuses, replace_file

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
            "link. .*ExternalLink",
        ),
        (
            replaced(lambda file: file.__setitem__(KERNEL, h5py.SoftLink("/layers/dense/vars/0"))),
            "link. .*SoftLink",
        ),
        (lambda file: file.__setitem__("spare", h5py.ExternalLink("other.h5", "/x")), "link. .*'spare'"),
        (lambda file: file.__setitem__("loop", file["layers"]), "one object under two names"),
        (lambda file: file["layers"].__setitem__("up", file["/"]), "one object under two names"),
        (replaced(virtual), "plain arrays of numbers only"),
        (replaced(external), "plain arrays of numbers only"),
        (replaced(lambda file: file.__setitem__(KERNEL, "text")), "plain arrays of numbers only"),
        (
            replaced(lambda file: file.__setitem__(KERNEL, np.dtype("float32"))),
            "plain arrays of numbers only",
        ),
        (replaced(lambda file: None), "lacks layer 'convolution_1', variable 0"),
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
            "wrong kind of numbers",
        ),
    ],
)
def test_weights_files_that_reach_out_or_do_not_fit(preset, change, message, monkeypatch):
    # Links start from the working folder: what they point to exists, so only the check stands in the way.
    monkeypatch.chdir(preset.parent)
    with h5py.File("other.h5", "w") as other:
        other["x"] = np.ones((5, 5, 1, 2), "float32")
    (preset.parent / "secret.bin").write_bytes(np.ones(50, "float32").tobytes())
    with_weights(preset, change)
    refuses(preset, message)


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + b"\0" * 200])
def test_weights_that_are_no_hdf5(preset, content):
    replace_file(preset, WEIGHTS, content)
    refuses(preset, f"{WEIGHTS} is no readable HDF5 file")


def test_no_random_damage_gets_through(preset):
    """Damage under a matching sha256 is refused, or gives a model of finite numbers; it never crashes."""
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
        (lambda archive: archive.writestr("../evil", "x"), "leaves it. Received: '../evil'"),
        (lambda archive: archive.writestr("/evil", "x"), "leaves it. Received: '/evil'"),
        (lambda archive: archive.writestr("a\\..\\evil", "x"), "leaves it"),
        (lambda archive: archive.writestr("C:evil", "x"), "leaves it"),
        (link_entry, "leaves it. Received: 'link'"),
    ],
)
def test_zip_entries_that_leave_the_archive(preset, change, message):
    refuses(zipped(preset, preset.parent / "p.zip", change), message)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_with_a_name_twice(preset):
    path = zipped(preset, preset.parent / "p.zip", lambda archive: archive.writestr("README.md", "x"))
    refuses(path, "holds a name twice. Received: 'README.md'")


def test_zip_bomb_stops_at_the_declared_size(preset):
    (preset / "README.md").write_bytes(b"\0" * 10_000_000)
    refuses(zipped(preset, preset.parent / "p.zip"), "README.md must have at most [0-9]+ bytes")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_truncated_zip(preset, share):
    path = zipped(preset, preset.parent / "p.zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refuses(path, "is no readable zip file")


def test_damaged_zip_content(preset):
    path = zipped(preset, preset.parent / "p.zip")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 50] = bytes(50)
    path.write_bytes(content)
    refuses(path, "is no readable zip file|sha256")


def test_zip_of_the_folder_itself(preset):
    path = shutil.make_archive(str(preset.parent / "p"), "zip", preset.parent, preset.name)
    refuses(path, "preset.json is missing at the top of the zip file")


def test_a_file_that_is_no_preset(tmp_path):
    (tmp_path / "model.keras").write_text("x")
    refuses(tmp_path / "model.keras", "is no readable zip file")
