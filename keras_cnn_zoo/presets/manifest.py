"""`preset.json`: what it must hold, and a reader that takes nothing on trust."""

import json
import math
import re

from keras_cnn_zoo.utils.errors import InputError

FORMAT_VERSION = 1
MANIFEST = "preset.json"
WEIGHTS = "model.weights.h5"
CARD = "README.md"
SPLITS = "splits.tsv"
# A manifest is a few kilobytes; more is not one of ours, and is not read.
MANIFEST_LIMIT = 2**20

_REQUIRED = {
    "format_version": int,
    "class": str,
    "summary": str,
    "config": dict,
    "class_names": (list, type(None)),
    "preprocessing": dict,
    "metrics": dict,
    "training": dict,
    "files": dict,
}
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DEEPEST = 30


def shown(value):
    """`value` as it may stand in a one-line message: no line breaks, not longer than 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def fail(label, problem, cause=None):
    """Raises the InputError that all preset checks share: one line that begins with the preset."""
    raise InputError(" ".join(f"Preset {label}: {problem}".split())) from cause


def parse(label, raw):
    """The manifest in the bytes `raw`, with every field of the right kind.

    Args:
        label: what messages call the preset.
        raw: contents of `preset.json`.

    Returns:
        A dict; `config` is still unchecked (see `configs.check`).
    """
    try:
        manifest = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        fail(label, f"{MANIFEST} is not valid JSON ({error})", error)
    if not isinstance(manifest, dict):
        fail(label, f"{MANIFEST} must hold an object. Received: {shown(manifest)}")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        fail(
            label,
            f"`format_version` must be {FORMAT_VERSION}, the one that this release reads. "
            f"Received: format_version={shown(version)}",
        )
    for key, kinds in _REQUIRED.items():
        if key not in manifest:
            fail(label, f"{MANIFEST} lacks `{key}`. Received: {shown(sorted(manifest))}")
        if not isinstance(manifest[key], kinds):
            fail(label, f"`{key}` has the wrong type in {MANIFEST}. Received: {key}={shown(manifest[key])}")
    unknown = sorted(set(manifest) - set(_REQUIRED))
    if unknown:
        fail(label, f"{MANIFEST} holds unknown fields. Received: {shown(unknown)}")
    for key in ("preprocessing", "metrics", "training"):
        check_plain(label, key, manifest[key])
    _check_files(label, manifest["files"])
    _check_class_names(label, manifest["class_names"], manifest["config"].get("num_classes"))
    return manifest


def dump(manifest):
    """The bytes of `preset.json`; NaN and infinity, which are not JSON, raise ValueError."""
    return (json.dumps(manifest, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")


def check_plain(label, name, value, depth=0):
    """Nothing but strings, finite numbers, booleans, None, lists and dicts with string keys."""
    if depth > _DEEPEST:
        fail(label, f"`{name}` is nested deeper than {_DEEPEST} levels")
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            check_plain(label, name, item, depth + 1)
        return
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for item in value.values():
            check_plain(label, name, item, depth + 1)
        return
    fail(label, f"`{name}` must hold plain JSON values only. Received: {shown(value)}")


def _check_files(label, files):
    for name, record in files.items():
        if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
            fail(label, f"`files` must name files inside the preset itself. Received: {shown(name)}")
        sound = (
            isinstance(record, dict)
            and set(record) == {"sha256", "bytes"}
            and isinstance(record["sha256"], str)
            and re.fullmatch("[0-9a-f]{64}", record["sha256"])
            and type(record["bytes"]) is int
            and record["bytes"] >= 0
        )
        if not sound:
            fail(label, f"`files` must give sha256 and bytes of {name}. Received: {shown(record)}")
    if WEIGHTS not in files:
        fail(label, f"`files` must list {WEIGHTS}. Received: {shown(sorted(files))}")


def _check_class_names(label, names, num_classes):
    if names is None:
        return
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        fail(label, f"`class_names` must be distinct strings. Received: {shown(names)}")
    if len(names) != num_classes:
        fail(
            label,
            f"`class_names` must fit `num_classes`. Received: {len(names)} names, "
            f"num_classes={shown(num_classes)}",
        )


def _without_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _refuse_constant(word):
    raise ValueError(f"{word} is not a JSON number")
