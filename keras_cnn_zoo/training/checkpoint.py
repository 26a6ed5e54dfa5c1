"""The state of training in one file, which is replaced atomically."""

import json
import zipfile

import numpy as np

from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import atomic_path

FORMAT_VERSION = 1


def state_of(model):
    """Returns a dict of the variables of a compiled model: weights, optimizer, and the random state."""
    groups = {"model": model.variables, "optimizer": model.optimizer.variables}
    # Metric variables are reset in each epoch and differ between backends: they are not state.
    metric_ids = {id(variable) for variable in model.metrics_variables}
    return {
        f"{group}/{position}": variable
        for group, variables in groups.items()
        for position, variable in enumerate(v for v in variables if id(v) not in metric_ids)
    }


def save(path, model, record):
    """Writes variables, optimizer, and `record` (a dict of JSON values) to `path`, atomically."""
    arrays = {}
    for name, variable in state_of(model).items():
        value = variable.numpy()
        # NumPy has no bfloat16; float32 represents each of its values exactly.
        arrays[name] = value.astype("float32") if value.dtype.name == "bfloat16" else value
    header = json.dumps({"format_version": FORMAT_VERSION, "record": record})
    arrays["header"] = np.frombuffer(header.encode(), dtype="uint8")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def load(path, model):
    """Restores what `save` wrote into a built model with a built optimizer and returns the record."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays.pop("header").tobytes())
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a checkpoint that can be read: {error}") from error
    if header.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path} has format_version {header.get('format_version')}, not {FORMAT_VERSION}")
    state = state_of(model)
    if set(state) != set(arrays):
        raise InputError(
            f"{path} belongs to another model or optimizer: {len(arrays)} arrays, not {len(state)}"
        )
    for name, variable in state.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise InputError(
                f"{path} belongs to another model: {variable.path} has shape {tuple(variable.shape)}, "
                f"the file {arrays[name].shape}"
            )
    for name, variable in state.items():
        variable.assign(arrays[name])
    return header["record"]
