"""The presets of the package, and the resolution of names and paths given by a user."""

import difflib
import os
from pathlib import Path

from keras_cnn_zoo.presets import packaged, sources
from keras_cnn_zoo.presets.configs import resolve_class
from keras_cnn_zoo.presets.manifest import MANIFEST, WEIGHTS, shown
from keras_cnn_zoo.presets.sources import hub
from keras_cnn_zoo.presets.storage import read_manifest
from keras_cnn_zoo.utils import registry
from keras_cnn_zoo.utils.errors import InputError

FOLDER = Path(__file__).resolve().parent


def folders():
    """Returns the folders of all bundled presets by name, sorted."""
    return {path.parent.name: path.parent for path in sorted(FOLDER.glob(f"*/{MANIFEST}"))}


def list_presets(task=None):
    """Returns the presets that a name loads, one dict per preset.

    Args:
        task: a task such as "segmentation", or None for all.

    Returns:
        A list of dicts sorted by name: `name`, `task`, `class`, `summary`, `num_classes`, `metrics`, `data`,
        `license`, `bytes` (the size of the weights), and `package`: the Python package that has the weights,
        or None if they are bundled.

    Raises:
        InputError: for an unknown task.

    >>> from keras_cnn_zoo import models
    >>> [preset["name"] for preset in models.list_presets("classification")]
    ['efficientnet_lite0_imagenet', 'lenet5_mnist', 'resnet18_cifar10', 'vgg16_hed']
    """
    tasks = registry.tasks()
    if task is not None and task not in tasks:
        raise InputError(f"`task` must be one of {', '.join(tasks)} or None. Received: task={shown(task)}")
    found = {name: read_manifest(repr(name), folder) for name, folder in folders().items()}
    found |= packaged.manifests()
    listed = []
    for name, manifest in sorted(found.items()):
        own_task = resolve_class(repr(name), manifest["class"]).task
        if task in (None, own_task):
            weights = manifest["package"] if "package" in manifest else manifest["files"][WEIGHTS]
            listed.append(
                {
                    "name": name,
                    "task": own_task,
                    "class": manifest["class"],
                    "summary": manifest["summary"],
                    "num_classes": manifest["config"].get("num_classes"),
                    "metrics": manifest["metrics"],
                    "data": manifest["training"].get("data"),
                    "license": manifest["training"].get("license"),
                    "bytes": weights["bytes"],
                    "package": weights.get("distribution"),
                }
            )
    return listed


def locate(name_or_path, weights=None):
    """Returns the name of a preset in messages, and its path. Bundled names come before paths.

    Args:
        name_or_path: as for `load`.
        weights: path that replaces the download of a preset on the hub, or None.

    Raises:
        InputError: if there is no such preset. The message suggests the closest bundled name.
    """
    if not isinstance(name_or_path, (str, os.PathLike)) or not os.fspath(name_or_path):
        raise InputError(f"The name of a preset must be a string or path. Received: {shown(name_or_path)}")
    label, known = shown(os.fspath(name_or_path)), folders()
    if weights is not None and not sources.is_on_hub(name_or_path):
        raise InputError(f"Preset {label}: has its own weights. Received: weights={shown(str(weights))}")
    if not isinstance(name_or_path, str):
        name_or_path = os.fspath(name_or_path)
    elif name_or_path in known:
        return label, known[name_or_path]
    elif sources.is_on_hub(name_or_path):
        return label, hub.folder(label, name_or_path, weights)
    elif sources.collection_of(name_or_path) is not None:
        raise InputError(
            f"Preset {label}: a network of another collection has weights, but is not a preset: give it as "
            f"`backbone`. For a local folder, write {shown('./' + name_or_path)}"
        )
    path = Path(name_or_path).expanduser()
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if exists:
        return label, path
    names = sorted({*known, *packaged.manifests()})
    close = difflib.get_close_matches(name_or_path, names, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(f"Preset {label}: no such folder, file, or preset; {meant}Known: {', '.join(names)}")


def exists(name_or_path):
    """Returns whether `load` would find a preset.

    Args:
        name_or_path: as for `load`.
    """
    if name_or_path in packaged.manifests():
        return True
    try:
        locate(name_or_path)
    except InputError:
        return False
    return True
