"""The page "Check your own layer" and its notebook, which runs as it is."""

import importlib.util
import re

import pytest

from tests.docs import notebooks
from tests.docs.notebooks import DOCS

NOTEBOOK = DOCS / "check_your_own_layer.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    # Without Jupyter's packages the cells run as a script, whose classes no other process can import either.
    printed = notebooks.run(NOTEBOOK, tmp_path)
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
    assert blocks == notebooks.code_cells(NOTEBOOK)[: len(blocks)]
