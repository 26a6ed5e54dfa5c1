"""The catalog's tables have a row for every component and no others, and agree with the code."""

import importlib
import inspect
import re

import keras
import pytest

from keras_cnn_zoo import catalog
from tests.policy import public

ROWS = {row["name"]: row for row in catalog.read_table("catalog.tsv")}
KERAS_ROWS = {row["name"]: row for row in catalog.read_table("catalog_keras.tsv")}
COMPONENTS = catalog.components()
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})$")
# Public functions that are not components.
HELPERS = {"from_preset", "list_presets"}


def resolve(dotted):
    """Returns the object with a dotted name in Keras."""
    found = keras
    for part in dotted.split(".")[1:]:
        found = getattr(found, part)
    return found


def test_every_component_has_a_row_and_every_row_a_component():
    assert set(ROWS) == set(COMPONENTS)


def test_names_are_not_repeated():
    for file_name in ("catalog.tsv", "catalog_keras.tsv"):
        names = [row["name"] for row in catalog.read_table(file_name)]
        assert len(names) == len(set(names))


def test_rows_are_sorted():
    names = [row["name"] for row in catalog.read_table("catalog.tsv")]
    assert names == sorted(names, key=str.lower)


def test_every_public_function_is_a_component_or_the_function_of_one():
    for package in catalog.KINDS:
        module = dict(public.packages()).get(f"keras_cnn_zoo.{package}")
        for name in getattr(module, "__all__", ()):
            item = getattr(module, name)
            if inspect.isfunction(item) and name not in COMPONENTS and name not in HELPERS:
                home = importlib.import_module(item.__module__)
                forms = [part for part in COMPONENTS if hasattr(home, part) and part.lower() != part]
                assert forms, f"{package}.{name} is neither in catalog.tsv nor in the file of a component"


@pytest.mark.parametrize("name", ROWS)
def test_the_reference_is_in_the_docstring(name):
    reference = ROWS[name]["reference"]
    docstring = inspect.getdoc(COMPONENTS[name][1])
    year = re.search(r"\b(19|20)\d\d\b", reference)
    assert year and year[0] in docstring, reference
    first_author = re.match(r"[\w-]+", reference)[0]
    assert first_author in docstring, f"{first_author} is not in the docstring"
    arxiv = ARXIV.search(reference)
    assert not arxiv or arxiv[1] in docstring, reference


@pytest.mark.parametrize("name", [*ROWS, *KERAS_ROWS])
def test_the_cells_are_well_formed(name):
    row = ROWS.get(name) or KERAS_ROWS[name]
    assert re.fullmatch(r"(\(\d+\))*", row["equation"])
    assert re.fullmatch(r"(\d(\.\d+)*\.? [A-Z][^\t]+)?", row["survey_section"])
    for cell in row.values():
        assert cell == cell.strip()
    if "arXiv" in row["reference"]:
        assert ARXIV.search(row["reference"]), row["reference"]


@pytest.mark.parametrize("name", [*ROWS, *KERAS_ROWS])
def test_keras_alternatives_exist(name):
    text = (ROWS.get(name) or KERAS_ROWS[name])["keras_alternative"]
    targets = re.findall(r"keras\.[\w.]+\w", text)
    assert bool(targets) == bool(text)
    for target in targets:
        resolve(target)
        options = re.search(re.escape(target) + r" \((\w+)=", text)
        if options and name in KERAS_ROWS:
            assert options[1] in inspect.signature(resolve(target).__init__).parameters


def test_every_keras_entry_has_a_keras_alternative():
    assert [name for name, row in KERAS_ROWS.items() if not row["keras_alternative"]] == []


def test_every_entry_is_complete():
    for entry in catalog.entries():
        assert entry.name and entry.kind and entry.family and entry.summary.endswith((".", ")."))
        module = importlib.import_module(entry.module)
        assert entry.is_keras or hasattr(module, entry.name)
