"""The page "Check your own layer" and its notebook, which runs as it is."""

import importlib
import importlib.util
import json
import re

import pytest

from tests.helpers import ROOT, run_python

DOCS = ROOT / "docs"
NOTEBOOK = DOCS / "check_your_own_layer.ipynb"


def code_cells():
    """Returns the source of each cell with code."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_with_nbclient():
    """Returns what the notebook prints."""
    import nbclient

    nbformat = importlib.import_module("nbformat")  # It comes with nbclient.
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs)


def run_as_script(folder):
    """Runs the cells as one script, and returns what it prints."""
    path = folder / "notebook.py"
    path.write_text("\n\n".join(code_cells()), encoding="utf-8")
    done = run_python(path)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    # Without Jupyter's packages the cells run as a script, whose classes no other process can import either.
    jupyter = all(importlib.util.find_spec(name) for name in ("nbclient", "ipykernel"))
    printed = run_with_nbclient() if jupyter else run_as_script(tmp_path)
    lines = printed.splitlines()
    statuses = [line.split()[:3] for line in lines if re.match(r"C\d+ (here|jax|torch) ", line)]
    assert ["C13", "here", "pass"] in statuses and "fail" not in {status for _, _, status in statuses}
    for backend in ("jax", "torch"):
        if importlib.util.find_spec(backend):
            assert ["C8", backend, "pass"] in statuses
    assert any(line.startswith("C1 config: ForgetfulGate: get_config lacks limit.") for line in lines)
    assert "ChannelGate-C5 channels_first" in lines


def test_the_page_shows_the_cells_of_the_notebook():
    page = (DOCS / "check_your_own_layer.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)\n^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    assert blocks == code_cells()[: len(blocks)]
