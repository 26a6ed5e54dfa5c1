"""The pages of the site, in build/pages: those of docs/, model cards and READMEs, and the reference.

docs/families/pooling.md, above its marker  ┐
docstrings of its components                ┴→  build/pages/families/pooling.md
applications/detection/README.md            →   build/pages/tasks/detection.md
a link to a file that is not on the site    →   its text without a link
"""

import json
import os
import pathlib
import re
import shutil

from docs.generate import check, licenses, pages, reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "pages"
# Folders of a pattern, and the page for the README in each.
READMES = {
    "applications/*/README.md": "tasks/{}.md",
    "keras_cnn_zoo/presets/bundled/*/README.md": "cards/{}.md",
}
SINGLE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "tuning/README.md": "searches.md",
    "benchmarks/README.md": "benchmarks/index.md",
}
# The heading on the page of licenses before which the site lists the installed packages.
PRESETS = "## Presets"
DEPENDENCIES = "### Installed packages"
# Pages with wide tables, which get the room of the list of headings.
WIDE = {"benchmarks/layers.md", "migration.md"}
COPIED = {".css", ".ico", ".ipynb", ".png", ".svg"}
_LINK = re.compile(r"(!?)\[((?:[^\[\]`]|`[^`]*`)*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```.*?^```[^\n]*$)", re.MULTILINE | re.DOTALL)


def sources():
    """Returns a dict from each source, a path below the root, to its path below the folder of pages."""
    found = {ROOT / name: page for name, page in SINGLE.items()}
    for pattern, page in READMES.items():
        found |= {path: page.format(path.parent.name) for path in sorted(ROOT.glob(pattern))}
    results = ROOT / "benchmarks" / "results"
    kept = [path for path in sorted(results.iterdir()) if path.suffix in (".md", ".png")]
    found |= {path: f"benchmarks/{path.name}" for path in kept}
    docs = ROOT / "docs"
    for path in sorted(docs.rglob("*")):
        if path.suffix in {".md", *COPIED} and not path.is_relative_to(docs / "generate"):
            page = path.relative_to(docs)
            # A notebook has a page, unless there is one with its name, which links to it.
            if path.suffix == ".ipynb" and not path.with_suffix(".md").exists():
                page = page.with_suffix(".md")
            found[path] = page.as_posix()
    return found


def linked(text, path, page, known):
    """Returns a page's text with its links changed to those of the site.

    Args:
        text: Markdown.
        path: the source of the text; its links are relative to it.
        page: path of the page below the folder of pages.
        known: the dict of `sources`.
    """

    def link(match):
        mark, words, address = match.groups()
        target, hash_, part = address.partition("#")
        if not target or re.match(r"[a-z]+:", address):
            return match[0]
        place = known.get(pathlib.Path(os.path.normpath(path.parent / target)))
        if place is None:
            return words
        return f"{mark}[{words}]({os.path.relpath(place, os.path.dirname(page) or '.')}{hash_}{part})"

    parts = _FENCE.split(text)
    return "".join(part if index % 2 else _LINK.sub(link, part) for index, part in enumerate(parts))


def without_code(text):
    """Returns Markdown without its blocks of code and inline code."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))


def notebook(text):
    """Returns a notebook as Markdown, without the outputs of its cells."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"]).strip()
        parts.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
    return "\n\n".join(parts) + "\n"


def family_text(page, text):
    """Returns a family's page with the full description of each component below its marker."""
    head, marker, below = text.partition(pages.MARKER)
    lines = [head.rstrip(), "", "## Reference", ""]
    lines += [reference.directive(path, 3) for path in reference.in_order(f"families/{page}")]
    keras = below.find("## Keras' own")
    return "\n".join(lines) + ("\n" + below[keras:] if keras >= 0 else "")


def with_built(text, folder=ROOT / "build" / "gallery"):
    """Returns the gallery with pictures drawn from a folder of data, and a dict of their files."""
    drawn = {}
    for path in sorted(folder.glob("*.png")):
        page = f"pictures/gallery/{path.name}"
        drawn[page] = path
        lines = rf"(?m)(^## {path.stem}\n\n.*\n\n)For a picture of your copy.*\n"
        text = re.sub(lines, rf"\g<1>![what {path.stem} answers]({page})\n", text)
    return text, drawn


def texts():
    """Returns a dict from page to text, and a dict from the path of every other file to its source."""
    known = sources()
    written, copied = {}, {}
    for path, page in known.items():
        if path.suffix not in (".md", ".ipynb") or not page.endswith(".md"):
            copied[page] = path
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = notebook(text)
            copied[page.removesuffix(".md") + ".ipynb"] = path
        if path.parent == pages.FOLDER:
            text = family_text(path.stem, text)
        if page == "licenses.md":
            text = text.replace(PRESETS, f"{DEPENDENCIES}\n\n{licenses.dependencies()}\n{PRESETS}")
        text = linked(text, path, page, known)
        if page == "gallery.md":
            text, drawn = with_built(text)
            copied |= drawn
        written[page] = f"---\nhide:\n  - toc\n---\n\n{text}" if page in WIDE else text
    written |= {f"{page}.md": reference.page_text(page) for page in reference.TITLES}
    return written, copied


def write(folder=FOLDER):
    """Writes all pages and files into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    written, copied = texts()
    for page, text in written.items():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for page, path in copied.items():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    names = {page: list(found) for page, found in reference.items().items()}
    check.NAMES.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
