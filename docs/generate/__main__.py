"""Updates the generated documentation, and writes the pages of the site: `python -m docs.generate`.

The part of a page below its marker is generated: in docs/families from the docstrings and the catalog, in the
gallery and the page on licenses from the presets' cards. `--pictures` draws those of the families again.
"""

import argparse

from docs.generate import pages, preset_pages, site


def main(arguments=None):
    """Writes the pages, and draws the pictures if that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pictures", action=argparse.BooleanOptionalAction, default=False, help="draw the pictures too"
    )
    options = parser.parse_args(arguments)
    if options.pictures:
        from docs.generate import pictures

        pictures.draw_all(pages.FOLDER / "pictures")
    stale = []
    for page, text in {**pages.texts(), **preset_pages.texts()}.items():
        if page.read_text(encoding="utf-8") != text:
            stale.append(page.name)
            page.write_text(text, encoding="utf-8")
    site.write()
    print(f"updated pages: {', '.join(stale) or 'none'}")


if __name__ == "__main__":
    main()
