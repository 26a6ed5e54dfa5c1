"""Helpers of the preset tests: small models with changed statistics, and editing of a saved preset."""

import hashlib
import json

import numpy as np
import pytest

from keras_cnn_zoo.models import LeNet5, UNet, from_preset
from keras_cnn_zoo.utils.errors import InputError

CARD = {
    "summary": "Reads digits.",
    "data": "Ten handwritten digits.",
    "data_spec": "npz:digits.npz",
    "license": "none stated",
    "metrics": {"accuracy": 0.5},
    "evaluated_on": "ten other digits",
    "command": "python -m applications.classification fit",
    "seed": 3,
    "notes": "A test's preset.",
}


def scrambled(model, seed=0):
    """Draws every weight again, so that initial zeros and ones cannot be mistaken for loaded values."""
    generator = np.random.default_rng(seed)
    model.set_weights([generator.uniform(0.25, 1.0, weight.shape) for weight in model.get_weights()])
    return model


def small_lenet(**arguments):
    names = tuple("abc")
    return scrambled(LeNet5(3, input_shape=(16, 16, 1), width=0.1, class_names=names, **arguments))


def small_unet(**arguments):
    return scrambled(UNet(2, input_shape=(16, 16, 3), variant="small", width=0.1, depth=1, **arguments))


def edit_manifest(folder, change):
    """Applies `change` to the parsed preset.json. A returned value replaces it."""
    path = folder / "preset.json"
    manifest = json.loads(path.read_text())
    replaced = change(manifest)
    path.write_text(json.dumps(manifest if replaced is None else replaced))


def replace_file(folder, name, content):
    """Writes new bytes for a file, and their size and sha256 in the manifest."""
    (folder / name).write_bytes(content)
    record = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    edit_manifest(folder, lambda manifest: manifest["files"].update({name: record}))


def snapshot(path):
    """Returns the bytes of a file, or of all files in a folder by name."""
    if path.is_dir():
        return {entry.name: entry.read_bytes() for entry in sorted(path.iterdir())}
    return path.read_bytes()


def refuses(path, message, **overrides):
    """Checks that loading fails with one line that begins with the preset and matches `message`."""
    with pytest.raises(InputError, match=message) as caught:
        from_preset(path, **overrides)
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"Preset '{path}"[:60])
