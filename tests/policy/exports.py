"""The text of every `__init__.py` that lists components, from the files in its folder.

The files are parsed and not imported, because a package whose `__init__.py` names a deleted file cannot be
imported.
"""

import ast
import csv
import pathlib
import subprocess
import sys
import tempfile

from tests.policy import sources

FOLDERS = (
    "callbacks",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
)
TABLE = "keras_cnn_zoo/catalog.tsv"
REGISTERED = "register_keras_serializable("
MODEL = "keras_cnn_zoo.models.base.ZooModel"
# Keras has no registry of callbacks.
CALLBACK = "keras.callbacks.Callback"
CONFIG = pathlib.Path(__file__).resolve().parents[2] / "pyproject.toml"


def texts():
    """Returns a dict from the path of each `__init__.py` to the text that it must have."""
    rows = row_names()
    tops = [sources.ROOT / sources.LIBRARY / name for name in FOLDERS]
    files = [path for top in tops for path in sources.python_files(top.relative_to(sources.ROOT))]
    names = {path: public_names(path, rows) for path in files if path.name != "__init__.py"}
    packages = sorted({top for top in tops if top.is_dir()} | {path.parent for path in files})
    return formatted({package / "__init__.py": _text(package, names) for package in packages})


def public_names(path, rows):
    """Returns the names of a file that the `__init__.py` files above it list.

    These are its components, their aliases (`NetVLAD = VLAD`), its functions with a row in the catalog, and
    all functions in the file of a loss.

    Args:
        path: The file.
        rows: Names with a row in the catalog.
    """
    nodes = [node for node in sources.tree_of(path).body if not getattr(node, "name", "_").startswith("_")]
    folder = path.relative_to(sources.ROOT / sources.LIBRARY).parts[0]
    module = sources.module_name(path)
    components = [
        node.name for node in nodes if isinstance(node, ast.ClassDef) and _is_component(folder, module, node)
    ]
    functions = [
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef) and (node.name in rows or (folder == "losses" and components))
    ]
    return components + aliases(path, components) + functions


def aliases(path, components):
    """Returns the second names that a file assigns to its components."""
    return [
        node.targets[0].id
        for node in sources.tree_of(path).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and not node.targets[0].id.startswith("_")
        and isinstance(node.value, ast.Name)
        and node.value.id in components
    ]


def row_names():
    """Returns the first cell of every row of the catalog."""
    with open(sources.ROOT / TABLE, encoding="utf-8", newline="") as file:
        return {row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row}


def _is_component(folder, module, node):
    if folder == "callbacks":
        return CALLBACK in _ancestors(module, node)
    if not any(REGISTERED in ast.unparse(decorator) for decorator in node.decorator_list):
        return False
    # A layer in `models` belongs to one model.
    return folder != "models" or MODEL in _ancestors(module, node)


def _ancestors(module, node):
    """Yields the dotted names of a class's bases, and of their bases within the package."""
    for base in node.bases:
        dotted, found = _resolved(module, ast.unparse(base))
        yield dotted
        if isinstance(found, ast.ClassDef):
            yield from _ancestors(dotted.rpartition(".")[0], found)


def _resolved(module, name):
    """Returns (dotted name, definition) of a name in a module, without the definition outside of the package.

    For example, `ZooModel` in models/text/crnn.py is resolved to its class in models/base.py.
    """
    tree = _module_tree(module)
    if tree is None:
        return f"{module}.{name}", None
    first, _, rest = name.partition(".")
    for node in tree.body:
        if getattr(node, "name", None) == name:
            return f"{module}.{name}", node
        if isinstance(node, ast.Assign) and name in [ast.unparse(target) for target in node.targets]:
            return f"{module}.{name}", node
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if (alias.asname or alias.name) == first:
                    if rest:
                        return _resolved(f"{node.module}.{alias.name}", rest)
                    return _resolved(node.module, alias.name)
    return name, None


def _exists(module, name):
    """Returns whether a module has a name. True for modules outside of the package, which are not read."""
    if module.split(".")[0] != sources.LIBRARY or _module_tree(f"{module}.{name}") is not None:
        return True
    return _resolved(module, name)[1] is not None


def _module_tree(module):
    """Returns the syntax tree of a module of the package, or None."""
    path = sources.ROOT.joinpath(*module.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return sources.tree_of(candidate)
    return None


def _text(package, names):
    docstring, kept = _written_by_hand(package)
    exported = {}
    for path in (path for path in names if package in path.parents):
        module = sources.module_name(path)
        for name in names[path]:
            if name in exported:
                raise ValueError(f"{name} must be defined once. Received: {exported[name][0]} and {module}")
            exported[name] = (module, name)
    exported = {**kept, **exported}
    lines = [docstring, ""] if docstring else []
    for shown, (module, name) in exported.items():
        lines.append(f"from {module} import {name}" + (f" as {shown}" if shown != name else ""))
    if exported:
        lines += ["", "__all__ = [", *(f'    "{name}",' for name in sorted(exported)), "]"]
    return "\n".join(lines) + "\n" if lines else ""


def _written_by_hand(package):
    """Returns (docstring, {exported name: (module, name there)}) of the parts that are written by hand.

    Imports of names that no longer exist are left out.
    """
    path = package / "__init__.py"
    if not path.is_file():
        return "", {}
    text, kept, docstring = path.read_text(encoding="utf-8"), {}, ""
    for number, node in enumerate(ast.parse(text, filename=str(path)).body):
        if number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstring = ast.get_source_segment(text, node)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if _exists(node.module, alias.name):
                    kept[alias.asname or alias.name] = (node.module, alias.name)
        elif not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"):
            raise ValueError(
                f"{path}, line {node.lineno}: `make enroll` writes this file and keeps only its docstring, "
                "absolute `from` imports, and `__all__`. Move the rest to another file"
            )
    return docstring, kept


def formatted(written):
    """Returns the texts sorted and formatted by ruff."""
    with tempfile.TemporaryDirectory() as folder:
        # The same layout, so that ruff finds the package.
        copies = {path: pathlib.Path(folder, path.relative_to(sources.ROOT)) for path in written}
        for path, copy in copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(written[path], encoding="utf-8")
        options = ["--config", str(CONFIG), "--no-cache", "--quiet", "."]
        # The copy lacks the files from which ruff infers the first-party package.
        own = f"lint.isort.known-first-party = ['{sources.LIBRARY}']"
        for command in (["check", "--select", "I", "--fix", "--config", own], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, *options], cwd=folder, check=True)
        return {path: copy.read_text(encoding="utf-8") for path, copy in copies.items()}
