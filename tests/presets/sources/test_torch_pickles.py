"""The reader of PyTorch files against PyTorch's own, and against files that are not plain weights."""

import collections
import io
import pickle
import zipfile

import numpy as np
import pytest

from keras_cnn_zoo.presets.sources import torch_pickles

torch = pytest.importorskip("torch")

ZIPPED = (True, False)


def state():
    draw = torch.Generator().manual_seed(0)
    kernel = torch.rand(4, 3, 3, 3, generator=draw)
    return collections.OrderedDict(
        kernel=kernel,
        transposed=kernel.permute(2, 3, 1, 0),
        part=kernel[1:, ::2],
        bias=torch.rand(4, generator=draw),
        count=torch.tensor(7),
        empty=torch.zeros(0, 3),
        large=torch.tensor([2**40, -1]),
    )


def written(path, content, zipped):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", ZIPPED)
def test_arrays_are_those_of_pytorch(tmp_path, zipped):
    path = written(tmp_path / "a.pth", state(), zipped)
    found = torch_pickles.read(path)
    wanted = torch.load(path, weights_only=True)
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].dtype == tensor.numpy().dtype


class Harmful:
    ran = []

    def __reduce__(self):
        return (Harmful.ran.append, ("ran",))


@pytest.mark.parametrize("zipped", ZIPPED)
def test_code_is_refused_and_never_runs(tmp_path, zipped):
    path = written(tmp_path / "a.pth", {"kernel": Harmful()}, zipped)
    with pytest.raises(ValueError, match="which is not part of a plain dict of weights"):
        torch_pickles.read(path)
    assert Harmful.ran == []


@pytest.mark.parametrize("zipped", ZIPPED)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(2)], "must have a dict of weights. Received: a list"),
        ({"kernel": 3}, "the entry 'kernel'"),
        ({"half": torch.zeros(2, dtype=torch.float16)}, "it names torch.HalfStorage"),
        (torch.nn.Linear(2, 2), "which is not part of a plain dict of weights"),
    ],
)
def test_other_contents_are_refused(tmp_path, content, message, zipped):
    with pytest.raises(ValueError, match=message):
        torch_pickles.read(written(tmp_path / "a.pth", content, zipped))


@pytest.mark.parametrize("zipped", ZIPPED)
def test_a_file_cut_anywhere_is_refused(tmp_path, zipped):
    whole = written(tmp_path / "a.pth", state(), zipped).read_bytes()
    cut = tmp_path / "b.pth"
    for length in range(0, len(whole) - 1, max(1, len(whole) // 60)):
        cut.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"^its? "):
            torch_pickles.read(cut)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x02", pickle.dumps({"a": 1})])
def test_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^it "):
        torch_pickles.read(path)


def test_a_zip_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other/readme.txt", "x")
    with pytest.raises(ValueError, match="it has no data.pkl"):
        torch_pickles.read(path)


def rewritten(path, replace):
    """Writes the zip file again with other bytes for the entries with these ends of names."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, next((new for end, new in replace.items() if name.endswith(end)), content))


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"data/0": b"\0" * 3}, "its storage 0 must have"),
        ({"data/0": b"\0" * 2**22}, "its storage 0 must have"),
        ({"byteorder": b"big"}, "another byte order"),
    ],
)
def test_a_changed_archive_is_refused(tmp_path, replace, message):
    path = written(tmp_path / "a.pth", state(), True)
    rewritten(path, replace)
    with pytest.raises(ValueError, match=message):
        torch_pickles.read(path)


class Storage:
    """Is pickled as a storage of two numbers."""


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", torch.FloatStorage, "0", "cpu", 2) if isinstance(value, Storage) else None


class Tensor:
    def __init__(self, offset, shape, strides):
        self.given = (Storage(), offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return (torch._utils._rebuild_tensor_v2, self.given)


@pytest.mark.parametrize(
    "given",
    [
        (0, (3,), (1,)),
        (1, (2,), (1,)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (10**9, 10**9), (0, 0)),
        (0, (2,), ()),
    ],
)
def test_a_tensor_outside_of_its_storage_is_refused(tmp_path, given):
    path, content = tmp_path / "a.pth", io.BytesIO()
    Pickler(content, protocol=2).dump({"kernel": Tensor(*given)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content.getvalue())
        archive.writestr("archive/data/0", b"\0" * 8)
    with pytest.raises(ValueError, match="outside of its storage|describes a tensor in an unknown way"):
        torch_pickles.read(path)
