"""Packages import only lower ones, backends are imported in few places, and dependencies are declared.

Each rule is also tested on a file that violates it, so that it cannot stop working unnoticed.
"""

import configparser
import re
import sys

import pytest

from tests.policy import sources

LEVELS = (
    {"utils"},
    {"ops"},
    {"regularizers", "initializers"},
    {"layers", "losses", "metrics", "optimizers", "callbacks"},
    {"visualization"},
    {"presets"},
    {"models"},
    {"compression", "distribution", "data"},
    {"drawing"},
    {"training"},
    {"tasks"},
    {"search"},
    {"testing"},
    {"catalog"},
    {"cli"},
    {"__main__"},
)
PROGRAMS = {"applications", "tuning", "benchmarks", "docs"}
BACKENDS = {"tensorflow", "jax", "jaxlib", "torch"}
BACKEND_PLACES = re.compile(
    r"^keras_cnn_zoo/(data/|distribution/|testing/|utils/autodiff\.py$|presets/sources/|training/export)"
)
# These load with `import keras_cnn_zoo`. Other packages import optional dependencies where they use them.
LEAN_PARTS = {"utils", "ops", "regularizers", "initializers", "layers", "losses", "metrics", "callbacks"}
LEAN_PARTS |= {"visualization", "presets", "models"}
OF_KERAS = {"h5py", "ml_dtypes"}  # required and loaded by Keras
DISTRIBUTIONS = {  # packages that are imported under another name
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-contrib-python-headless",
    "faster_coco_eval": "faster-coco-eval",
    "griffe": "griffelib",
    "keras_hub": "keras-hub",
    "keras_tuner": "keras-tuner",
    "pytorch_metric_learning": "pytorch-metric-learning",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "sklearn": "scikit-learn",
    "tensorflow_datasets": "tensorflow-datasets",
    "yaml": "pyyaml",
}
OPT_IN = {
    "torch",  # the default wheels include CUDA: `make test TORCH=1`
    # These require torch. Tests and benchmarks compare with them if they are installed.
    "pytorch-metric-learning",
    "torchvision",
    "segmentation-models-pytorch",
}


def level(part):
    """Returns the level of a part of the library, None for its `__init__`."""
    for height, parts in enumerate(LEVELS):
        if part in parts:
            return height
    return None


