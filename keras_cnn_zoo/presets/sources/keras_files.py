"""Reads a file of weights into a network of Keras: `.h5` in the older layout, `.weights.h5`, and `.keras`."""

import contextlib
import io
import os
import zipfile

import h5py
import keras
import numpy as np

from keras_cnn_zoo.presets import weights as weight_files
from keras_cnn_zoo.presets.manifest import WEIGHTS, fail
from keras_cnn_zoo.utils.errors import InputError

SUFFIXES = (".h5", ".hdf5", ".keras")
# Weights hardly compress, so that the arrays of a file are at most this multiple of its size.
_EXPANSION = 16


def load(label, make, path):
    """Returns a network without its head, with the weights of a file of the network with or without it.

    Args:
        label: the spec in messages.
        make: function of `include_top` that returns the network with fresh weights.
        path: the file. Nothing in it is run, and only plain arrays of numbers are read.

    Raises:
        InputError: for another kind of file, a truncated one, one of another network, or NaN in the weights.
    """
    if not os.path.isfile(path):
        fail(label, f"the weights file {path} does not exist")
    if not path.endswith(SUFFIXES):
        fail(label, f"`weights` must be a .h5, .weights.h5, or .keras file of the network. Received: {path}")
    try:
        with _opened(path) as file:
            _check_size(path, _arrays_of(label, file))
            network = _filled(label, make, path, file)
    except InputError:
        raise
    # Damaged bytes can make HDF5 raise almost anything.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        fail(label, f"{path} cannot be read as weights of this network ({reason})", error)
    for weight in network.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            fail(label, f"{path} has NaN or infinite values in {weight.path}")
    return network


@contextlib.contextmanager
def _opened(path):
    """Opens the HDF5 part of a file."""
    if not path.endswith(".keras"):
        with h5py.File(path, "r") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        _check_size(path, archive.getinfo(WEIGHTS).file_size)
        content = io.BytesIO(archive.read(WEIGHTS))
    with h5py.File(content, "r") as file:
        yield file


def _arrays_of(label, file):
    """Returns the number of bytes of all arrays, after checking that the file has nothing else."""
    found = {}
    weight_files.audit(label, file, "", found, set())
    return sum(item.nbytes for item in found.values())


def _check_size(path, unpacked):
    if unpacked > _EXPANSION * os.path.getsize(path):
        raise ValueError(f"it unpacks to {unpacked} bytes, far more than its size")


def _filled(label, make, path, file):
    old = "layer_names" in file.attrs or "model_weights" in file
    fill = _fill_by_order if old else _fill_by_path
    network = make(False)
    try:
        fill(network, path, file)
        return network
    except (LookupError, ValueError) as error:
        first = error
    whole = make(True)
    try:
        fill(whole, path, file)
    except (LookupError, ValueError):
        # The file without a head says more, except on a file with one.
        raise first from None
    # The head is at the end, so that the other weights come first, in the same order.
    values = whole.get_weights()[: len(network.weights)]
    network.set_weights(values)
    return network


def _fill_by_order(network, path, file):
    """Loads the older layout, in which the layers are in order, whatever their names."""
    network.load_weights(path)


def _fill_by_path(network, path, file):
    """Loads Keras 3's layout. A file with more or less than the network's weights is refused."""
    wanted, kept = weight_files.Memory(), weight_files.Memory()
    network.save_weights(wanted)
    wanted.seek(0)
    with h5py.File(wanted, "r") as own, h5py.File(kept, "w") as copy:
        given, paths = _paths(file), _paths(own)
        for name in sorted(given ^ paths):
            raise ValueError(f"{name} is {'not of the network' if name in given else 'missing'}")
        for name, item in file.items():
            if name != "optimizer":
                file.copy(item, copy, name=name)
    network.load_weights(kept)


def _paths(file):
    found = set()
    file.visititems(lambda path, item: found.add(path) if isinstance(item, h5py.Dataset) else None)
    return {path for path in found if not path.startswith("optimizer/")}
