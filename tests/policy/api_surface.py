"""The snapshot of every public name and its arguments, written by `make enroll`.

Removing or renaming a name breaks the code of users: delete its line from `api_surface.json` by hand, and
mention it in CHANGELOG.md.
"""

import json
import pathlib

from tests.policy import public

SNAPSHOT = pathlib.Path(__file__).with_suffix(".json")


def current():
    """Returns {package: {name: signature}} of the current code."""
    surface = {dotted: {} for dotted, _ in public.packages()}
    for dotted, name, item in public.names():
        surface[dotted][name] = public.signature(item)
    return surface


def recorded():
    """Returns the names and signatures in the snapshot."""
    return json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def text(surface):
    """Returns the text of the snapshot file."""
    return json.dumps(surface, indent=1, sort_keys=True) + "\n"


def removed(before, after):
    """Returns the sorted dotted names that are in `before` and not in `after`."""
    return sorted(
        f"{dotted}.{name}"
        for dotted, names in before.items()
        for name in names
        if name not in after.get(dotted, {})
    )
