"""The public names are sorted, explicitly imported, and equal to the snapshot."""

import ast
import importlib
import json

import pytest

from tests.policy import api_surface, public, sources

PACKAGES = dict(public.packages())


def test_the_public_names_equal_the_snapshot():
    recorded = json.loads(api_surface.SNAPSHOT.read_text(encoding="utf-8"))
    assert api_surface.current() == recorded, (
        "the public names or their arguments changed; if that is intended, run `make enroll` "
        "and mention it in CHANGELOG.md"
    )


def test_no_default_contains_a_memory_address():
    assert " at 0x" not in api_surface.text(api_surface.current())


@pytest.mark.parametrize("dotted", PACKAGES)
def test_all_is_sorted_and_has_no_repeated_names(dotted):
    listed = list(PACKAGES[dotted].__all__)
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("dotted", PACKAGES)
def test_every_import_of_a_public_package_is_public(dotted):
    imported = {
        alias.asname or alias.name
        for node in sources.tree_of(sources.pathlib.Path(PACKAGES[dotted].__file__)).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert "*" not in imported
    assert sorted(imported - set(PACKAGES[dotted].__all__)) == []


def test_the_package_lists_its_public_modules():
    import keras_cnn_zoo

    assert keras_cnn_zoo.__all__ == sorted(keras_cnn_zoo.__all__)
    shown = {f"keras_cnn_zoo.{name}" for name in keras_cnn_zoo.__all__ if name != "__version__"}
    without_a_list = {"keras_cnn_zoo.catalog", "keras_cnn_zoo.drawing"}
    assert shown == set(PACKAGES) | without_a_list
    assert not any(hasattr(importlib.import_module(dotted), "__all__") for dotted in without_a_list)
