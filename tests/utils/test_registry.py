"""The registry of model classes: which classes it contains, and that names are unique."""

import keras
import pytest

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.models.base import ZooModel
from keras_cnn_zoo.utils import registry


@pytest.fixture
def empty(monkeypatch):
    monkeypatch.setattr(registry, "_models", {})


def define(name, module="keras_cnn_zoo.models.made_up", **body):
    """Returns a subclass of ZooModel as if it were defined in `module`."""
    return type(name, (ZooModel,), {"__module__": module, "__qualname__": name, **body})


def test_exactly_the_public_models_are_registered():
    public = {
        name: item
        for name in models.__all__
        if isinstance(item := getattr(models, name), type) and issubclass(item, keras.Model)
    }
    assert registry.models() == public


def test_a_class_is_registered_when_it_is_defined(empty):
    cls = define("Net", task="segmentation")
    assert registry.models() == {"Net": cls} and registry.tasks() == ["segmentation"]


def test_an_abstract_class_is_not_registered_but_its_subclasses_are(empty):
    base = define("Base", abstract=True)
    cls = type("Net", (base,), {"__module__": "keras_cnn_zoo.models.made_up"})
    assert registry.models() == {"Net": cls}


@pytest.mark.parametrize("module", ["__main__", "my_project.nets", "keras_cnn_zoo_extras.nets"])
def test_a_class_of_a_user_is_not_registered(empty, module):
    define("LeNet5", module)
    assert registry.models() == {}


def test_a_second_class_of_the_same_name_is_refused(empty):
    define("Net", "keras_cnn_zoo.models.one")
    with pytest.raises(ValueError, match="Two models are named Net, in keras_cnn_zoo.models.one and .*other"):
        define("Net", "keras_cnn_zoo.models.other")


def test_a_reloaded_class_replaces_the_first(empty):
    define("Net")
    again = define("Net")
    assert registry.models() == {"Net": again}


@keras.saving.register_keras_serializable(package="somebody")
class OwnLeNet(models.LeNet5):
    """A user's subclass, with a name that no preset of the package has."""


def test_a_preset_of_a_subclass_loads_with_its_from_preset(tmp_path):
    model = OwnLeNet(3, input_shape=(16, 16, 1), width=0.2)
    model.save_to_preset(tmp_path / "own")
    loaded = OwnLeNet.from_preset(tmp_path / "own")
    assert type(loaded) is OwnLeNet
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        assert abs(one - other).max() < 1e-3
    with pytest.raises(ValueError, match="`class` must be one of .* Received: class='OwnLeNet'"):
        presets.load(tmp_path / "own")
