"""`python -m applications.detection` refuses what it cannot use in one line that names the file."""

import json

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("defusedxml")
pytest.importorskip("PIL")

from PIL import Image
from typer.testing import CliRunner

from applications.detection.__main__ import app

BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><annotation>&b;</annotation>'


def refused(*words):
    """The one line that a refused call prints."""
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in result.output
    return lines[0]


@pytest.fixture
def voc(tmp_path):
    for folder in ("JPEGImages", "Annotations"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for number in range(4):
        pixels = np.zeros((40, 60, 3), "uint8")
        Image.fromarray(pixels).save(tmp_path / "data" / "JPEGImages" / f"{number}.png")
        write(tmp_path / "data", number, (5, 5, 30, 30))
    return tmp_path / "data"


def write(root, number, box):
    edges = "".join(
        f"<{name}>{edge}</{name}>" for name, edge in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    text = f"<annotation><object><name>cell</name><bndbox>{edges}</bndbox></object></annotation>"
    (root / "Annotations" / f"{number}.xml").write_text(text)


def test_bad_data_end_in_one_line_and_leave_nothing(voc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(voc, 2, (5, 5, 300, 30))
    assert "2.xml: object 1 (cell) leaves its image of 60 x 40 pixels" in refused(
        "fit", "--data", f"voc:{voc}"
    )
    (voc / "Annotations" / "2.xml").write_text(BOMB)
    assert "2.xml must not declare entities" in refused("fit", "--data", f"voc:{voc}")
    write(voc, 2, (5, 5, 30, 30))
    (voc / "JPEGImages" / "1.png").unlink()
    assert "1.xml has no image: expected" in refused("fit", "--data", f"voc:{voc}")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_bad_options_end_in_one_line(voc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = ("fit", "--data", f"voc:{voc}")
    assert "unknown detection model 'yolo'. Known: faster_rcnn, retinanet" in refused(
        *data, "--model", "yolo"
    )
    assert "`variant` must be one of" in refused(*data, "--variant", "99")
    assert "0.xml: object 1 must be one of: nucleus" in refused(*data, "--class-names", "nucleus")
    (tmp_path / "train.json").write_text(json.dumps({"images": []}))
    assert "must have a list of objects 'annotations'" in refused("fit", "--data", f"coco:{tmp_path}")
    assert "masks: has no detection data. Formats that do: coco:, tfds:, voc:" in refused(
        "fit", "--data", f"masks:{voc}"
    )
