"""Checks the built site: `python -m docs.generate.check`. Exits with 1 if something is missing.

Every public name has a rendered signature on its page, no page shows raw markup, and every page is in the
navigation. A site generator that skips a plugin, or a plugin that skips a name, does not report it.
"""

import html.parser
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "docs"
# What `docs.generate.site` writes: page to public names. Reading it is faster than importing the package.
NAMES = ROOT / "build" / "reference.json"
# Markup that a reader must not see outside code.
RAW = {
    ">>> without a block of code": re.compile(r"^\s*>>> ", re.MULTILINE),
    "the title of a section of a docstring": re.compile(
        r"^\s*(Args|Call arguments|Input shape|Output shape|Returns|Raises):\s*$", re.MULTILINE
    ),
    "a directive": re.compile(r"^\s*:::", re.MULTILINE),
    "a fence": re.compile(r"```"),
    "a link": re.compile(r"\]\(\S+\)"),
    "bold": re.compile(r"\*\*[^\s*][^*]*\*\*"),
    "backticks": re.compile(r"`[^`\n]+`"),
    "a row of a table": re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE),
    "a name in braces": re.compile(r"\{[a-z_]+\}"),
    "an item of a list": re.compile(r"^\s*\d\. [A-Z]", re.MULTILINE),
    "a heading": re.compile(r"^\s*#{1,6} \w", re.MULTILINE),
}
_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(html.parser.HTMLParser):
    """The text of a page outside code, and the signature after each heading of a name.

    Args:
        text: HTML.
    """

    def __init__(self, text):
        super().__init__()
        self.prose, self.signatures = [], {}
        self._open, self._name = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag in _VOID:
            return
        attributes = dict(attributes)
        classes = (attributes.get("class") or "").split()
        if "doc-heading" in classes:
            self._name = attributes.get("id")
        self._open.append((tag, classes))
        if "doc-signature" in classes and self._name:
            self.signatures.setdefault(self._name, "")

    def handle_endtag(self, tag):
        if tag in [name for name, _ in self._open]:
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data):
        classes = {name for _, found in self._open for name in found}
        tags = {tag for tag, _ in self._open}
        if "doc-signature" in classes and self._name:
            self.signatures[self._name] += data
        if not tags & {"code", "pre", "script", "style", "svg"} and "article" in tags:
            self.prose.append(data)


def faults_of_text(page):
    """Returns a line for each piece of raw markup on a `Page`."""
    text = "".join(page.prose)
    return [
        f"{what}: {match[0].strip()[:60]!r}"
        for what, pattern in RAW.items()
        for match in pattern.finditer(text)
    ]


def faults(folder, expected):
    """Returns a line for each fault of a site.

    Args:
        folder: the folder of the built site.
        expected: dict from the path of a page, without its suffix, to the public names that it describes.
    """
    found = []
    pages = {
        path.relative_to(folder).with_suffix("").as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(pathlib.Path(folder).rglob("*.html"))
        if path.name != "404.html"
    }
    for name, paths in expected.items():
        if name not in pages:
            found.append(f"{name}.html does not exist")
            continue
        for path in paths:
            signature = pages[name].signatures.get(path, "")
            if not re.match(rf"\s*{re.escape(path.rpartition('.')[2])}\s*\(", signature):
                found.append(f"{name}.html has no rendered signature of {path}")
    for name, page in pages.items():
        found += [f"{name}.html shows {fault}" for fault in faults_of_text(page)]
    return found


def main():
    """Checks the site of this checkout."""
    expected = json.loads(NAMES.read_text(encoding="utf-8"))
    found = faults(SITE, expected)
    print("\n".join(found) or f"checked: {sum(map(len, expected.values()))} signatures")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
