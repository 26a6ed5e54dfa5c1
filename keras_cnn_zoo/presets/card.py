"""The model card: the facts that a preset states about its training, and the README made from them."""

import platform
from importlib import metadata

import keras
import numpy as np

from keras_cnn_zoo.presets.manifest import WEIGHTS, check_plain, fail, shown, with_license
from keras_cnn_zoo.utils.version import __version__

# The fields of `card`, in the order of the README.
FIELDS = {
    "summary": "one line: what the model does, on what data",
    "data": "the training data in words",
    "data_spec": "the `--data` spec that reads it",
    "data_options": "further options of the reader, such as ignore_label",
    "task_options": "arguments of the task that were given, such as turns",
    "license": "license of the data as its source states it, or 'none stated'",
    "metrics": "name to number, a fraction in 0..1 where formats.md says so",
    "evaluated_on": "the data that the metrics were measured on",
    "command": "the command that trained it",
    "seed": "the seed of that command",
    "notes": "limits, and other facts that a user must know",
}
NOT_STATED = "not stated"


def check(label, card):
    """Returns `card` with all `FIELDS`: the given value, else None (an empty dict for metrics)."""
    if card is None:
        card = {}
    if not isinstance(card, dict):
        fail(label, f"`card` must be a dict or None. Received: card={shown(card)}")
    card = with_license(label, card)
    unknown = sorted(set(card) - set(FIELDS), key=str)
    if unknown:
        fail(label, f"`card` accepts {', '.join(FIELDS)}. Received: {shown(unknown)}")
    check_plain(label, "card", card)
    card = {"metrics": {}, **card}
    if not isinstance(card["metrics"], dict):
        fail(label, f"`metrics` must be a dict. Received: metrics={shown(card['metrics'])}")
    for name in ("data_options", "task_options"):
        if not isinstance(card.get(name), (dict, type(None))):
            fail(label, f"`{name}` must be a dict or None. Received: {shown(card[name])}")
    for name in set(card) - {"metrics", "seed", "data_options", "task_options"}:
        if not isinstance(card[name], (str, type(None))):
            fail(label, f"`{name}` must be a string or None. Received: {name}={shown(card[name])}")
    return {name: card.get(name) for name in FIELDS}


def versions():
    """Returns the versions of the software that wrote the preset."""
    backend = keras.backend.backend()
    return {
        "keras_cnn_zoo": __version__,
        "keras": keras.version(),
        backend: metadata.version(backend),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def readme(name, manifest, *, model):
    """Returns the card as Markdown.

    Args:
        name: the title, which is the name by which users load the preset.
        manifest: the manifest without its entry for the README.
        model: the model, for its task, number of parameters, and usage.
    """
    training, names = manifest["training"], manifest["class_names"]
    weights = manifest["files"][WEIGHTS]
    rows = [
        ("Class", f"`{manifest['class']}`"),
        ("Task", model.task),
        ("Parameters", f"{model.count_params():,}"),
        ("Size of the weights", f"{weights['bytes'] / 1e6:.1f} MB, sha256 `{weights['sha256']}`"),
        ("Classes", _classes(names, manifest["config"])),
        ("Preprocessing", _preprocessing(manifest["preprocessing"])),
    ]
    trained = [
        ("Data", training["data"]),
        ("Data spec", training["data_spec"] and f"`--data {training['data_spec']}`"),
        ("License of the data", training["license"]),
        ("Command", training["command"] and f"`{training['command']}`"),
        ("Seed", training["seed"]),
        ("Versions", ", ".join(f"{key} {value}" for key, value in training["versions"].items())),
    ]
    measured = [(key, _number(value)) for key, value in manifest["metrics"].items()]
    lines = [f"# {name}", "", manifest["summary"] or f"A {manifest['class']}.", ""]
    lines += [*_table("model", rows), "", "## Measured", ""]
    lines += [*_table("metric", measured), ""] if measured else []
    lines += [f"Measured on: {(training['evaluated_on'] or NOT_STATED).rstrip('.')}.", "", "## Training", ""]
    lines += [
        *_table("fact", trained),
        "",
        "## Limits",
        "",
        training["notes"] or f"{NOT_STATED.capitalize()}.",
        "",
        "## Use",
        "",
        "```python",
        "from keras_cnn_zoo import models",
        "",
        f'model = models.from_preset("{name}")  # a bundled name, or the path of this folder or file',
        *model.usage.splitlines(),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _classes(names, config):
    if names is None:
        return None if "num_classes" in config else "none"
    return f"{len(names)}: {', '.join(names)}"


def _preprocessing(constants):
    return ", ".join(f"{key} {value}" for key, value in constants.items()) or "inside the network"


def _table(title, rows):
    cells = [(key, NOT_STATED if value in (None, "") else str(value)) for key, value in rows]
    cells = [(key, " ".join(value.split()).replace("|", "\\|")) for key, value in cells]
    return [f"| {title} | |", "|---|---|", *(f"| {key} | {value} |" for key, value in cells)]


def _number(value):
    return f"{value:.4f}" if isinstance(value, float) else value
