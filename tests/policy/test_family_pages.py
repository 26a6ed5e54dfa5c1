"""The family pages agree with the code, and the migration page names only what exists."""

import ast
import importlib
import inspect
import re

import keras
import pytest

from docs.generate import pages
from tests.policy import sources

FAMILIES = sources.ROOT / "docs" / "families"
MIGRATION = sources.ROOT / "docs" / "migration.md"


@pytest.mark.parametrize("page", pages.FAMILIES)
def test_pages_are_up_to_date(page):
    text = (FAMILIES / f"{page}.md").read_text(encoding="utf-8")
    assert pages.refreshed(page, text) == text, "run `make enroll`"


def test_a_page_without_a_marker_raises_an_error():
    with pytest.raises(ValueError, match="must have a line"):
        pages.refreshed("pooling", "# Pooling\n")


def test_every_component_except_models_is_on_a_page():
    assert [entry.name for entry in pages.without_page()] == []


def migrated():
    """Yields each `name` or `name(argument=...)` in the middle column of the migration page's tables."""
    for line in MIGRATION.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) >= 2:
            yield from re.findall(r"`((?:keras|layers|losses|metrics|models|callbacks)\.[^`]+)`", cells[1])


@pytest.mark.parametrize("written", dict.fromkeys(migrated()))
def test_the_migration_page_names_existing_components_and_arguments(written):
    tree = ast.parse(written.replace("=...", "=None"), mode="eval").body
    call = tree if isinstance(tree, ast.Call) else None
    first, *rest = ast.unparse(call.func if call else tree).split(".")
    item = keras if first == "keras" else importlib.import_module(f"keras_cnn_zoo.{first}")
    for name in rest:
        item = getattr(item, name)
    if call is not None:
        parameters = inspect.signature(item).parameters
        named = [argument.arg for argument in call.keywords]
        assert set(named) <= set(parameters), f"{written}: {list(parameters)}"
        assert not call.args


def test_the_migration_page_names_many_components():
    assert len(list(migrated())) > 30
