"""`preset.json`: its required contents, and a reader that checks everything."""

import json
import math
import re

from keras_cnn_zoo.utils.errors import InputError

FORMAT_VERSION = 1
MANIFEST = "preset.json"
WEIGHTS = "model.weights.h5"
CARD = "README.md"
SPLITS = "splits.tsv"
# A manifest has a few kilobytes. A larger file is not read.
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
# Python can read integers that do not fit any number of a network, and sizes that no file has.
_LARGEST, _LARGEST_FILE = 10**30, 2**50


def shown(value):
    """Returns `value` for a one-line message: without line breaks, at most 80 characters."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def fail(label, problem, cause=None):
    """Raises an `InputError` with a one-line message that begins with the preset."""
    raise InputError(" ".join(f"Preset {label}: {problem}".split())) from cause


# The spelling of version 0.1, which is still read.
OLD_LICENSE = "licence"


def parse(label, raw):
    """Parses a manifest and checks the types of its fields.

    Args:
        label: name of the preset in messages.
        raw: bytes of `preset.json`.

    Returns:
        A dict. Its `config` is still unchecked (see `configs.check`).
    """
    try:
        manifest = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        fail(label, f"{MANIFEST} is not valid JSON ({error})", error)
    if not isinstance(manifest, dict):
        fail(label, f"{MANIFEST} must have a JSON object. Received: {shown(manifest)}")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        fail(
            label,
            f"`format_version` must be {FORMAT_VERSION}, which this release reads. "
            f"Received: format_version={shown(version)}",
        )
    for key, kinds in _REQUIRED.items():
        if key not in manifest:
            fail(label, f"{MANIFEST} must have `{key}`. Received: {shown(sorted(manifest))}")
        if not isinstance(manifest[key], kinds):
            fail(label, f"`{key}` has the wrong type in {MANIFEST}. Received: {key}={shown(manifest[key])}")
    unknown = sorted(set(manifest) - set(_REQUIRED))
    if unknown:
        fail(label, f"{MANIFEST} must not have unknown fields. Received: {shown(unknown)}")
    for key in ("preprocessing", "metrics", "training"):
        check_plain(label, key, manifest[key])
    _check_files(label, manifest["files"])
    _check_class_names(label, manifest["class_names"], manifest["config"].get("num_classes"))
    manifest["training"] = with_license(label, manifest["training"])
    return manifest


def with_license(label, facts):
    """Returns a dict of facts with `license`, which may be given as `licence` too."""
    if OLD_LICENSE not in facts:
        return facts
    if "license" in facts:
        fail(label, "`license` and `licence` mean the same: give one of them")
    return {"license" if name == OLD_LICENSE else name: value for name, value in facts.items()}


def dump(manifest):
    """Returns the bytes of `preset.json`. Raises a ValueError for NaN and infinity, which are not JSON."""
    return (json.dumps(manifest, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")


def check_plain(label, name, value, depth=0):
    """Allows only strings, finite numbers below 1e30, booleans, None, lists, and dicts with string keys."""
    if depth > _DEEPEST:
        fail(label, f"`{name}` is nested deeper than {_DEEPEST} levels")
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, float) and math.isfinite(value) or isinstance(value, int) and abs(value) < _LARGEST:
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            check_plain(label, name, item, depth + 1)
        return
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for item in value.values():
            check_plain(label, name, item, depth + 1)
        return
    fail(label, f"`{name}` must have only plain JSON values. Received: {shown(value)}")


def _check_files(label, files):
    for name, record in files.items():
        if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
            fail(label, f"`files` must name files inside the preset. Received: {shown(name)}")
        sound = (
            isinstance(record, dict)
            and set(record) == {"sha256", "bytes"}
            and isinstance(record["sha256"], str)
            and re.fullmatch("[0-9a-f]{64}", record["sha256"])
            and type(record["bytes"]) is int
            and 0 <= record["bytes"] <= _LARGEST_FILE
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
        raise ValueError("a key occurs twice in one object")
    return dict(pairs)


def _refuse_constant(word):
    raise ValueError(f"{word} is not a JSON number")
