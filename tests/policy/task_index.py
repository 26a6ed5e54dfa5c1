"""The texts of `tasks/__init__.py` and `utils/tasks.py`, from the files in `tasks/` without an import."""

import ast

from tests.policy import exports, sources

FOLDER = "keras_cnn_zoo/tasks"
TABLE = "keras_cnn_zoo/utils/tasks.py"
# What `tasks` offers besides the tasks.
PARTS = {
    "Argument": "keras_cnn_zoo.tasks.argument",
    "Recipe": "keras_cnn_zoo.tasks.recipe",
    "Task": "keras_cnn_zoo.tasks.base",
    **dict.fromkeys(("FitOptions", "evaluate", "export_model", "fit", "predict"), "keras_cnn_zoo.training"),
}


def texts():
    """Returns a dict from the path of both files to the text that they must have."""
    found = list(tasks())
    files = {sources.ROOT / FOLDER / "__init__.py": index(found), sources.ROOT / TABLE: table(found)}
    return exports.formatted(files)


def tasks():
    """Yields (name, summary, class name, module) of each task, sorted by name.

    A task is a class with the attributes `name` and `summary`, both texts.
    """
    found = []
    for path in sources.python_files(FOLDER):
        for node in sources.tree_of(path).body:
            if isinstance(node, ast.ClassDef):
                values = {
                    part.targets[0].id: part.value.value
                    for part in node.body
                    if isinstance(part, ast.Assign)
                    and isinstance(part.targets[0], ast.Name)
                    and isinstance(part.value, ast.Constant)
                }
                if isinstance(values.get("name"), str):
                    if not isinstance(values.get("summary"), str):
                        raise ValueError(f"{node.name} in {path} must have a `summary`, a text")
                    found.append((values["name"], values["summary"], node.name, sources.module_name(path)))
    return sorted(found)


def index(found):
    """Returns the text of `tasks/__init__.py`."""
    modules = {class_name: module for _, _, class_name, module in found} | PARTS
    imported = {}
    for name, module in modules.items():
        imported.setdefault(module, []).append(name)
    lines = ['"""One object per task, from data to picture, for programs and notebooks."""', ""]
    lines += [
        f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(imported.items())
    ]
    classes = ", ".join(class_name for _, _, class_name, _ in found)
    lines += ["", "# Name to class.", f"TASKS = {{cls.name: cls for cls in ({classes})}}", ""]
    lines += ["__all__ = [", *(f'    "{name}",' for name in sorted([*modules, "TASKS"])), "]"]
    return "\n".join(lines) + "\n"


def table(found):
    """Returns the text of `utils/tasks.py`, which knows the tasks without importing them."""
    return "\n".join(
        [
            '"""The tasks, by the name that commands and presets use. `make enroll` writes this file."""',
            "",
            "TASKS = {",
            *(f'    "{name}": "{summary}",' for name, summary, _, _ in found),
            "}",
            "",
        ]
    )
