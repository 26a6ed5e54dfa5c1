"""Updates the generated documentation: `python -m docs.generate [--no-pictures]`.

The part of each page in docs/families below its marker is generated from the docstrings and the catalog. The
pictures are drawn with the components themselves.
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
    print(f"updated pages: {', '.join(stale) or 'none'}")


if __name__ == "__main__":
    main()
