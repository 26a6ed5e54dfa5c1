"""The pages of the site: links, notebooks, navigation, and the whole build."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib

import pytest

from docs.generate import pages, reference, site
from tests.helpers import ROOT

WRITTEN, COPIED = site.texts()


def navigation():
    """Returns the pages in the navigation of the site."""

    def below(entries):
        for entry in entries:
            (value,) = entry.values()
            yield from [value] if isinstance(value, str) else below(value)

    with open(ROOT / "zensical.toml", "rb") as file:
        return list(below(tomllib.load(file)["project"]["nav"]))


def test_links_lead_to_pages_of_the_site_or_elsewhere():
    for page, text in WRITTEN.items():
        for address in re.findall(r"\]\(([^)\s#]+)[^)]*\)", site.without_code(text)):
            if not address.startswith("http"):
                target = os.path.normpath(os.path.join(os.path.dirname(page), address))
                assert target in {**WRITTEN, **COPIED}, f"{page}: {address}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[data](../../docs/data.md#masks)", "[data](../data.md#masks)"),
        ("![p](../../docs/pictures/first_run.png)", "![p](../pictures/first_run.png)"),
        ("[folds](mr_folds.tsv) and [web](https://a.b)", "folds and [web](https://a.b)"),
        ("[here](#part)", "[here](#part)"),
        ("```\n[data](../../docs/data.md)\n```\n", "```\n[data](../../docs/data.md)\n```\n"),
        ("[`a`](../../CHANGELOG.md)", "[`a`](../changes.md)"),
    ],
)
def test_links_are_changed_to_those_of_the_site(text, expected):
    path = ROOT / "applications" / "language" / "README.md"
    assert site.linked(text, path, "tasks/language.md", site.sources()) == expected


def test_every_page_is_in_the_navigation_except_the_cards():
    assert set(navigation()) == {page for page in WRITTEN if not page.startswith("cards/")}
    assert len(navigation()) == len(set(navigation()))


def test_the_gallery_links_every_card():
    cards = {page for page in WRITTEN if page.startswith("cards/")}
    assert cards and all(f"({card})" in WRITTEN["gallery.md"] for card in cards)


def test_pictures_of_a_folder_of_data_are_used(tmp_path):
    (tmp_path / "one.png").touch()
    entry = "## {}\n\nA summary.\n\nFor a picture of your copy of the data, run it.\n\n"
    text, drawn = site.with_built(entry.format("one") + entry.format("two"), tmp_path)
    assert drawn == {"pictures/gallery/one.png": tmp_path / "one.png"}
    assert text.count("For a picture") == 1 and "![what one answers](pictures/gallery/one.png)\n" in text


def test_a_notebook_becomes_a_page():
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "Words."]},
        {"cell_type": "code", "source": ["x = 1\n", "y = 2"]},
    ]
    text = site.notebook(json.dumps({"cells": cells}))
    assert text == "# Title\nWords.\n\n```python\nx = 1\ny = 2\n```\n"


def test_a_family_page_has_a_directive_for_each_of_its_components():
    text = WRITTEN["families/pooling.md"]
    assert pages.MARKER not in text and "## Keras' own" in text
    found = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert found == reference.in_order("families/pooling")
    ranks = [path.rpartition(".")[2] for path in found if "LpPooling" in path]
    assert ranks == ["LpPooling2D", "LpPooling1D", "LpPooling3D"]


def test_every_component_is_in_the_reference():
    described = {path.rpartition(".")[2] for names in reference.items().values() for path in names}
    second = set(pages.catalog.aliases())
    assert {entry.name for entry in pages.catalog.entries() if not entry.is_keras} - second <= described


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("zensical"), reason="the extra docs is not installed")
def test_the_site_builds_and_passes_its_check(tmp_path):
    kept = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    steps = (["docs.generate"], ["zensical", "build", "--clean", "--strict"], ["docs.generate.check"])
    for step in steps:
        done = subprocess.run(
            [sys.executable, "-m", *step], cwd=ROOT, env=kept, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"checked: \d{3} signatures", done.stdout)
