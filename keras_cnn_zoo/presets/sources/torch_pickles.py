"""Reads the arrays of a PyTorch state file (`.pth`) without PyTorch, and without running code from it.

Both layouts are read: a zip file with one entry per storage (since PyTorch 1.6), and the older sequence of
pickles, followed by the bytes of each storage. A pickle may only name the four objects of a plain state dict.

    pickle -> {name: _Tensor(storage, offset, shape, strides)}
    storages -> {key: bytes}
    both -> {name: array}, after checking that each tensor lies inside the bytes of its storage

A pickle can set the attributes of every object that it gets. Only its dicts and lists have any: its storages,
tensors, and functions are objects without attributes to set.
"""

import collections
import io
import math
import os
import pickle
import pickletools
import typing
import zipfile

import numpy as np

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
# Opcodes that store an object under a number that the file chooses.
_NUMBERED = {"PUT", "BINPUT", "LONG_BINPUT"}
# Damaged bytes can make the unpickler raise almost anything.
_DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)


class _Storage(typing.NamedTuple):
    key: str
    kind: str
    length: int

    @property
    def size(self):
        """Number of bytes."""
        return self.length * _DTYPES[self.kind].itemsize


class _Tensor(typing.NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


class _Rebuild:
    """Stands for PyTorch's `_rebuild_tensor_v2`. A pickle could change the attributes of a function."""

    __slots__ = ()

    def __call__(self, storage, offset, shape, strides, *_):
        whole = (
            isinstance(storage, _Storage)
            and isinstance(shape, tuple)
            and isinstance(strides, tuple)
            and len(shape) == len(strides)
            and all(map(_is_count, (offset, *shape, *strides)))
        )
        if not whole:
            raise ValueError("it describes a tensor in an unknown way")
        return _Tensor(storage, offset, shape, strides)


class _Reader(pickle.Unpickler):
    """Reads a pickle in which only the names of a state dict have a meaning."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if module == "torch" and name in _DTYPES:
            # Not the dtype, because a pickle could change its state.
            return name
        raise ValueError(f"it names {module}.{name}, which is not part of a plain dict of weights")

    def persistent_load(self, pid):
        # ("storage", kind, key, device, length), and in the older layout None for "not a part of another".
        if (
            not isinstance(pid, tuple)
            or len(pid) not in (5, 6)
            or pid[0] != "storage"
            or pid[1] not in _DTYPES
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


def read(path):
    """Returns {name: array} of the weights in a `.pth` file. The arrays cannot be written to.

    Args:
        path: the file.

    Raises:
        ValueError: for a file that is truncated, has anything but float32 and int64 arrays, or names code.
            The message is a clause, such as "it ends before the weights".
        OSError: if the file cannot be read.
    """
    try:
        state, storages = _of_zip(path) if zipfile.is_zipfile(path) else _of_sequence(path)
        return _arrays(state, storages)
    except EOFError as error:
        raise ValueError("it ends before the weights") from error
    except _DAMAGE as error:
        raise ValueError(f"it is not a PyTorch file of weights ({error})") from error


def _of_zip(path):
    with zipfile.ZipFile(path) as archive:
        # PyTorch does not compress, so that an entry is never larger than the file.
        if sum(entry.file_size for entry in archive.infolist()) > os.path.getsize(path):
            raise ValueError("it unpacks to more than its size, unlike a file of PyTorch")
        names = set(archive.namelist())
        indexes = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(indexes) != 1:
            raise ValueError("it has no data.pkl, so it is not a PyTorch file of weights")
        (index,) = indexes
        folder = index.removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("it was written on a machine with another byte order")
        state, described = _unpickled(io.BytesIO(archive.read(index)))
        storages = {}
        for key, storage in described.items():
            storages[key] = archive.read(f"{folder}data/{key}")
            if len(storages[key]) != storage.size:
                raise ValueError(f"its storage {key} must have {storage.length} numbers")
    return state, storages


def _of_sequence(path):
    with open(path, "rb") as opened:
        file = io.BytesIO(opened.read())
    if _unpickled(file)[0] != _MAGIC or _unpickled(file)[0] != _PROTOCOL:
        raise ValueError("it is not a PyTorch file of weights")
    if not _unpickled(file)[0]["little_endian"]:
        raise ValueError("it was written on a machine with another byte order")
    state, described = _unpickled(file)
    keys, _ = _unpickled(file)
    storages = {}
    for key in keys:
        storage = described[key]
        length = int.from_bytes(file.read(8), "little")
        storages[key] = file.read(storage.size)
        if length != storage.length or len(storages[key]) != storage.size:
            raise ValueError("it ends before the weights")
    return state, storages


def _unpickled(file):
    """Returns the content of the next pickle of a file in memory, and the storages in it by key."""
    start, size = file.tell(), len(file.getbuffer())
    try:
        for opcode, argument, _ in pickletools.genops(file):
            # The unpickler makes room for all numbers up to this one.
            if opcode.name in _NUMBERED and argument > size:
                raise pickle.UnpicklingError(f"it counts {argument} objects")
    except ValueError as error:
        raise pickle.UnpicklingError(str(error)) from error
    file.seek(start)
    reader = _Reader(file)
    return reader.load(), reader.storages


def _arrays(state, storages):
    if not isinstance(state, dict):
        raise ValueError(f"it must have a dict of weights. Received: a {type(state).__name__}")
    arrays = {}
    # Not by `state.items`, which the pickle could have replaced.
    for name, tensor in dict.items(state):
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise ValueError(f"it must have a dict of weights. Received: the entry {name!r}")
        arrays[name] = _array(tensor, storages[tensor.storage.key])
    return arrays


def _array(tensor, content):
    """Returns the array of a tensor, a view of the bytes of its storage."""
    dtype, shape = _DTYPES[tensor.storage.kind], tensor.shape
    outside = f"it has a tensor of shape {shape} outside of its storage"
    try:
        if 0 in shape:
            return np.zeros(shape, dtype)
        # Overlapping strides could describe an array that is far larger than the file.
        if math.prod(shape) > len(content) // dtype.itemsize:
            raise ValueError(outside)
        # The stride of an axis of one cell has no meaning, and can be any number.
        steps = [stride if size > 1 else 1 for size, stride in zip(shape, tensor.strides, strict=True)]
        # NumPy compares the offset, shape, and strides with the bytes that are there.
        return np.ndarray(
            shape, dtype, content, tensor.offset * dtype.itemsize, [step * dtype.itemsize for step in steps]
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(outside) from error
