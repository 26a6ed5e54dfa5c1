"""Writes weights in Keras' HDF5 layout in half precision, and reads them with all checks, in memory."""

import io

import h5py
import numpy as np

from keras_cnn_zoo.presets.manifest import WEIGHTS, fail, shown
from keras_cnn_zoo.utils.errors import InputError

PRECISIONS = ("float16", "float32")
_DEEPEST = 40


class Memory(io.BytesIO):
    """A file in memory that `save_weights` and `load_weights` accept because of its name.

    On a full disk, HDF5 prints many messages and leaves a file half open. The bytes in memory are therefore
    written by `storage`.
    """

    def __str__(self):
        return WEIGHTS


def pack(label, model, precision="float16"):
    """Returns the weights of `model` as bytes that `model.load_weights` reads.

    Kernels (rank 2 and more) are stored in `precision`, vectors such as the statistics of batch normalization
    in float32, and integers unchanged. The state of the optimizer is left out.

    Args:
        label: name of the preset in messages.
        model: a built Keras model.
        precision: "float16" or "float32".
    """
    buffer = io.BytesIO()
    with h5py.File(_native(model), "r") as source, h5py.File(buffer, "w") as target:

        def copy(path, item):
            if path.split("/")[0] == "optimizer":
                return
            if isinstance(item, h5py.Group):
                made = target.require_group(path)
                for key, value in item.attrs.items():
                    made.attrs[key] = value
            else:
                target.create_dataset(path, data=_packed(label, item, precision))

        source.visititems(copy)
    return buffer.getvalue()


def load_into(label, model, raw, fresh_layers=()):
    """Loads the bytes `raw` into `model`, after checking every object in them and its shape.

    Args:
        label: name of the preset in messages.
        model: a built model with freshly initialized weights.
        raw: bytes of a weights file.
        fresh_layers: names of layers that keep their fresh weights.
    """
    merged = Memory()
    with h5py.File(_native(model), "r") as wanted, h5py.File(merged, "w") as target:
        heads = tuple(f"{_group_of(label, wanted, name)}/" for name in fresh_layers)
        kept = {path: item for path, item in _datasets(wanted).items() if not path.startswith(heads)}
        try:
            with h5py.File(io.BytesIO(raw), "r") as source:
                given = {}
                audit(label, source, "", given, set())
                given = {path: item for path, item in given.items() if not path.startswith(heads)}
                _check_fit(label, wanted, kept, given)
                wanted.visititems(
                    lambda path, item: target.require_group(path) if isinstance(item, h5py.Group) else None
                )
                for path, item in _datasets(wanted).items():
                    if path not in kept:
                        wanted.copy(item, target, name=path)
                        continue
                    values = given[path][()]
                    if not np.isfinite(values).all():
                        fail(label, f"{WEIGHTS} has NaN or infinite values in {_described(item)}")
                    target.create_dataset(path, data=values)
        except InputError:
            raise
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            fail(label, f"{WEIGHTS} is not a readable HDF5 file ({error})", error)
    model.load_weights(merged)


def _native(model):
    """Returns Keras' own weights file of `model`, in memory."""
    buffer = Memory()
    model.save_weights(buffer)
    buffer.seek(0)
    return buffer


def _packed(label, dataset, precision):
    values = dataset[()]
    if dataset.attrs.get("dtype") == "bfloat16":
        import ml_dtypes

        values = values.view(ml_dtypes.bfloat16).astype("float32")
    if values.dtype.kind != "f":
        return values
    if not np.isfinite(values).all():
        fail(label, f"{_described(dataset)} must have finite values. Received: NaN or infinity")
    stored = precision if values.ndim >= 2 else "float32"
    with np.errstate(over="ignore"):
        packed = values.astype(stored)
    if not np.isfinite(packed).all():
        fail(
            label,
            f'{_described(dataset)} does not fit {stored} (save it with precision="float32"). '
            f"Received: a value of {np.abs(values).max():.6g}",
        )
    return packed


def _described(dataset):
    """Returns the dataset in words. In Keras' layout its group has the layer's name."""
    name = dataset.parent.attrs.get("name", dataset.parent.name)
    return f"layer {shown(str(name))}, variable {dataset.name.rsplit('/', 1)[-1]}"


def _datasets(file):
    found = {}
    file.visititems(lambda path, item: found.update({path: item}) if isinstance(item, h5py.Dataset) else None)
    return found


def _group_of(label, wanted, layer_name):
    """Returns the path of the group of the layer called `layer_name`."""
    paths = []

    def visit(path, item):
        if path.endswith("/vars") and item.attrs.get("name") == layer_name:
            paths.append(path.removesuffix("/vars"))

    wanted.visititems(visit)
    if len(paths) != 1:
        fail(label, f"the head to replace must be one layer of the model. Received: {shown(layer_name)}")
    return paths[0]


def audit(label, group, prefix, found, seen, depth=0):
    """Collects the datasets of a file. Refuses anything that is not a plain array in this file.

    Args:
        label: name of the preset in messages.
        group: the open file, or a group of it.
        prefix: path of the group, with a slash at its end, or "".
        found: dict from path to dataset, to which the datasets are added.
        seen: set of addresses, to which those of all objects are added.
        depth: number of groups around this one.
    """
    if depth > _DEEPEST:
        fail(label, f"{WEIGHTS} is nested deeper than {_DEEPEST} levels")
    for key in group:
        path = f"{prefix}{key}"
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            fail(label, f"{WEIGHTS} must not have links. Received: {type(link).__name__} {shown(path)}")
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            fail(label, f"{WEIGHTS} must not have one object under two names. Received: {shown(path)}")
        seen.add(address)
        if isinstance(item, h5py.Group):
            audit(label, item, f"{path}/", found, seen, depth + 1)
            continue
        plain = isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.shape is not None
        if not plain or item.external or item.is_virtual:
            fail(label, f"{WEIGHTS} must have only plain arrays of numbers. Received: {shown(path)}")
        found[path] = item


def _check_fit(label, wanted, kept, given):
    missing = sorted(set(kept) - set(given))
    if missing:
        others = f" and {len(missing) - 1} more" if missing[1:] else ""
        fail(label, f"{WEIGHTS} must have {_described(wanted[missing[0]])}{others}")
    unknown = sorted(set(given) - set(kept))
    if unknown:
        fail(label, f"{WEIGHTS} has weights that this model does not have. Received: {shown(unknown)}")
    for path, item in kept.items():
        if given[path].shape != item.shape:
            fail(
                label,
                f"the weights of {_described(item)} must have the model's shape {item.shape}. "
                f"Received: shape {given[path].shape}",
            )
        if (given[path].dtype.kind == "f") != (item.dtype.kind in "fV"):
            fail(label, f"{_described(item)} has the wrong type of numbers. Received: {given[path].dtype}")
