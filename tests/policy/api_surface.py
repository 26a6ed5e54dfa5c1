"""The snapshot of every public name and its arguments.

`python -m tests.policy.api_surface` writes `api_surface.json` anew. Removing or renaming what stands
in it breaks users: say so in CHANGELOG.md.
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


def text(surface):
    """The snapshot file's text."""
    return json.dumps(surface, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(text(current()), encoding="utf-8")
