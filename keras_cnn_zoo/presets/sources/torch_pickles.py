"""Reads the arrays of a PyTorch state file (`.pth`) without PyTorch, and without running code from it.

Both layouts are read: a zip file with one entry per storage (since PyTorch 1.6), and the older sequence of
pickles, followed by the bytes of each storage. A pickle may only name the four objects of a plain state dict.

    pickle -> {name: _Tensor(storage key, offset, shape, strides)}
    storages -> {key: flat array}
    both -> {name: array}, after checking that each tensor lies inside its storage
"""

import collections
import dataclasses
import io
import math
import os
import pickle
import zipfile

import numpy as np

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclasses.dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype
    length: int


@dataclasses.dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


class _Reader(pickle.Unpickler):
    """Reads a pickle in which only the names of a state dict have a meaning."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise ValueError(f"it names {module}.{name}, which is not part of a plain dict of weights")

    def persistent_load(self, pid):
        # ("storage", dtype, key, device, length), and in the older layout None for "not a part of another".
        if (
            not isinstance(pid, tuple)
            or len(pid) not in (5, 6)
            or pid[0] != "storage"
            or not isinstance(pid[1], np.dtype)
            or not isinstance(pid[2], str)
            or not _is_count(pid[4])
            or pid[5:] not in ((), (None,))
        ):
            raise ValueError("it describes a storage in an unknown way")
        storage = _Storage(pid[2], pid[1], pid[4])
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"it describes the storage {storage.key} in two ways")
        return storage


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _tensor(storage, offset, shape, strides, *_):
    whole = (
        isinstance(storage, _Storage)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
        and len(shape) == len(strides)
        and all(map(_is_count, (offset, *shape, *strides)))
    )
    if not whole:
        raise ValueError("it describes a tensor in an unknown way")
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    # Overlapping strides could describe an array that is far larger than the file.
    if 0 not in shape and (last >= storage.length or math.prod(shape) > storage.length):
        raise ValueError(f"it has a tensor of shape {shape} outside of its storage")
    return _Tensor(storage, offset, shape, strides)


def read(path):
    """Returns {name: array} of the weights in a `.pth` file.

    Args:
        path: the file.

    Raises:
        ValueError: for a file that is truncated, has anything but float32 and int64 arrays, or names code.
            The message is a clause, such as "it ends before the weights".
        OSError: if the file cannot be read.
    """
    try:
        state, storages = _of_zip(path) if zipfile.is_zipfile(path) else _of_sequence(path)
    except EOFError as error:
        raise ValueError("it ends before the weights") from error
    # Damaged bytes can make the unpickler raise almost anything.
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
    ) as error:
        raise ValueError(f"it is not a PyTorch file of weights ({error})") from error
    if not isinstance(state, dict):
        raise ValueError(f"it must have a dict of weights. Received: a {type(state).__name__}")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise ValueError(f"it must have a dict of weights. Received: the entry {name!r}")
    return {name: _array(tensor, storages) for name, tensor in state.items()}


def _of_zip(path):
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        indexes = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(indexes) != 1:
            raise ValueError("it has no data.pkl, so it is not a PyTorch file of weights")
        (index,) = indexes
        folder = index.removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("it was written on a machine with another byte order")
        reader = _Reader(io.BytesIO(archive.read(index)))
        state = reader.load()
        storages = {}
        for key, storage in reader.storages.items():
            entry = archive.getinfo(f"{folder}data/{key}")
            # The size is checked before the entry is read, because an entry could be compressed.
            if entry.file_size != storage.length * storage.dtype.itemsize:
                raise ValueError(f"its storage {key} must have {storage.length} numbers")
            storages[key] = np.frombuffer(archive.read(entry), storage.dtype)
    return state, storages


def _of_sequence(path):
    with open(path, "rb") as file:
        total = os.fstat(file.fileno()).st_size
        if _Reader(file).load() != _MAGIC or _Reader(file).load() != _PROTOCOL:
            raise ValueError("it is not a PyTorch file of weights")
        if not _Reader(file).load()["little_endian"]:
            raise ValueError("it was written on a machine with another byte order")
        reader = _Reader(file)
        state = reader.load()
        keys = _Reader(file).load()
        storages = {}
        for key in keys:
            storage = reader.storages[key]
            size = storage.length * storage.dtype.itemsize
            if int.from_bytes(file.read(8), "little") != storage.length or size > total - file.tell():
                raise ValueError("it ends before the weights")
            storages[key] = np.frombuffer(file.read(size), storage.dtype)
    return state, storages


def _array(tensor, storages):
    flat = storages[tensor.storage.key]
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, flat.dtype)
    steps = tuple(step * flat.itemsize for step in tensor.strides)
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False)
    return view.copy()
