"""What the policy tests read: the project's own files and their imports, by ast and without importing."""

import ast
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("keras_cnn_zoo", "applications", "tuning", "benchmarks", "docs", "tests")
LIBRARY = "keras_cnn_zoo"


def python_files(*folders):
    """Every Python file below the given folders of the checkout, sorted."""
    return sorted(
        path
        for folder in folders or CODE_FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


def module_name(path):
    """Dotted name of the module that a file is."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree_of(path):
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path, *, top_level_only=False):
    """Pairs (dotted module, line) of a file's imports.

    `from a import b` yields `a.b`: the caller cannot know from the text whether b is a module, and a
    name within `a` never changes which package it belongs to. Relative imports are written out.
    """
    module = module_name(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _import_nodes(tree_of(path), top_level_only):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        else:
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(above + ([node.module] if node.module else []))
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


def _import_nodes(tree, top_level_only):
    pending = [tree]
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not (top_level_only and deferred):
            pending.extend(ast.iter_child_nodes(node))


def tracked_files():
    """Every file of the checkout that belongs to the project: what git tracks, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
