"""Public names are described to griffe as they are after importing the package."""

import re

import pytest

from docs.generate import reference

griffe = pytest.importorskip("griffe")

from docs.generate import rendering  # noqa: E402

NAMES = {path: item for names in reference.items().values() for path, item in names.items()}


def names_of(function):
    return [one.name for one in function.parameters]


@pytest.mark.parametrize("path", NAMES)
def test_every_argument_is_described(path):
    described = rendering.described(path, NAMES[path])
    function = described.members.get("__init__", described)
    names = [one.name for one in function.parameters if one.name not in ("self", "args", "kwargs")]
    terms = [line for line in described.docstring.value.splitlines() if line.startswith("`")]
    for name in names:
        assert any(re.search(rf"`\*{{0,2}}{name}`", term) for term in terms), name


def test_a_constructor_made_from_a_table_has_its_arguments():
    path = "keras_cnn_zoo.layers.InceptionV1Block"
    made = rendering.described(path, NAMES[path])
    assert {"filters", "activation", "data_format"} <= set(names_of(made.members["__init__"]))


def test_defaults_are_shown_as_they_are_written():
    def function(a, *, b="x", c=max, d=object()):  # noqa: B008
        """Returns `a`."""

    made = rendering.function("function", function)
    assert [(one.name, one.default) for one in made.parameters] == [
        ("a", None),
        ("b", "'x'"),
        ("c", "max"),
        ("d", "..."),
    ]


def test_methods_that_only_the_package_has_are_described():
    path = "keras_cnn_zoo.layers.VLAD"
    found = set(rendering.described(path, NAMES[path]).members)
    assert {"__init__", "adapt"} <= found and not {"call", "build", "get_config"} & found
