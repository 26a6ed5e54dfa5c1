"""The snapshot of every public name and its arguments, written by `make enroll`.

Removing or renaming a name breaks users: delete its line from `api_surface.json` by hand, and say so in
CHANGELOG.md.
"""

import json
import pathlib

from tests.policy import public

SNAPSHOT = pathlib.Path(__file__).with_suffix(".json")


def current():
    """Package -> name -> signature, of the code as it is."""
    surface = {dotted: {} for dotted, _ in public.packages()}
    for dotted, name, item in public.names():
        surface[dotted][name] = public.signature(item)
    return surface


def recorded():
    """Returns what the snapshot says."""
    return json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def text(surface):
    """The snapshot file's text."""
    return json.dumps(surface, indent=1, sort_keys=True) + "\n"


def removed(before, after):
    """Returns the dotted names of one surface that another one lacks, sorted."""
    return sorted(
        f"{dotted}.{name}"
        for dotted, names in before.items()
        for name in names
        if name not in after.get(dotted, {})
    )
