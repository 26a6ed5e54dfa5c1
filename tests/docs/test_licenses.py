"""No dependency is under a copyleft license that extends to programs, and the page on licenses is right."""

import re

import pytest

from docs.generate import licenses, preset_pages
from tests.helpers import ROOT

PAGE = (ROOT / "docs" / "licenses.md").read_text(encoding="utf-8")
# Described on the page.
OF_FILES = {"certifi", "hypothesis", "pathspec", "tqdm"}
PROPRIETARY = {"libtpu"}


@pytest.mark.parametrize(
    ("license", "kind"),
    [
        ("Apache-2.0", "permissive"),
        ("BSD License", "permissive"),
        ("MPL-2.0 AND MIT", "copyleft of files"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "copyleft of files"),
        ("GPL-3.0-only", "copyleft"),
        ("LGPL-2.1-or-later", "copyleft"),
        ("GNU General Public License v3 (GPLv3)", "copyleft"),
        ("MIT AND AGPL-3.0", "copyleft"),
        ("MIT OR GPL-2.0", "permissive"),
        ("CC-BY-SA-4.0", "copyleft"),
        ("", "none stated"),
    ],
)
def test_the_kind_of_a_license(license, kind):
    assert licenses.kind(license) == kind


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License-Expression: MIT\nLicense: other\n", "MIT"),
        ("License: BSD-3-Clause\n", "BSD-3-Clause"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Classifier: License :: OSI Approved\n", ""),
        (
            "License: (c) 2015\n        All rights\nClassifier: License :: OSI Approved :: BSD License\n",
            "BSD License",
        ),
        ("Summary: none\n", ""),
    ],
)
def test_the_license_in_metadata(tmp_path, monkeypatch, metadata, expected):
    folder = tmp_path / "made_up-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: made-up\nVersion: 1.0\n{metadata}")
    monkeypatch.syspath_prepend(tmp_path)
    assert licenses.license_of("made-up") == expected


def test_dependencies_of_dependencies_are_found():
    found, _ = licenses.installed("")
    assert {"keras", "numpy", "tensorflow", "h5py", "requests", "certifi"} <= found


def test_no_dependency_is_under_a_copyleft_license_that_extends_to_programs():
    kinds = {name: licenses.kind(licenses.license_of(name)) for name in licenses.by_package()}
    assert {name for name, kind in kinds.items() if kind == "copyleft"} == set()
    assert {name for name, kind in kinds.items() if kind == "none stated"} == set()
    assert {name for name, kind in kinds.items() if kind == "copyleft of files"} <= OF_FILES
    assert all(f"`{name}`" in PAGE for name in OF_FILES | PROPRIETARY)


def test_the_table_lists_every_installed_dependency():
    lines = licenses.dependencies().splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == list(licenses.by_package())
    assert not [line for line in lines if "none stated" in line]


def test_every_preset_has_a_row_with_the_license_of_its_card():
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", licenses.presets(), re.MULTILINE))
    assert set(rows) == set(licenses.cards())
    for name, card in licenses.cards().items():
        *data, license, weights = rows[name].strip(" |").split(" | ")
        assert len(data) == 1
        if "package" in card:
            assert card["training"]["license"] in (
                f"{license}; {weights}",
                f"{license}; the weights: {weights}",
            )
        else:
            assert (license, weights) == (card["training"]["license"], "Apache-2.0, in this package")


@pytest.mark.parametrize("path", preset_pages.texts(), ids=lambda path: path.name)
def test_pages_of_the_presets_are_up_to_date(path):
    assert preset_pages.texts()[path] == path.read_text(encoding="utf-8"), "run `make enroll`"


def test_the_page_mentions_weights_under_another_license():
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", licenses.presets(), re.MULTILINE))
    others = [name for name, row in rows.items() if not row.split(" | ")[-1].startswith("Apache-2.0")]
    assert others == ["vgg16_hed"]
    assert "| the presets' weights | Apache-2.0, except where the [table](#presets) names another" in PAGE
