"""Weights in Keras' own HDF5 layout, written in half precision and read with suspicion, both in memory."""

import io

import h5py
import numpy as np

from keras_cnn_zoo.presets.manifest import WEIGHTS, fail, shown
from keras_cnn_zoo.utils.errors import InputError

PRECISIONS = ("float16", "float32")
_DEEPEST = 40


class _Memory(io.BytesIO):
    """A file in memory that `save_weights` and `load_weights` accept.

    They go by the ending of the name and take file objects. Written to disk directly, HDF5 meets a full disk
    with a storm of messages and a half-open file; bytes in memory are written by `storage` in one piece.
    """

    def __str__(self):
        return WEIGHTS


def pack(label, model, precision="float16"):
    """The weights of `model` as bytes that plain `model.load_weights` reads.

    Kernels (rank 2 and more) are stored in `precision`, vectors such as the statistics of batch normalization
    in float32, integers as they are. The state of the optimizer is left out.

    Args:
        label: what messages call the preset.
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
    """Loads the bytes `raw` into `model`, after every object in them was found sound and of the right shape.

    Args:
        label: what messages call the preset.
        model: a built model with freshly initialised weights.
        raw: contents of a weights file.
        fresh_layers: names of layers that keep their fresh weights.
    """
    merged = _Memory()
    with h5py.File(_native(model), "r") as wanted, h5py.File(merged, "w") as target:
        heads = tuple(f"{_group_of(label, wanted, name)}/" for name in fresh_layers)
        kept = {path: item for path, item in _datasets(wanted).items() if not path.startswith(heads)}
        try:
            with h5py.File(io.BytesIO(raw), "r") as source:
                given = {}
                _audit(label, source, "", given, set())
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
                        fail(label, f"{WEIGHTS} holds NaN or infinite values in {_spoken(item)}")
                    target.create_dataset(path, data=values)
        except InputError:
            raise
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            fail(label, f"{WEIGHTS} is no readable HDF5 file ({error})", error)
    model.load_weights(merged)


def _native(model):
    """What Keras itself writes for `model`, as a file in memory."""
    buffer = _Memory()
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
        fail(label, f"{_spoken(dataset)} holds NaN or infinite values, which a preset may not")
    stored = precision if values.ndim >= 2 else "float32"
    with np.errstate(over="ignore"):
        packed = values.astype(stored)
    if not np.isfinite(packed).all():
        fail(
            label,
            f'{_spoken(dataset)} does not fit {stored} (save it with precision="float32"). '
            f"Received: a value of {np.abs(values).max():.6g}",
        )
    return packed


def _spoken(dataset):
    """The dataset in words: in Keras' layout the group around it carries the layer's name."""
    name = dataset.parent.attrs.get("name", dataset.parent.name)
    return f"layer {shown(str(name))}, variable {dataset.name.rsplit('/', 1)[-1]}"


def _datasets(file):
    found = {}
    file.visititems(lambda path, item: found.update({path: item}) if isinstance(item, h5py.Dataset) else None)
    return found


def _group_of(label, wanted, layer_name):
    """Path of the group in which Keras keeps the layer called `layer_name`."""
    paths = []

    def visit(path, item):
        if path.endswith("/vars") and item.attrs.get("name") == layer_name:
            paths.append(path.removesuffix("/vars"))

    wanted.visititems(visit)
    if len(paths) != 1:
        fail(label, f"the head to swap must be one layer of the model. Received: head {shown(layer_name)}")
    return paths[0]


def _audit(label, group, prefix, found, seen, depth=0):
    """Collects the datasets of a file; refuses whatever is not a plain array that lies in this file."""
    if depth > _DEEPEST:
        fail(label, f"{WEIGHTS} is nested deeper than {_DEEPEST} levels")
    for key in group:
        path = f"{prefix}{key}"
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            fail(label, f"{WEIGHTS} holds a link. Received: {type(link).__name__} {shown(path)}")
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            fail(label, f"{WEIGHTS} holds one object under two names. Received: {shown(path)}")
        seen.add(address)
        if isinstance(item, h5py.Group):
            _audit(label, item, f"{path}/", found, seen, depth + 1)
            continue
        plain = isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.shape is not None
        if not plain or item.external or item.is_virtual:
            fail(label, f"{WEIGHTS} may hold plain arrays of numbers only. Received: {shown(path)}")
        found[path] = item


def _check_fit(label, wanted, kept, given):
    missing = sorted(set(kept) - set(given))
    if missing:
        others = f" and {len(missing) - 1} more" if missing[1:] else ""
        fail(label, f"{WEIGHTS} lacks {_spoken(wanted[missing[0]])}{others}")
    unknown = sorted(set(given) - set(kept))
    if unknown:
        fail(label, f"{WEIGHTS} holds weights that this model does not have. Received: {shown(unknown)}")
    for path, item in kept.items():
        if given[path].shape != item.shape:
            fail(
                label,
                f"the weights of {_spoken(item)} do not fit the model, which wants shape {item.shape}. "
                f"Received: shape {given[path].shape}",
            )
        if (given[path].dtype.kind == "f") != (item.dtype.kind in "fV"):
            fail(label, f"{_spoken(item)} has the wrong kind of numbers. Received: {given[path].dtype}")
