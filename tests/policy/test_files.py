"""Files are not too long, have clear names, and contain no path of a particular machine."""

import ast
import pathlib
import re

import pytest

from tests.policy import sources

LONGEST = 400
LONGEST_PROGRAM = 250
VAGUE = re.compile(r"^(misc|common|helpers?\d|utils\d|.*_v\d+)$")
TEXT = {".py", ".md", ".cfg", ".toml", ".json", ".yaml", ".yml", ".tsv", ".csv", ".txt", ""}
# Absolute paths of a machine, in pieces so that this file does not match itself.
MACHINE = re.compile(
    "|".join(["/" + name + "/" for name in ("home", "root", "Users", "work", "opt", "mnt")] + [r"[A-Z]:\\\\"])
)
# The same text after the name of a host or folder is not an absolute path.
PART_OF_A_LONGER_NAME = re.compile(r"[\w.~}$)-]$")


def length(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def machine_paths(text):
    """Returns the absolute paths of a machine in a text."""
    return [
        match[0]
        for match in MACHINE.finditer(text)
        if not PART_OF_A_LONGER_NAME.search(text[: match.start()])
    ]


def test_no_file_is_too_long():
    long = {str(p): length(p) for p in sources.python_files() if length(p) > LONGEST}
    assert long == {}, "split these"


@pytest.mark.parametrize("folder", ["applications", "tuning"])
def test_no_program_is_too_long(folder):
    long = {str(p): length(p) for p in sources.python_files(folder) if length(p) > LONGEST_PROGRAM}
    assert long == {}, "programs only combine components: move the rest to keras_cnn_zoo"


def test_file_names_are_not_vague():
    assert [str(path) for path in sources.python_files() if VAGUE.match(path.stem)] == []


def test_no_file_contains_a_path_of_a_machine():
    found = {}
    for path in sources.tracked_files():
        if path.suffix in TEXT:
            hits = machine_paths(path.read_text(encoding="utf-8"))
            if hits:
                found[path.relative_to(sources.ROOT).as_posix()] = hits
    assert found == {}


def test_no_file_contains_the_home_folder():
    home, checkout = str(pathlib.Path.home()), str(sources.ROOT)
    for path in sources.tracked_files():
        content = path.read_bytes()
        for name in (home, checkout):
            if len(name) > 5:
                assert name.encode() not in content, f"{path} contains {name}"


@pytest.mark.parametrize("text", ["data in /" + "home/me/data", "path=/" + "work/x", '"/' + 'root/.keras"'])
def test_a_machine_path_is_found(text):
    assert len(machine_paths(text)) == 1


@pytest.mark.parametrize(
    "text", ["https://example.org/" + "home/page", "$(HOME)/" + "work/x", "../" + "work/x"]
)
def test_other_paths_are_not_found(text):
    assert machine_paths(text) == []


def options_in(path):
    """Returns the texts of a file, docstrings left out, that name an option of the command line."""
    tree = sources.tree_of(path)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        f"{path.name}:{node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
        and re.search(r"(?<![\w-])--[a-z]", node.value)
    ]


# The command line, what writes one, and the word for it on a model card.
SPEAK_OPTIONS = (
    "keras_cnn_zoo/cli/",
    "keras_cnn_zoo/utils/command_lines.py",
    "keras_cnn_zoo/presets/card.py",
)


def test_the_library_names_arguments_and_only_the_command_names_options():
    found = []
    for path in sources.python_files("keras_cnn_zoo"):
        if not path.relative_to(sources.ROOT).as_posix().startswith(SPEAK_OPTIONS):
            found += options_in(path)
    assert found == []


def test_an_option_in_a_message_is_found(tmp_path):
    path = tmp_path / "part.py"
    path.write_text('"""Reads --data."""\n\nraise ValueError(f"--data must be {1}. Received: -1")\n')
    assert len(options_in(path)) == 1
