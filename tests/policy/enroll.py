"""Writes everything that follows from a component's file, its test, and its row in `catalog.tsv`.

`make enroll` sorts the table and writes `__init__.py` of components and tasks, the API snapshot, the
generated part of the family pages, and the `__init__.py` of a new test folder. It prints one line for each
missing thing. Running it again changes nothing.
"""

import inspect
import os
import sys

from tests.policy import exports, sources, task_index

SNAPSHOT = "tests/policy/api_surface.json"


def main():
    """Writes the files, prints which were written and what is missing, and returns the exit code."""
    written, problems = [], []
    try:
        written += write(from_files())
        # Only now can the package be imported: an `__init__.py` may have named a deleted file.
        problems += unmatched() or removed() or without_page()
        if not problems:
            written += write(from_package())
    except (SyntaxError, ValueError) as error:
        problems.append(error)
    for name in written:
        print(f"wrote {name}")
    for problem in problems:
        print(f"enroll: {problem}", file=sys.stderr)
    if not written and not problems:
        print("nothing to write")
    return 1 if problems else 0


def write(texts):
    """Writes the files whose text differs, and returns their names."""
    changed = []
    for path, text in texts.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path.relative_to(sources.ROOT).as_posix())
    return changed


def from_files():
    """Returns path → text of the files that can be written without importing the package."""
    table = sources.ROOT / exports.TABLE
    folders = {path.parent for path in sources.python_files("tests")}
    new = [folder / "__init__.py" for folder in sorted(folders) if not (folder / "__init__.py").is_file()]
    return {
        table: sorted_rows(table.read_text(encoding="utf-8")),
        **exports.texts(),
        **task_index.texts(),
        **dict.fromkeys(new, ""),
    }


def from_package():
    """Returns path → text of the files for which the package must be imported."""
    from docs.generate import pages, preset_pages
    from tests.policy import api_surface

    snapshot = {api_surface.SNAPSHOT: api_surface.text(api_surface.current())}
    return {**snapshot, **pages.texts(), **preset_pages.texts()}


def sorted_rows(text):
    """Returns the table with its rows sorted by name, after the header."""
    header, *rows = [line for line in text.splitlines() if line.strip()]
    return "\n".join([header, *sorted(rows, key=lambda row: row.partition("\t")[0].lower())]) + "\n"


def unmatched():
    """Returns a line for each component without a row, and for each row without a component."""
    from keras_cnn_zoo import catalog

    rows = {row["name"] for row in catalog.read_table("catalog.tsv")}
    components = {name: item for name, (_, item) in catalog.components().items()}
    files = {
        name: os.path.relpath(inspect.getfile(components[name]), sources.ROOT)
        for name in sorted(set(components) - rows)
    }
    return [f"{name} in {file} has no row in {exports.TABLE}. Add it" for name, file in files.items()] + [
        f"{exports.TABLE} has a row for {name}, but no file has a public component of that name. "
        "Check the spelling, and that the class is registered with Keras"
        for name in sorted(rows - set(components))
    ]


def removed():
    """Returns a line for each name of the snapshot that is no longer public."""
    from tests.policy import api_surface

    return [
        f"{name} is in {SNAPSHOT}, but no longer public. If that is intended, delete its line there "
        "and mention it in CHANGELOG.md"
        for name in api_surface.removed(api_surface.recorded(), api_surface.current())
    ]


def without_page():
    """Returns a line for each component that no family page shows."""
    from docs.generate import pages

    return [
        f"{entry.name} is on no page of docs/families. Add its family, {entry.family!r}, to FAMILIES in "
        "docs/generate/pages.py"
        for entry in pages.without_page()
    ]


if __name__ == "__main__":
    sys.exit(main())
