"""Models list their arguments once, and do not depend on the classes of other networks."""

import ast
import inspect

import pytest

from keras_cnn_zoo.utils import registry
from tests.policy import sources

MODELS = sorted(registry.models().items())


def class_tree(cls):
    """Returns the syntax tree of a class."""
    return ast.parse(inspect.getsource(cls))


def repeated(tree):
    """Returns the attributes that a constructor sets to the argument of the same name."""
    return [
        node.targets[0].attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and getattr(node.value, "id", None) == node.targets[0].attr
    ]


@pytest.mark.parametrize(("name", "cls"), MODELS, ids=[name for name, _ in MODELS])
def test_a_model_lists_its_arguments_once(name, cls):
    assert "get_config" not in vars(cls), "the base class writes the config"
    own = set(inspect.signature(cls.__init__).parameters)
    assert sorted(set(repeated(class_tree(cls))) & own) == [], "the base class records the arguments"


@pytest.mark.parametrize("folder", ["detection", "segmentation", "tracking"])
def test_no_dense_model_depends_on_the_class_of_its_backbone(folder):
    found = [
        f"{path.name}:{line} imports {module}"
        for path in sources.python_files(f"keras_cnn_zoo/models/{folder}")
        for module, line in sources.imports(path)
        if module.startswith("keras_cnn_zoo.models.classification")
    ]
    assert found == []


def test_a_repeated_argument_is_found():
    text = "def __init__(self, width, depth):\n    self.width = width\n    self.steps = depth\n"
    assert repeated(ast.parse(text)) == ["width"]
