"""For a new layer with its file, test, and row, `make enroll` writes everything else."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from keras_cnn_zoo import catalog
from tests.policy import api_surface, enroll, exports, sources, task_index

LAYER = '''
"""A rectifier with a factor."""

import keras

from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ScaledReLU(keras.layers.Layer):
    """Rectifier with a fixed factor: `y = factor * max(x, 0)`.

    Reference: Doe, 2024, "Factors".

    Args:
        factor: Positive number. Defaults to 2.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        Any.

    Output shape:
        That of the input.

    Raises:
        ValueError: for a factor that is not positive.

    >>> float(ScaledReLU(3.0)(np.array([[2.0]]))[0, 0])
    6.0
    """

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = validation.finite_number("factor", factor, above=0)

    def call(self, inputs):
        return self.factor * keras.ops.relu(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
'''.lstrip()

TEST = '''
"""ScaledReLU by its formula."""

import numpy as np

from keras_cnn_zoo.layers import ScaledReLU


def reference(inputs, weights, factor=2.0):
    return factor * np.maximum(inputs, 0)


CASES = [dict(cls=ScaledReLU, init_kwargs={"factor": 3.0}, input_shape=(2, 4), reference=reference)]


def test_negative_inputs_give_zero():
    assert float(ScaledReLU()(-np.ones((1, 1)))[0, 0]) == 0
'''.lstrip()

ROW = "ScaledReLU\tDoe, 2024\t\t\t\n"

WRITTEN = {
    "docs/families/activation.md",
    "keras_cnn_zoo/catalog.tsv",
    "keras_cnn_zoo/layers/__init__.py",
    "keras_cnn_zoo/layers/activation/__init__.py",
    "tests/policy/api_surface.json",
}
# Weights, pictures, and recorded models are most of the checkout, and no test here reads them.
BINARY = {".h5", ".keras", ".png", ".safetensors"}
# These do not depend on the list of components, and take longer than all others together.
UNRELATED = ("test_documents", "test_imports", "test_loading", "test_wheel")
INDEX = {**exports.texts(), **task_index.texts()}


@pytest.fixture
def checkout(tmp_path):
    """Returns a copy of the checkout with the file, test, and row of a new layer, and nothing else."""
    for path in sources.tracked_files():
        # The gallery lists the pictures that are there.
        if path.suffix not in BINARY or path.parent.name == "gallery":
            copy = tmp_path / path.relative_to(sources.ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    (tmp_path / "keras_cnn_zoo/layers/activation/scaled_relu.py").write_text(LAYER)
    (tmp_path / "tests/layers/activation/test_scaled_relu.py").write_text(TEST)
    with open(tmp_path / "keras_cnn_zoo/catalog.tsv", "a") as file:
        file.write(ROW)
    # The policy tests list the files with git.
    ran(tmp_path, "git", "init", "--quiet")
    ran(tmp_path, "git", "add", "--all")
    return tmp_path


def ran(folder, *command):
    """Runs a command in a folder, without environment variables that point to other folders."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "MAKE", "PYTEST_")) and name not in ("MFLAGS", "PYTHONPATH")
    }
    environment = {**kept, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def policy(folder):
    """Runs the policy tests in a copy, those of docstrings only for the new layer."""
    ignored = [f"--ignore=tests/policy/{name}.py" for name in UNRELATED]
    selected = ["-m", "not slow", "-k", "not test_docstrings or ScaledReLU"]
    command = [sys.executable, "-m", "pytest", "tests/policy", "-x", "-q", "-p", "no:cacheprovider"]
    return ran(folder, *command, *ignored, *selected)


@pytest.mark.slow
def test_a_new_layer_passes_after_make_enroll(checkout):
    # `-o` prevents make from installing anything: the environment of this test is complete.
    bin_folder = pathlib.Path(sys.executable).parent
    done = ran(
        checkout, "make", "enroll", f"VENV={sys.prefix}", f"BIN={bin_folder}", "-o", f"{sys.prefix}/.all"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(ran(checkout, "git", "diff", "--name-only").stdout.split()) == WRITTEN
    assert ran(checkout, "git", "ls-files", "--others", "--exclude-standard").stdout == ""
    done = policy(checkout)
    assert done.returncode == 0, done.stdout[-4000:]
    assert (
        enroll.sorted_rows((checkout / exports.TABLE).read_text()) == (checkout / exports.TABLE).read_text()
    )


@pytest.mark.slow
def test_a_new_layer_fails_without_make_enroll(checkout):
    done = policy(checkout)
    assert done.returncode == 1
    assert "FAILED tests/policy/test_catalog_rows.py::test_every_component_has_a_row" in done.stdout
    assert "ScaledReLU" in done.stdout


@pytest.mark.parametrize("path", INDEX, ids=lambda path: path.relative_to(sources.ROOT).as_posix())
def test_every_init_file_is_up_to_date(path):
    assert path.is_file() and path.read_text(encoding="utf-8") == INDEX[path], "run `make enroll`"


def test_all_folders_of_components_are_known():
    assert set(exports.FOLDERS) == set(catalog.KINDS)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Returns a function that writes files of a package and returns the text of one `__init__.py`."""
    monkeypatch.setattr(sources, "ROOT", tmp_path)

    def write(files, init_file):
        table = tmp_path / exports.TABLE
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text("name\treference\n" + files.pop("rows", ""))
        for name, text in files.items():
            path = tmp_path / "keras_cnn_zoo" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return exports.texts()[tmp_path / "keras_cnn_zoo" / init_file]

    return write


def component(name, base="keras.layers.Layer"):
    """Returns the text of a file with one registered class."""
    register = '@keras.saving.register_keras_serializable(package="keras_cnn_zoo")'
    return f"import keras\n\n\n{register}\nclass {name}({base}):\n    pass\n"


def test_registered_classes_are_listed_and_bases_are_not(written):
    files = {
        "layers/pooling/b.py": component("B") + "\n\nclass BaseB:\n    pass\n\n\ndef helper():\n    pass\n",
        "layers/pooling/a.py": component("A1D") + component("_Private"),
        "layers/base_pooling.py": "class BasePooling:\n    pass\n",
    }
    imports = "from keras_cnn_zoo.layers.pooling.a import A1D\nfrom keras_cnn_zoo.layers.pooling.b import B\n"
    expected = imports + '\n__all__ = [\n    "A1D",\n    "B",\n]\n'
    assert written(files, "layers/pooling/__init__.py") == expected
    assert written({}, "layers/__init__.py") == expected


def test_a_second_name_of_a_component_is_listed(written):
    text = component("A") + "\n\nNetA = A\n_hidden = A\nLimit = 3\nOther = helper\n"
    imports = "from keras_cnn_zoo.layers.pooling.a import A, NetA\n"
    expected = imports + '\n__all__ = [\n    "A",\n    "NetA",\n]\n'
    assert written({"layers/pooling/a.py": text}, "layers/pooling/__init__.py") == expected


def test_functions_are_listed_if_they_are_in_the_file_of_a_loss_or_have_a_row(written):
    files = {
        "losses/triplet.py": "def triplet():\n    pass\n\n\n" + component("Triplet", "keras.losses.Loss"),
        "losses/elbo.py": "def elbo():\n    pass\n\n\ndef helper():\n    pass\n",
        "losses/embeddings.py": "def labeled_pairs():\n    pass\n",
        "rows": "elbo\tKingma, 2013\n",
    }
    assert written(files, "losses/__init__.py").splitlines()[:2] == [
        "from keras_cnn_zoo.losses.elbo import elbo",
        "from keras_cnn_zoo.losses.triplet import Triplet, triplet",
    ]


def test_models_are_subclasses_of_the_base_model(written):
    files = {
        "models/base.py": "import keras\n\n\nclass ZooModel(keras.Model):\n    pass\n",
        "models/text/reader.py": "from keras_cnn_zoo.models.base import ZooModel\n\n\n"
        "class Reader(ZooModel):\n    pass\n",
        "models/text/__init__.py": "from keras_cnn_zoo.models.text.reader import Reader\n",
        "models/text/crnn.py": "from keras_cnn_zoo.models import text\n" + component("CRNN", "text.Reader"),
        "models/text/part.py": component("GreedyReading"),
    }
    assert "import CRNN\n" in written(files, "models/__init__.py")
    assert "GreedyReading" not in written({}, "models/__init__.py")


def test_callbacks_are_subclasses_of_the_keras_callback(written):
    files = {"callbacks/stop.py": "import keras\n\n\nclass Stop(keras.callbacks.Callback):\n    pass\n"}
    assert '"Stop"' in written(files, "callbacks/__init__.py")


def test_docstring_and_other_exports_are_kept(written):
    files = {
        "presets/loading.py": "def load():\n    pass\n",
        "models/words.py": "LIMIT = 3\n\n\nclass Words:\n    pass\n",
        "models/__init__.py": '"""Models."""\n\n'
        "from keras_cnn_zoo.presets.loading import load as from_preset\n"
        "from keras_cnn_zoo.models.words import LIMIT, Words\n\n__all__ = []\n",
    }
    assert written(files, "models/__init__.py") == (
        '"""Models."""\n\nfrom keras_cnn_zoo.models.words import LIMIT, Words\n'
        "from keras_cnn_zoo.presets.loading import load as from_preset\n\n"
        '__all__ = [\n    "LIMIT",\n    "Words",\n    "from_preset",\n]\n'
    )


def test_deleted_names_are_no_longer_listed(written):
    gone = "from keras_cnn_zoo.layers.pooling.gone import Gone\n"
    files = {
        "layers/pooling/a.py": component("A"),
        "layers/pooling/__init__.py": gone + "from keras_cnn_zoo.layers.pooling.a import A, Renamed\n",
        "layers/__init__.py": gone + "from keras_cnn_zoo.layers.pooling import Renamed\n",
    }
    expected = 'from keras_cnn_zoo.layers.pooling.a import A\n\n__all__ = [\n    "A",\n]\n'
    assert written(files, "layers/pooling/__init__.py") == expected
    assert written({}, "layers/__init__.py") == expected


def test_a_family_without_files_lists_nothing(written):
    files = {"layers/pooling/__init__.py": "from keras_cnn_zoo.layers.pooling.gone import Gone\n"}
    assert written(files, "layers/pooling/__init__.py") == ""


def test_code_in_an_init_file_raises_an_error(written):
    with pytest.raises(ValueError, match="line 2: `make enroll` writes this file"):
        written({"layers/__init__.py": '"""Layers."""\nprint()\n'}, "layers/__init__.py")


def test_two_components_with_the_same_name_raise_an_error(written):
    files = {"layers/pooling/a.py": component("A"), "layers/residual/a.py": component("A")}
    with pytest.raises(ValueError, match=r"A must be defined once.*pooling\.a and .*residual\.a"):
        written(files, "layers/__init__.py")


def test_rows_are_sorted_after_the_header():
    assert enroll.sorted_rows("name\tx\nb\t1\n\nC\t2\na1D/2D\t3\n") == "name\tx\na1D/2D\t3\nb\t1\nC\t2\n"


def test_a_component_without_a_row_and_a_row_without_a_component_are_reported(monkeypatch):
    rows = [row for row in catalog.read_table("catalog.tsv") if row["name"] != "Maxout"]
    monkeypatch.setattr(catalog, "read_table", lambda file_name: [*rows, {"name": "Minout"}])
    assert [line.partition(". ")[0] for line in enroll.unmatched()] == [
        "Maxout in keras_cnn_zoo/layers/activation/maxout.py has no row in keras_cnn_zoo/catalog.tsv",
        "keras_cnn_zoo/catalog.tsv has a row for Minout, but no file has a public component of that name",
    ]


def test_a_name_that_is_no_longer_public_is_reported(monkeypatch):
    recorded = {**api_surface.recorded(), "keras_cnn_zoo.gone": {"Part": "()"}}
    monkeypatch.setattr(api_surface, "recorded", lambda: recorded)
    (line,) = enroll.removed()
    assert line.startswith("keras_cnn_zoo.gone.Part is in tests/policy/api_surface.json, but no longer")


def test_a_family_without_a_page_is_reported(monkeypatch):
    from docs.generate import pages

    monkeypatch.setitem(pages.FAMILIES, "pooling", {})
    assert "LpPooling2D is on no page of docs/families. Add its family, 'pooling', to FAMILIES in " in (
        "\n".join(enroll.without_page())
    )


def test_a_problem_is_one_line_and_writes_no_snapshot(monkeypatch, capsys):
    monkeypatch.setattr(enroll, "from_files", lambda: {})
    monkeypatch.setattr(enroll, "unmatched", lambda: ["Part has no row"])
    monkeypatch.setattr(enroll, "from_package", lambda: pytest.fail("written"))
    assert enroll.main() == 1
    assert capsys.readouterr().err == "enroll: Part has no row\n"


def test_a_new_task_is_listed_from_its_file_alone(tmp_path, monkeypatch):
    (tmp_path / "keras_cnn_zoo/tasks").mkdir(parents=True)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    (tmp_path / "keras_cnn_zoo/tasks/base.py").write_text("class Task:\n    name = None\n")
    counting = tmp_path / "keras_cnn_zoo/tasks/counting.py"
    counting.write_text('class Counting(Task):\n    name = "counting"\n    summary = "a number per image"\n')
    texts = task_index.texts()
    index, table = (texts[tmp_path / name] for name in ("keras_cnn_zoo/tasks/__init__.py", task_index.TABLE))
    assert "from keras_cnn_zoo.tasks.counting import Counting\n" in index
    assert "for cls in (Counting" in index and '    "Counting",\n' in index
    assert '"counting": "a number per image"' in table and "None" not in table
    counting.write_text('class Counting(Task):\n    name = "counting"\n')
    with pytest.raises(ValueError, match="Counting in .*counting.py must have a `summary`"):
        task_index.texts()
