"""The README starts with a command and an example; links exist and Python code runs in all pages."""

import configparser
import re

import numpy as np
import pytest

from keras_cnn_zoo.data.readers import READERS
from keras_cnn_zoo.training.exports.formats import FORMATS
from keras_cnn_zoo.utils.tasks import TASKS
from tests.policy import sources, test_imports

# The pages in these folders are model cards, which are generated.
CARDS = {sources.LIBRARY, "recorded"}
PAGES = [path for path in sources.tracked_files() if path.suffix == ".md" and not CARDS & set(path.parts)]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
README = sources.ROOT / "README.md"
EXAMPLES = [(path, blocks) for path in PAGES if (blocks := BLOCK.findall(path.read_text(encoding="utf-8")))]


def makefile_targets():
    """Returns the targets of the Makefile."""
    text = (sources.ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())


def test_the_readme_starts_with_a_command_and_ten_lines_of_python():
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    install, command = blocks[0][1].splitlines()
    assert install == 'pip install ".[apps]"' and command.startswith("keras-cnn-zoo ")
    language, example = blocks[1]
    assert language == "python"
    assert len([line for line in example.splitlines() if line.strip()]) == 10
    assert len(text.splitlines()) < 150
    assert {"make demo", "make test"} <= {
        line.split("  ")[0] for _, block in blocks for line in block.splitlines()
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", [page for page, _ in EXAMPLES], ids=lambda path: path.name)
def test_python_in_the_documents_runs(path, tmp_path, monkeypatch):
    """Runs the blocks of a page in order. `images` are those of the reader."""
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), dtype="uint8")
    names = {"__name__": "document", "images": images}
    for block in dict(EXAMPLES)[path]:
        exec(compile(block, str(path), "exec"), names)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_linked_files_exist(path):
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_mentioned_make_target_exists(path):
    named = set(re.findall(r"(?:`|^)make (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= makefile_targets()


def test_every_dependency_has_a_reason():
    text = (sources.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("## Dependencies") :]
    # One package per font family, all for the same reason.
    names = {re.sub(r"^fontpkg-.*", "fontpkg-", name) for name in test_imports.declared_distributions()}
    missing = [name for name in names if not re.search(rf"\b{name}", table)]
    assert sorted(set(missing) - {"keras-cnn-zoo"}) == []


def test_every_lower_bound_is_one_that_was_tested():
    config = configparser.ConfigParser()
    config.read(sources.ROOT / "setup.cfg", encoding="utf-8")
    bounds = config["options"]["install_requires"].split()
    text = (sources.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^\| `(\S+>=\S+)` \| ([\d.]+)", text, re.MULTILINE))
    assert set(bounds) == set(tested)
    for bound, version in tested.items():
        assert version.startswith(bound.partition(">=")[2] + "."), bound
    commands = re.search(r"^pip install --no-deps --target OLD (.*)$", text, re.MULTILINE)[1].split()
    assert set(commands) == {f"{bound.partition('>=')[0]}=={version}" for bound, version in tested.items()}


def test_no_placeholder_for_a_number_is_left():
    assert "FIGURE" not in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_a_program_and_a_row(task):
    folder = sources.ROOT / "applications" / task
    assert {"__init__.py", "__main__.py", "README.md"} <= {path.name for path in folder.iterdir()}
    table = (sources.ROOT / "docs/command-line.md").read_text(encoding="utf-8").partition("## Tasks")[2]
    assert f"\n| {task} |" in table


@pytest.mark.parametrize("task", TASKS)
def test_the_page_of_a_task_names_its_data_formats(task):
    text = (sources.ROOT / "applications" / task / "README.md").read_text(encoding="utf-8")
    formats = {
        name.replace("labeled", "labelled") for name, reader in READERS.items() if task in reader.tasks
    }
    assert [name for name in sorted(formats) if f"`{name}:" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_exports_of_a_page_do_not_need_the_same_files(path):
    """A file and another format with its stem would both have STEM.json."""
    given = re.findall(r"export .*--format (\w+) .*--out ([\w./-]+)", path.read_text(encoding="utf-8"))
    stems = [out.removesuffix(FORMATS[name].suffix) for name, out in given if name in FORMATS]
    assert len(stems) == len(set(stems)), stems


def test_the_page_on_deployment_has_a_row_for_each_way_to_quantize():
    text = (sources.ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    table = text[text.index("| `--quantize` |") :].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]
    found = {
        (name, quantize.strip("`")): activations
        for quantize, formats, _, activations, _ in cells
        for name in (FORMATS if formats == "all" else re.findall(r"\w+", formats))
    }
    assert set(found) == {(name, quantize) for name, one in FORMATS.items() for quantize in one.quantize}
    assert found["onnx", "weights"] == found["web", "weights"] == "32 bits"
    assert found["litert", "weights"].startswith("8 bits") and found["litert", "full"].startswith("8 bits")