def part_of(dotted):
    """Returns `layers` for keras_cnn_zoo.layers.pooling, "" for keras_cnn_zoo."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else ""


def upward_imports(path):
    """Yields the imports of a library file that are not on a lower level."""
    own_part = part_of(sources.module_name(path))
    if own_part == "":
        return
    own = level(own_part)
    assert own is not None, f"{path}: {own_part} is on no level. Add it to LEVELS"
    for module, line in sources.imports(path):
        root = module.split(".")[0]
        if root in PROGRAMS | {"tests"}:
            yield f"{path}:{line} imports {module}, which is above the library"
        if root != sources.LIBRARY or part_of(module) == own_part:
            continue
        other = level(part_of(module))
        if other is None or other >= own:
            yield f"{path}:{line} imports {module}, which is not below {own_part}"


def module_graph():
    """Returns {module: modules of the library that it imports}, including imports in functions."""
    paths = {sources.module_name(path): path for path in sources.python_files(sources.LIBRARY)}
    graph = {}
    for module, path in paths.items():
        imported = (name if name in paths else name.rpartition(".")[0] for name, _ in sources.imports(path))
        graph[module] = sorted({name for name in imported if name in paths and name != module})
    return graph


def cycle_in(graph):
    """Returns the modules of one import cycle, in order, or None."""
    done, trail = set(), []

    def visit(module):
        if module in trail:
            return [*trail[trail.index(module) :], module]
        if module in done:
            return None
        trail.append(module)
        for other in graph[module]:
            found = visit(other)
            if found:
                return found
        done.add(trail.pop())
        return None

    return next(filter(None, map(visit, sorted(graph))), None)


def misplaced_backends(path):
    """Yields the backend imports of a library file outside the places where they are allowed."""
    relative = path.relative_to(sources.ROOT).as_posix()
    if BACKEND_PLACES.match(relative):
        return
    for module, line in sources.imports(path):
        if module.split(".")[0] in BACKENDS:
            yield f"{relative}:{line} imports {module}"


def heavy_imports(path):
    """Yields imports of packages other than keras and numpy, for the parts that load with the library."""
    if part_of(sources.module_name(path)) not in LEAN_PARTS:
        return
    for module, line in sources.imports(path, top_level_only=True):
        root = module.split(".")[0]
        if root not in sys.stdlib_module_names | {"keras", "numpy", sources.LIBRARY} | OF_KERAS | BACKENDS:
            yield f"{path}:{line} imports {module} when it is loaded"


def private_keras(path):
    """Yields imports of private modules of Keras."""
    for module, line in sources.imports(path):
        if module.startswith("keras.src"):
            yield f"{path}:{line} imports {module}"


def declared_distributions():
    """Returns all distributions in setup.cfg, in lower case, including the extras."""
    config = configparser.ConfigParser()
    config.read(sources.ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].splitlines()
    for value in config["options.extras_require"].values():
        lines += value.splitlines()
    return {re.match(r"[\w-]+", line.strip())[0].lower() for line in lines if line.strip()}


def over(rule, *folders):
    """Returns the findings of a rule in all files of some folders."""
    return [finding for path in sources.python_files(*folders) for finding in rule(path)]


def test_packages_import_only_lower_ones():
    assert over(upward_imports, sources.LIBRARY) == []


def test_there_are_no_import_cycles():
    assert cycle_in(module_graph()) is None


def test_the_training_engine_imports_no_task():
    names = [
        name for path in sources.python_files("keras_cnn_zoo/training") for name, _ in sources.imports(path)
    ]
    assert [name for name in names if name.startswith("keras_cnn_zoo.tasks")] == []


def test_backends_are_imported_only_where_allowed():
    assert over(misplaced_backends, sources.LIBRARY) == []


def test_the_library_loads_only_keras_and_numpy():
    assert over(heavy_imports, sources.LIBRARY) == []


def test_only_public_names_of_keras_are_used():
    assert over(private_keras) == []


def test_every_imported_package_is_declared():
    declared = declared_distributions() | OPT_IN | OF_KERAS
    missing = set()
    for path in sources.python_files():
        for module, line in sources.imports(path):
            root = module.split(".")[0]
            if root in sys.stdlib_module_names or root in sources.CODE_FOLDERS:
                continue
            distribution = DISTRIBUTIONS.get(root, root)
            if distribution not in declared:
                missing.add(f"{path.relative_to(sources.ROOT)}:{line} imports {root}, not in setup.cfg")
    assert sorted(missing) == []


@pytest.fixture
def library_file(tmp_path, monkeypatch):
    """Returns a function that writes a file of a library and returns its path."""
    monkeypatch.setattr(sources, "ROOT", tmp_path)

    def write(relative, text):
        path = tmp_path / sources.LIBRARY / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("relative", "text", "rule"),
    [
        ("ops/windows.py", "from keras_cnn_zoo import layers\n", upward_imports),
        ("ops/windows.py", "from keras_cnn_zoo.layers.pooling import LpPooling2D\n", upward_imports),
        ("layers/pooling/lp.py", "from ...models import UNet\n", upward_imports),
        ("losses/hinge.py", "from keras_cnn_zoo.layers import Maxout\n", upward_imports),
        ("models/unet.py", "def f():\n    import keras_cnn_zoo.data.source\n", upward_imports),
        ("tasks/text.py", "from applications import demo\n", upward_imports),
        ("training/fit.py", "from keras_cnn_zoo import tasks\n", upward_imports),
        ("presets/loading.py", "def f():\n    from keras_cnn_zoo import models\n", upward_imports),
        ("layers/pooling/lp.py", "from keras_cnn_zoo import losses\n", upward_imports),
        ("layers/pooling/lp.py", "import keras_cnn_zoo\n", upward_imports),
        ("layers/pooling/lp.py", "def f():\n    import tensorflow as tf\n", misplaced_backends),
        ("utils/validation.py", "from jax import numpy\n", misplaced_backends),
        ("models/unet.py", "try:\n    import PIL\nexcept ImportError:\n    pass\n", heavy_imports),
        ("metrics/cer.py", "class A:\n    from jiwer import cer\n", heavy_imports),
        ("ops/windows.py", "from keras.src import ops\n", private_keras),
    ],
)
def test_each_rule_fails_on_a_violation(library_file, relative, text, rule):
    assert len(list(rule(library_file(relative, text)))) == 1


@pytest.mark.parametrize("lazy", [False, True])
def test_a_cycle_is_found(library_file, lazy):
    library_file("__init__.py", "from keras_cnn_zoo.a import one\n")
    library_file("a.py", "from keras_cnn_zoo import b\n")
    library_file("b.py", "from keras_cnn_zoo import c\n")
    library_file("c.py", "")
    assert cycle_in(module_graph()) is None
    text = "from keras_cnn_zoo.a import one\n"
    library_file("c.py", f"def f():\n    {text}" if lazy else text)
    assert cycle_in(module_graph()) == [f"keras_cnn_zoo.{name}" for name in "abca"]


@pytest.mark.parametrize(
    ("relative", "text", "rule"),
    [
        ("layers/pooling/lp.py", "from keras_cnn_zoo.utils import validation\n", upward_imports),
        ("layers/pooling/lp.py", "from keras_cnn_zoo.layers.pooling import base\n", upward_imports),
        ("utils/autodiff.py", "def f():\n    import torch\n", misplaced_backends),
        ("metrics/cer.py", "def f():\n    from jiwer import cer\n", heavy_imports),
    ],
)
def test_each_rule_passes_on_correct_imports(library_file, relative, text, rule):
    assert list(rule(library_file(relative, text))) == []
