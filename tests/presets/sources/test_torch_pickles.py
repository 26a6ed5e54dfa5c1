"""The reader of PyTorch files against PyTorch's own, and against files that are not plain weights."""

import collections
import io
import pickle
import struct
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


def rewritten(path, replace, compression=zipfile.ZIP_STORED):
    """Writes the zip file again with other bytes for the entries with these ends of names."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
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


def test_a_file_that_unpacks_to_more_than_its_size_is_refused(tmp_path):
    path = written(tmp_path / "a.pth", state(), True)
    rewritten(path, {"data/0": bytes(2**22)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="it unpacks to more than its size"):
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
        (10**30, (2,), (1,)),
        (0, (2,), (10**30,)),
        (0, (10**30, 0), (1, 1)),
        (0, (1,) * 70, (1,) * 70),
        (0, (2,), ()),
    ],
)
def test_a_tensor_outside_of_its_storage_is_refused(tmp_path, given):
    content = io.BytesIO()
    Pickler(content, protocol=2).dump({"kernel": Tensor(*given)})
    with pytest.raises(ValueError, match="outside of its storage|describes a tensor in an unknown way"):
        torch_pickles.read(handmade(tmp_path / "a.pth", content.getvalue(), True))


def handmade(path, content, zipped):
    """Writes a pickle as a file whose storage "0" has the two numbers 0 and 1."""
    numbers = np.arange(2, dtype="<f4").tobytes()
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/data/0", numbers)
        return path
    before = (torch_pickles._MAGIC, torch_pickles._PROTOCOL, {"little_endian": True})
    start = b"".join(pickle.dumps(part, protocol=2) for part in before)
    path.write_bytes(start + content + pickle.dumps(["0"], protocol=2) + struct.pack("<q", 2) + numbers)
    return path


def opcodes(value):
    """Returns the opcodes that put a value of JSON, or a tuple, on the stack."""
    return pickle.dumps(value, protocol=2)[2:-1]


ORDERED, REBUILD, FLOATS = (
    b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nFloatStorage\n",
)
# Kept as number 20, so that it can be changed later.
STORAGE = b"(" + opcodes("storage") + FLOATS + opcodes("0") + opcodes("cpu") + opcodes(2) + b"tQq\x14"


def tensor(storage=STORAGE, shape=(2,)):
    given = opcodes(0) + opcodes(shape) + opcodes((1,)) + opcodes(False) + ORDERED + b")R"
    return REBUILD + b"(" + storage + given + b"tR"


def dict_of(value, new=b"}"):
    return b"\x80\x02" + new + opcodes("kernel") + value + b"s."


def changed(**attributes):
    """Returns the opcodes that write attributes into an object, directly and by `setattr`."""
    return opcodes(attributes) + b"b", opcodes((None, attributes)) + b"b"


FAR = {"shape": (10**6,), "strides": (1,)}


@pytest.mark.parametrize("zipped", ZIPPED)
@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize(
    "content",
    [
        lambda way: dict_of(tensor() + changed(**FAR)[way]),
        # The length is as before when the storage is read.
        lambda way: dict_of(
            tensor(STORAGE + changed(length=10**6)[way], (10**6,))
            + (b"h\x14" + changed(length=2)[way] + b"0")
        ),
        lambda way: dict_of(REBUILD + changed(__defaults__=(1,), more=1)[way]),
        lambda way: dict_of(FLOATS + changed(length=2)[way]),
        lambda way: dict_of(ORDERED + changed(items=2)[way]),
    ],
    ids=["tensor", "storage", "function", "kind", "class"],
)
def test_a_pickle_cannot_change_what_it_describes(tmp_path, content, way, zipped):
    path = handmade(tmp_path / "a.pth", content(way), zipped)
    with pytest.raises(ValueError, match=r"^it is not a PyTorch file of weights \((?!it counts)"):
        torch_pickles.read(path)


@pytest.mark.parametrize("zipped", ZIPPED)
def test_a_dict_may_have_attributes(tmp_path, zipped):
    path = handmade(tmp_path / "a.pth", dict_of(tensor()), zipped)
    np.testing.assert_array_equal(torch_pickles.read(path)["kernel"], [0, 1])
    # PyTorch stores versions in them. A file may also replace methods of its dict.
    linear = torch.nn.Linear(2, 3).state_dict()
    assert "_metadata" in vars(linear)
    found = torch_pickles.read(written(tmp_path / "b.pth", linear, zipped))
    np.testing.assert_array_equal(found["weight"], linear["weight"].numpy())
    replaced = ORDERED + b")R}" + opcodes("items") + ORDERED + b"sb"
    path = handmade(tmp_path / "c.pth", dict_of(tensor(), replaced), zipped)
    np.testing.assert_array_equal(torch_pickles.read(path)["kernel"], [0, 1])


@pytest.mark.parametrize("zipped", ZIPPED)
def test_a_pickle_with_a_large_count_of_objects_is_refused(tmp_path, zipped):
    path = handmade(tmp_path / "a.pth", b"\x80\x02}r\xff\xff\xff\x7f.", zipped)
    with pytest.raises(ValueError, match="it counts 2147483647 objects"):
        torch_pickles.read(path)


def test_an_entry_with_fewer_bytes_than_it_declares_is_refused(tmp_path):
    path, count = tmp_path / "a.pth", 1000
    storage = STORAGE.replace(opcodes(2), opcodes(count))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", dict_of(tensor(storage, (count,))))
        archive.writestr("archive/data/0", bytes(8))
        archive.writestr("archive/rest", bytes(4 * count))
        # Sizes that the directory at the end of the file gives, which no reader compares.
        archive.getinfo("archive/data/0").file_size = 4 * count
        archive.getinfo("archive/rest").file_size = 0
    with pytest.raises(ValueError, match="its storage 0 must have 1000 numbers"):
        torch_pickles.read(path)


def test_the_stride_of_an_axis_of_one_cell_has_no_meaning(tmp_path):
    content = io.BytesIO()
    Pickler(content, protocol=2).dump({"kernel": Tensor(0, (1, 2), (10**30, 1))})
    found = torch_pickles.read(handmade(tmp_path / "a.pth", content.getvalue(), True))
    np.testing.assert_array_equal(found["kernel"], [[0, 1]])
