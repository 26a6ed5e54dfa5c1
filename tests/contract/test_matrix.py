"""The matrix shows the worst of what was seen, and gaps as gaps."""

import json

import pytest

from keras_cnn_zoo.testing import GUARANTEES, Outcome
from tests.contract import matrix as matrices
from tests.contract.matrix import Matrix

ROW = ("layers", "Part")


def outcome(guarantee, status, detail=""):
    return Outcome("layers.Part[0]", guarantee, status, detail)


@pytest.fixture
def matrix():
    found = Matrix()
    found.add(
        ROW, [outcome("C1", "pass"), outcome("C4", "pass"), outcome("C5", "exempt", "not applicable: flat")]
    )
    found.add(ROW, [outcome("C1", "fail", "it broke")])
    found.add(ROW, [outcome("C4", "pass"), outcome("C8", "not run", "torch is not installed")], "torch")
    found.add(ROW, [outcome("C8", "pass"), outcome("C9", "exempt", "no such operation")], "jax")
    return found


def test_cell_is_the_worst_outcome(matrix):
    assert matrix.cell(ROW, "C1") == ("fail", "it broke")
    assert matrix.cell(ROW, "C4") == ("pass", "")
    assert matrix.cell(ROW, "C5") == ("not applicable", "not applicable: flat")
    assert matrix.cell(ROW, "C8") == ("not run", "on torch: torch is not installed")
    assert matrix.cell(ROW, "C9") == ("exempt", "on jax: no such operation")


def test_what_was_not_checked_is_not_run(matrix):
    assert matrix.cell(ROW, "C13") == ("not run", "not part of this run")
    assert matrix.counts()["not run"] == len(GUARANTEES) - 4


def test_a_pass_outweighs_not_applicable():
    found = Matrix()
    found.add(ROW, [outcome("C9", "exempt", "not applicable: no")])
    found.add(ROW, [outcome("C9", "pass")])
    assert found.cell(ROW, "C9")[0] == "pass"


def test_terminal_lines(matrix):
    head, row, legend, reason = matrix.lines()
    assert head.split() == list(GUARANTEES)
    assert row.split() == ["Part", *"F??+.??? e????".replace(" ", "")]
    assert "F fail: 1" in legend
    assert reason == "Part C9 exempt: on jax: no such operation"


def test_written_files_hold_reasons(matrix, tmp_path):
    matrix.write(tmp_path)
    (component,) = json.loads((tmp_path / "matrix.json").read_text(encoding="utf-8"))["components"]
    assert component["name"] == "Part"
    assert component["guarantees"]["C4"] == {"status": "pass"}
    assert component["guarantees"]["C9"] == {"status": "exempt", "reason": "on jax: no such operation"}
    page = (tmp_path / "matrix.md").read_text(encoding="utf-8")
    assert "| `Part` | **fail** |" in page
    assert "`Part` C9, exempt: on jax: no such operation" in page


def test_only_what_the_table_excuses_may_be_missing(monkeypatch):
    monkeypatch.setattr(matrices.sys, "platform", "darwin")
    assert "Linux" in matrices.unavailable("C9")
    assert matrices.unavailable("C8") is None
    monkeypatch.setattr(matrices.sys, "platform", "linux")
    monkeypatch.setattr(matrices.platform, "machine", lambda: "x86_64")
    assert matrices.unavailable("C9") is None
