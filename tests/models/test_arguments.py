"""Constructor arguments: recorded as given, in the config, and kept by all ways of copying a model."""

import copy
import pickle

import keras
import numpy as np
import pytest

from keras_cnn_zoo import layers, models
from keras_cnn_zoo.utils import layer_tree
from tests.compatibility.outputs import fixed_inputs, sampled
from tests.models.classification import test_efficientnet_lite, test_lenet5, test_resnet, test_vgg
from tests.models.detection import test_faster_rcnn, test_retinanet
from tests.models.language import test_textcnn
from tests.models.segmentation import test_deeplab, test_fcn, test_unet
from tests.models.speech import test_keyword_cnn
from tests.models.text import test_crnn
from tests.models.tracking import test_siamfc

MODULES = (
    *(test_lenet5, test_resnet, test_faster_rcnn, test_retinanet, test_textcnn, test_deeplab),
    *(test_fcn, test_unet, test_keyword_cnn, test_crnn, test_siamfc, test_efficientnet_lite, test_vgg),
)
BUILDS = {module.CASES[0]["cls"].__name__: module.CASES[0]["build"] for module in MODULES}


def from_file(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


WAYS = {
    "clone_model": lambda model, folder: keras.models.clone_model(model),
    "from_config": lambda model, folder: type(model).from_config(model.get_config()),
    "file": from_file,
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
}


@pytest.fixture(scope="module", params=sorted(BUILDS))
def model(request):
    keras.utils.set_random_seed(0)
    built = BUILDS[request.param]()
    # Some of the layers, including nested ones.
    inner = [
        layer
        for layer in layer_tree.layers_by_path(built).values()
        if layer.weights and not _holds_layers(layer)
    ]
    for layer in inner[::3]:
        layer.trainable = False
    return built


def _holds_layers(layer):
    return bool(layer_tree.layers_by_path(layer))


def test_every_model_is_tested():
    public = {name for name in models.__all__ if isinstance(getattr(models, name), type)}
    assert set(BUILDS) == public


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_copy_has_the_arguments_the_frozen_layers_and_the_weights(model, way, tmp_path):
    made = WAYS[way](model, tmp_path)
    # Keras clones only the graph, without the arguments.
    if way != "clone_model":
        assert type(made) is type(model)
        assert {**made.get_config(), "name": None} == {**model.get_config(), "name": None}
    assert [v.path.split("/")[1:] for v in made.trainable_variables] == [
        v.path.split("/")[1:] for v in model.trainable_variables
    ]
    assert 0 < len(made.trainable_variables) < len(made.weights)
    if way in ("clone_model", "from_config"):
        made.set_weights(model.get_weights())
    inputs = fixed_inputs(model)
    for one, other in zip(sampled(made(inputs)).values(), sampled(model(inputs)).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_values_are_kept_as_given():
    model = models.UNet(3, input_shape=[None, 32, 1], variant="tiny", activation="elu")
    config = model.get_config()
    assert config["input_shape"] == [None, 32, 1]
    assert (config["depth"], config["normalization"], config["dropout"]) == (None, "variant", None)
    assert config["activation"] == "elu" and "frozen" not in config and "dtype" not in config
    assert (model.depth, model.width, model.variant) == (None, 1.0, "tiny")


def test_numpy_numbers_become_plain_values():
    model = models.LeNet5(np.int64(3), input_shape=(np.int32(20), 20, 1), class_names=["a", "b", "c"])
    assert type(model.get_config()["num_classes"]) is int
    assert model.get_config()["input_shape"] == [20, 20, 1]
    assert model.class_names == ("a", "b", "c")


def test_later_changes_of_the_callers_list_have_no_effect():
    names = ["a", "b"]
    model = models.LeNet5(2, class_names=names)
    names.append("c")
    assert model.class_names == ("a", "b")


def test_a_prototype_is_not_part_of_the_model():
    activation = layers.RReLU()
    model = models.LeNet5(2, activation=activation)
    assert activation not in layer_tree.layers_by_path(model).values()
    assert model.activation is activation


def test_a_model_without_arguments_has_its_defaults():
    config = models.LeNet5().get_config()
    assert config["num_classes"] == 10 and config["variant"] == "caffe"


def test_an_unknown_attribute_is_refused():
    with pytest.raises(AttributeError, match="num_clases"):
        models.LeNet5(2).num_clases  # noqa: B018


def test_dtype_is_refused_with_advice():
    with pytest.raises(TypeError, match=r"LeNet5 does not accept `dtype`.*set_dtype_policy.*'float16'"):
        models.LeNet5(2, dtype="float16")


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match="LeNet5 accepts num_classes, .*, name, trainable. Received: depth"):
        models.LeNet5(2, depth=3)


def test_a_frozen_body_stays_frozen(tmp_path):
    model = models.from_preset("resnet18_cifar10")
    for layer in model.layers[:-1]:
        layer.trainable = False
    assert len(from_file(model, tmp_path).trainable_variables) == 2
    assert "frozen" in model.get_config()


def test_a_frozen_backbone_in_a_users_model_stays_frozen(tmp_path):
    backbone = models.ResNet(input_shape=(32, 32, 3), width=0.0625, features_only=True)
    backbone.trainable = False
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(backbone(inputs)["P5"])
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    assert len(from_file(model, tmp_path).trainable_variables) == 2


def test_a_table_that_the_variant_freezes_can_be_unfrozen(tmp_path):
    model = models.TextCNN(2, vocabulary=("a", "b"), sequence_length=6, variant="static")
    assert "frozen" not in model.get_config()
    before = len(model.trainable_variables)
    model.get_layer("embedding").trainable = True
    assert model.get_config()["frozen"] == []
    assert len(from_file(model, tmp_path).trainable_variables) == before + 1


def test_a_preset_leaves_freezing_out(tmp_path):
    model = models.LeNet5(2, width=0.2)
    model.layers[1].trainable = False
    model.save_to_preset(tmp_path / "preset")
    loaded = models.from_preset(tmp_path / "preset")
    assert all(layer.trainable for layer in loaded.layers)


def test_an_unknown_path_of_a_layer_is_refused():
    with pytest.raises(ValueError, match="`frozen` must be paths of layers. Received: .'nowhere'"):
        models.LeNet5.from_config({"num_classes": 2, "frozen": ["nowhere"]})


@keras.saving.register_keras_serializable(package="somebody")
class WithExtra(models.LeNet5):
    """A user's subclass that passes on arguments."""

    def __init__(self, extra=1, **kwargs):
        super().__init__(**kwargs)


@keras.saving.register_keras_serializable(package="somebody")
class PassesAll(models.LeNet5):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


@pytest.mark.parametrize(
    "model",
    [WithExtra(2, num_classes=3, width=0.2), PassesAll(3, width=0.2), PassesAll(num_classes=3, width=0.2)],
    ids=lambda model: type(model).__name__,
)
def test_a_subclass_may_pass_arguments_on(model, tmp_path):
    loaded = from_file(model, tmp_path)
    assert type(loaded) is type(model) and loaded.output_shape == (None, 3)
    assert loaded.get_config() == model.get_config()
    assert (loaded.num_classes, loaded.width) == (3, 0.2)


def test_an_argument_that_no_constructor_has_is_refused():
    with pytest.raises(TypeError, match="WithExtra accepts extra, num_classes, .* Received: depth"):
        WithExtra(depth=3)


def test_a_reserved_argument_name_is_refused():
    class Frozen(models.LeNet5):
        def __init__(self, frozen=False, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(TypeError, match="Frozen must not have arguments of these names.* Received: frozen"):
        Frozen()


def test_trainable_false_survives(tmp_path):
    for model in (models.LeNet5(2, width=0.2, trainable=False), models.LeNet5(2, width=0.2)):
        model.trainable = False
        loaded = from_file(model, tmp_path)
        assert not loaded.trainable and loaded.trainable_weights == []
    assert "trainable" not in models.LeNet5(2, width=0.2).get_config()


def test_name_none_gives_the_default_name():
    class Named(models.LeNet5):
        def __init__(self, num_classes=10, name=None):
            super().__init__(num_classes, name=name)

    model = Named()
    assert model.get_config()["name"] == model.name
