"""Runs notebooks of the documentation."""

import importlib
import importlib.util
import json

from tests.helpers import ROOT, run_python

DOCS = ROOT / "docs"


def code_cells(path):
    """Returns the source of each cell with code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(path, folder):
    """Runs a notebook and returns what it prints.

    Args:
        path: the notebook.
        folder: where its cells are written as one script, if Jupyter's packages are not installed.
    """
    if all(importlib.util.find_spec(name) for name in ("nbclient", "ipykernel")):
        return _run_with_nbclient(path)
    script = folder / "notebook.py"
    script.write_text("\n\n".join(code_cells(path)), encoding="utf-8")
    done = run_python(script)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run_with_nbclient(path):
    import nbclient

    nbformat = importlib.import_module("nbformat")  # It comes with nbclient.
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs)
