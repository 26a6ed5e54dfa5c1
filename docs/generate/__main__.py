"""Refreshes what is generated in the documents: `python -m docs.generate [--no-pictures]`.

Each page of docs/families is written by hand but for the part below its marker, which comes from the
docstrings and the catalog; its pictures are drawn by the parts themselves.
"""

import argparse

from docs.generate import pages


def main(arguments=None):
    """Writes the pages and draws the pictures."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pictures", action=argparse.BooleanOptionalAction, default=True, help="draw the pictures too"
    )
    options = parser.parse_args(arguments)
    stale = []
    for page, text in pages.texts().items():
        if page.read_text(encoding="utf-8") != text:
            stale.append(page.name)
            page.write_text(text, encoding="utf-8")
    if options.pictures:
        from docs.generate import pictures

        pictures.draw_all(pages.FOLDER / "pictures")
    print(f"pages refreshed: {', '.join(stale) or 'none needed it'}")


if __name__ == "__main__":
    main()
