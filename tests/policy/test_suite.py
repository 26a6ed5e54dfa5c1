"""Every component has a case and a test file at the mirrored path, and every test is collected."""

import ast
import functools
import importlib
import re

import pytest

from keras_cnn_zoo import catalog
from tests.policy import sources

TEST_FILES = [path for path in sources.python_files("tests") if path.name.startswith("test_")]
COMPONENTS = catalog.components()


def declares_cases(path):
    """Returns whether a test file assigns CASES at its top level."""
    return any(
        isinstance(node, ast.Assign) and any(getattr(t, "id", None) == "CASES" for t in node.targets)
        for node in sources.tree_of(path).body
    )


def cases():
    """Yields all cases of the tests."""
    for path in TEST_FILES:
        if declares_cases(path):
            yield from importlib.import_module(sources.module_name(path)).CASES


@functools.cache
def components_with_a_case():
    """Returns the names of the classes and functions in all CASES."""
    return {case["cls"].__name__ for case in cases() if "cls" in case}


def mirrored_test(item):
    """Returns the path of the test file of an object."""
    *folders, name = item.__module__.split(".")[1:]
    return sources.ROOT.joinpath("tests", *folders, f"test_{name}.py")


def misplaced_tests(path, tree):
    """Yields functions that look like tests but are not run by pytest."""
    is_test_file = path.name.startswith("test_")
    pending = [(tree, True)]
    while pending:
        scope, collected = pending.pop()
        seen = set()
        for node in ast.iter_child_nodes(scope):
            if isinstance(node, ast.ClassDef):
                pending.append((node, collected and node.name.startswith("Test")))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("test"):
                    if not (is_test_file and collected):
                        yield f"{path}:{node.lineno} {node.name} is never collected"
                    if node.name in seen:
                        yield f"{path}:{node.lineno} {node.name} hides another test with this name"
                    seen.add(node.name)
                pending.append((node, False))
            else:
                pending.append((node, collected))


@pytest.mark.parametrize("name", [name for name, (_, item) in COMPONENTS.items() if isinstance(item, type)])
def test_every_public_class_has_a_case(name):
    assert name in components_with_a_case(), (
        f"add a CASES entry for {name} to {mirrored_test(COMPONENTS[name][1])}"
    )


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_has_a_test_file_at_the_mirrored_path(name):
    path = mirrored_test(COMPONENTS[name][1])
    assert path.is_file(), f"{name} needs {path.relative_to(sources.ROOT)}"
    assert re.search(r"^def test_", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_case_is_for_a_component():
    known = {name for name, _ in COMPONENTS.items()}
    assert sorted(components_with_a_case() - known) == []


def test_every_function_that_looks_like_a_test_is_collected():
    found = [line for path in sources.python_files() for line in misplaced_tests(path, sources.tree_of(path))]
    assert found == []


def test_every_test_folder_is_a_package():
    folders = {path.parent for path in sources.python_files("tests")}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").is_file()) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("test_a.py", "def test_a(): pass\ndef test_a(): pass\n", "hides"),
        ("test_a.py", "def outer():\n    def test_a(): pass\n", "never collected"),
        ("test_a.py", "class Cases:\n    def test_a(self): pass\n", "never collected"),
        ("helpers.py", "def test_a(): pass\n", "never collected"),
    ],
)
def test_a_test_that_would_not_run_is_found(tmp_path, name, text, message):
    found = list(misplaced_tests(tmp_path / name, ast.parse(text)))
    assert len(found) == 1 and message in found[0]


def test_an_ordinary_test_passes(tmp_path):
    text = "def test_a(): pass\nclass TestB:\n    def test_a(self): pass\n"
    assert list(misplaced_tests(tmp_path / "test_a.py", ast.parse(text))) == []
