"""The installed command: which program a word starts, what a plain install can do, how long its help is."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

pytest.importorskip("typer")

from keras_cnn_zoo import models
from keras_cnn_zoo.cli import extras, main
from keras_cnn_zoo.utils.tasks import TASKS
from keras_cnn_zoo.utils.version import __version__
from tests.blocked import without
from tests.policy import sources

LINES, COLUMNS = 45, 100
VERBS = ("fit", "evaluate", "predict", "export")
# Everything that imports a package of the extra would fail in a plain install.
WITHOUT = """
import sys
from importlib import metadata

ABSENT = {absent!r}
found = metadata.distribution

def distribution(name):
    if name.lower() in ABSENT:
        raise metadata.PackageNotFoundError(name)
    return found(name)

metadata.distribution = distribution
from keras_cnn_zoo.cli.main import main
sys.exit(main({words!r}))
"""
MODULES = ("typer", "PIL", "matplotlib", "sklearn", "scipy", "keras_tuner", "pycocotools", "jiwer", "onnx")
MODULES += ("tensorflow_datasets", "tensorboard", "safetensors", "onnxruntime", "tf2onnx", "defusedxml")


def extra_packages():
    """Names in lower case of what setup.cfg lists for the extra."""
    config = configparser.ConfigParser()
    config.read(sources.ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options.extras_require"]["apps"].splitlines()
    return {re.match(r"[\w.-]+", line)[0].lower() for line in lines if line.strip()}


def plain_install(*words):
    """The command in a process in which no package of the extra is there."""
    code = without(*MODULES) + WITHOUT.format(absent=extra_packages(), words=list(words))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=sources.ROOT)


def test_version(capsys):
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"keras-cnn-zoo {__version__}\n"


def test_the_script_is_installed():
    (script,) = metadata.entry_points(group="console_scripts", name="keras-cnn-zoo")
    assert script.load() is main.main


def test_presets_as_json_are_those_of_list_presets(capsys):
    assert main.main(["presets", "segmentation", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == models.list_presets("segmentation")


def test_presets_are_listed_one_by_one(capsys):
    assert main.main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == [preset["name"] for preset in models.list_presets()]


def test_catalog_prints_the_index(capsys):
    assert main.main(["catalog", "--json", "--kind", "loss"]) == 0
    assert {entry["kind"] for entry in json.loads(capsys.readouterr().out)} == {"loss"}


@pytest.mark.parametrize("words", [["segment"], ["tune", "lenet"], ["presets", "visualization"]])
def test_an_unknown_word_is_refused(words, capsys):
    try:
        code = main.main(words)
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert words[-1] in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["tune"]])
def test_a_command_that_lacks_a_word_prints_its_usage(words, capsys):
    assert main.main(words) == 2
    assert "usage: keras-cnn-zoo" in capsys.readouterr().out


def test_a_task_command_runs_and_its_exit_code_is_passed_on(capsys, tmp_path):
    assert main.main(["segmentation", "evaluate", "--run", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_a_search_runs_and_its_exit_code_is_passed_on(capsys):
    assert main.main(["tune", "deeplab", "--max-trials", "0"]) == 2
    assert "--max-trials must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        *([], ["catalog"], ["presets"], ["tune"], ["tune", "deeplab"]),
        *([task] for task in TASKS),
        *([task, verb] for task in TASKS for verb in VERBS),
        *(["tune", task] for task in TASKS),
    ],
    ids=" ".join,
)
def test_help_fits_on_a_screen(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    try:
        assert main.main([*words, "--help"]) == 0
    except SystemExit as end:
        assert end.code == 0
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS


@pytest.mark.parametrize("words", [["-h"], ["tune", "-h"], ["tune", "deeplab", "-h"], ["text", "fit", "-h"]])
def test_the_short_form_of_help_works_everywhere(words, capsys):
    assert main.main(words) == 0
    assert "usage" in capsys.readouterr().out.lower()


def test_every_option_has_a_help_text(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for words in (["segmentation", verb] for verb in VERBS):
        main.main([*words, "--help"])
        for line in capsys.readouterr().out.splitlines():
            cells = line.strip("│ ").split()
            if cells and cells[0].startswith("--"):
                assert [cell for cell in cells if not cell.startswith(("-", "<"))], line


@pytest.mark.slow
@pytest.mark.parametrize("words", [["catalog"], ["presets"], ["--help"], ["tune", "--help"]])
def test_a_plain_install_can_do_it(words):
    done = plain_install(*words)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout


@pytest.mark.slow
def test_the_installed_script_quiets_what_tensorflow_lets_it():
    script = shutil.which("keras-cnn-zoo", path=os.path.dirname(sys.executable))
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([script, "--version"], env=environment, capture_output=True, text=True)
    assert done.stdout == f"keras-cnn-zoo {__version__}\n"
    # Some lines are printed before TensorFlow reads the variable.
    assert "cpu_feature_guard" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", [["segmentation", "fit"], ["tune", "text"]])
def test_a_plain_install_names_the_extra_in_one_line(words):
    done = plain_install(*words)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    # How many are missing depends on the versions that were installed.
    assert re.search(r' and \d+ more packages: .* pip install "keras-cnn-zoo\[apps\]"$', line)
    assert "Traceback" not in done.stderr


def test_an_import_error_of_another_package_is_not_hidden(monkeypatch):
    def broken(*arguments):
        raise ModuleNotFoundError("No module named 'elsewhere'", name="elsewhere")

    monkeypatch.setattr("keras_cnn_zoo.cli.task_commands.application", broken)
    with pytest.raises(ModuleNotFoundError, match="elsewhere"):
        main.main(["segmentation", "fit"])


def test_nothing_is_missing_here_and_what_is_missing_is_named(monkeypatch):
    assert extras.missing_packages("apps") == []
    found = metadata.distribution

    def without_pillow(name):
        if name == "pillow":
            raise metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(extras.metadata, "distribution", without_pillow)
    assert extras.missing_packages("apps") == ["pillow"]


def test_the_package_need_not_have_been_installed_by_pip(monkeypatch):
    def unknown(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(extras.metadata, "requires", unknown)
    assert extras.missing_packages("apps") == []
