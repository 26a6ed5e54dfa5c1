"""`keras-cnn-zoo catalog`: the catalog as a table, or as JSON for machines."""

import argparse
import dataclasses
import itertools
import json
import os
import sys

from keras_cnn_zoo import catalog

COLUMNS = ("component", "paper", "eq.", "survey section", "use Keras' own instead")


def parse(arguments, prog):
    """Returns the command line's options."""
    kinds = sorted({entry.kind for entry in catalog.entries()})
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Lists every component, its paper, the survey's equation, and where Keras' own "
        "part is to be used instead. The survey is Gu et al., arXiv:1512.07108.",
    )
    parser.add_argument("--json", action="store_true", help="a JSON list of objects instead of a table")
    parser.add_argument("--kind", choices=kinds, metavar="KIND", help=f"only this kind: {', '.join(kinds)}")
    return parser.parse_args(arguments)


def table(entries):
    """Yields the lines of the table, with a heading before each kind and family."""
    rows = [
        (entry.name, entry.reference, entry.equation, entry.survey_section, entry.keras_alternative)
        for entry in entries
    ]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]

    def line(cells):
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    yield line(COLUMNS)
    yield "  ".join("-" * width for width in widths)
    groups = itertools.groupby(
        zip(entries, rows, strict=True), key=lambda pair: (pair[0].is_keras, pair[0].kind, pair[0].family)
    )
    for (is_keras, kind, family), members in groups:
        yield ""
        yield f"[{kind}: {family}{', of Keras itself' if is_keras else ''}]"
        for _, row in members:
            yield line(row)


def main(arguments=None, prog="keras-cnn-zoo catalog"):
    """Prints the index and returns the exit code."""
    options = parse(arguments, prog)
    entries = [entry for entry in catalog.entries() if options.kind in (None, entry.kind)]
    try:
        if options.json:
            print(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        else:
            print("\n".join(table(entries)))
        sys.stdout.flush()
    except BrokenPipeError:
        # `keras-cnn-zoo catalog | head` closes the pipe early. Without this, the interpreter reports it when
        # it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
