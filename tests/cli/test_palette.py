"""--palette: every command that reads data takes it."""

import json

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("PIL")

from PIL import Image
from typer.testing import CliRunner

from keras_cnn_zoo.cli import inspect_command, search_commands
from keras_cnn_zoo.cli.task_commands import application
from keras_cnn_zoo.search.spaces.segmentation import SPACE
from keras_cnn_zoo.tasks import Classification, Segmentation

COLORS = np.array([[0, 0, 0], [200, 10, 10]], "uint8")


@pytest.fixture
def spec(tmp_path):
    """Colored masks, and a palette next to them."""
    for kind in ("images", "labels"):
        (tmp_path / "city" / kind).mkdir(parents=True)
    for number in range(8):
        ids = np.arange(16 * 16).reshape(16, 16) % 2
        for kind in ("images", "labels"):
            Image.fromarray(COLORS[ids]).save(tmp_path / "city" / kind / f"{number}.png")
    (tmp_path / "palette.txt").write_text("0 0 0 ground\n200 10 10 road\n")
    return f"masks:{tmp_path / 'city'}"


def invoked(app, *words):
    return CliRunner().invoke(app, list(map(str, words)))


def test_inspect_names_the_classes_of_the_colors(spec, tmp_path):
    app, out = inspect_command.program(Segmentation()), tmp_path / "out"
    result = invoked(app, "--data", spec, "--palette", tmp_path / "palette.txt", "--out", out)
    assert result.exit_code == 0, result.output
    text = (out / "inspect.json").read_text()
    assert "ground" in text and "road" in text and json.loads(text)["problems"] == []


@pytest.mark.parametrize("command", ["fit", "evaluate", "tune"])
def test_a_palette_without_a_file_is_refused_in_one_line(command, spec, tmp_path):
    app = search_commands.program(SPACE) if command == "tune" else application(Segmentation())
    words = () if command == "tune" else (command,)
    words += ("--preset", "unet_digit_scenes") if command == "evaluate" else ("--out", tmp_path / "run")
    result = invoked(app, *words, "--data", spec, "--palette", tmp_path / "absent.txt")
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 2 and len(errors) == 1 and "absent.txt" in errors[0], result.output


def test_a_palette_is_for_masks_alone(tmp_path):
    result = invoked(
        application(Classification()),
        *("fit", "--data", f"images:{tmp_path}", "--palette", "p.txt", "--out", tmp_path / "run"),
    )
    assert (
        result.exit_code == 2 and "error: --palette is for the colored masks of masks:PATH" in result.stderr
    )
