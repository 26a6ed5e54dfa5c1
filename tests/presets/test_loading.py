"""Presets: models are restored, also with another head or another precision."""

import h5py
import keras
import numpy as np
import pytest

from keras_cnn_zoo import layers, models, presets
from keras_cnn_zoo.models import LeNet5, UNet
from keras_cnn_zoo.models.base import ZooModel
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import CARD, scrambled, small_lenet, small_unet, snapshot


@pytest.fixture(scope="module")
def lenet(tmp_path_factory):
    model, path = small_lenet(), tmp_path_factory.mktemp("presets") / "lenet"
    model.save_to_preset(path, card=CARD)
    return model, path


def in_half(weights):
    return [weight.astype("float16").astype("float32") if weight.ndim > 1 else weight for weight in weights]


def assert_same(left, right):
    assert len(left) == len(right) > 0
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("build", [small_lenet, small_unet])
@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_round_trip_is_exact_to_half_precision_in_kernels_and_exact_in_vectors(build, name, tmp_path):
    model = build()
    model.save_to_preset(tmp_path / name)
    loaded = models.from_preset(tmp_path / name)
    assert type(loaded) is type(model)
    assert loaded.class_names == model.class_names
    assert_same(loaded.get_weights(), in_half(model.get_weights()))
    assert dict(loaded.get_config(), name=None) == dict(model.get_config(), name=None)


def test_single_precision_is_exact(tmp_path):
    model = small_unet()
    presets.save(model, tmp_path / "p", precision="float32")
    assert_same(presets.load(tmp_path / "p").get_weights(), model.get_weights())


def test_keras_reads_the_weights_file_itself(lenet):
    model, path = lenet
    other = small_lenet()
    scrambled(other, seed=9)
    other.load_weights(path / "model.weights.h5")
    assert_same(other.get_weights(), in_half(model.get_weights()))


def test_kernels_are_half_and_vectors_single(tmp_path):
    small_unet().save_to_preset(tmp_path / "p")
    dtypes = {1: set(), 4: set()}
    with h5py.File(tmp_path / "p" / "model.weights.h5") as file:
        file.visititems(
            lambda path, item: dtypes[item.ndim].add(str(item.dtype)) if hasattr(item, "ndim") else None
        )
    assert dtypes == {1: {"float32"}, 4: {"float16"}}


def test_the_same_model_gives_the_same_bytes(lenet, tmp_path):
    model, path = lenet
    model.save_to_preset(tmp_path / "lenet", card=CARD)
    assert snapshot(tmp_path / "lenet") == snapshot(path)
    for name in ("a.zip", "b.zip"):
        model.save_to_preset(tmp_path / name, card=CARD)
    manifests = [presets.describe(tmp_path / name) for name in ("a.zip", "b.zip")]
    assert manifests[0]["files"]["model.weights.h5"] == manifests[1]["files"]["model.weights.h5"]


def test_optimizer_state_is_left_out(tmp_path):
    model = small_lenet()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(np.zeros((4, 16, 16, 1)), np.zeros(4), verbose=0)
    model.save_to_preset(tmp_path / "p")
    with h5py.File(tmp_path / "p" / "model.weights.h5") as file:
        assert "optimizer" not in file and "layers" in file
    assert_same(models.from_preset(tmp_path / "p").get_weights(), in_half(model.get_weights()))


def test_precision_of_training_is_not_part_of_a_preset(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        small_unet(normalization=keras.layers.BatchNormalization()).save_to_preset(tmp_path / "p")
    finally:
        keras.config.set_dtype_policy("float32")
    policies = {layer.dtype_policy.name for layer in models.from_preset(tmp_path / "p").layers}
    assert policies == {"float32"}


def test_bfloat16_weights_are_stored_as_numbers(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    try:
        model = small_unet()
        model.save_to_preset(tmp_path / "p")
        again = models.from_preset(tmp_path / "p", num_classes=5)
    finally:
        keras.config.set_dtype_policy("float32")
    wanted = in_half([np.asarray(weight, "float32") for weight in model.get_weights()])
    assert_same(models.from_preset(tmp_path / "p").get_weights(), wanted)
    assert again.output_shape[-1] == 5


def test_another_number_of_classes_keeps_the_body_and_drops_the_names(lenet):
    model, path = lenet
    swapped = LeNet5.from_preset(path, num_classes=7)
    assert swapped.output_shape == (None, 7)
    assert swapped.class_names is None
    body = len(model.get_weights()) - 2
    assert_same(swapped.get_weights()[:body], in_half(model.get_weights()[:body]))
    kernel, bias = swapped.get_layer("logits").get_weights()
    assert kernel.shape[-1] == 7 and kernel.std() > 0
    # Freshly initialized: the preset's biases are in 0.25..1.
    np.testing.assert_array_equal(bias, np.zeros(7))
    other = LeNet5.from_preset(path, num_classes=7)
    assert np.abs(other.get_layer("logits").get_weights()[0] - kernel).max() > 0


def test_new_names_come_with_a_new_head(lenet):
    swapped = models.from_preset(lenet[1], num_classes=2, class_names=("odd", "even"))
    assert swapped.class_names == ("odd", "even")


def test_equally_many_classes_with_other_names_get_a_new_head(lenet):
    model, path = lenet
    for names, kept in ((model.class_names, True), (tuple("xyz"), False)):
        loaded = models.from_preset(path, num_classes=3, class_names=names)
        assert loaded.class_names == names
        same = np.allclose(loaded.get_layer("logits").kernel, model.get_layer("logits").kernel, rtol=1e-3)
        assert same == kept
    renamed = models.from_preset(path, class_names=tuple("xyz"))
    np.testing.assert_allclose(
        renamed.get_layer("logits").kernel, model.get_layer("logits").kernel, rtol=1e-3
    )


def test_any_names_are_new_to_a_preset_without_names(tmp_path):
    model = scrambled(LeNet5(3, input_shape=(16, 16, 1), width=0.1))
    model.save_to_preset(tmp_path / "p")
    for arguments, kept in (({}, True), ({"num_classes": 3}, False)):
        loaded = models.from_preset(tmp_path / "p", class_names=tuple("xyz"), **arguments)
        assert loaded.class_names == tuple("xyz")
        same = np.allclose(loaded.get_layer("logits").kernel, model.get_layer("logits").kernel, rtol=1e-3)
        assert same == kept


def test_the_presets_own_number_of_classes_keeps_the_head(lenet):
    model, path = lenet
    loaded = models.from_preset(path, num_classes=3)
    assert loaded.class_names == model.class_names
    assert_same(loaded.get_weights(), in_half(model.get_weights()))


def test_constructor_arguments_can_be_changed(tmp_path):
    model = small_unet()
    model.save_to_preset(tmp_path / "p")
    larger = UNet.from_preset(tmp_path / "p", input_shape=(32, 48, 3), dropout=0.0, name="mine")
    assert larger.output_shape == (None, 32, 48, 2)
    assert larger.name == "mine"
    assert_same(larger.get_weights(), in_half(model.get_weights()))


def test_a_preset_keeps_changed_preprocessing(tmp_path):
    model = small_lenet()
    model.preprocessing = {"mean": [10.0], "std": 2}
    model.save_to_preset(tmp_path / "p")
    loaded = models.from_preset(tmp_path / "p")
    np.testing.assert_allclose(loaded.normalize([14.0]), [2.0])


def test_a_users_own_model_loads_through_its_class(tmp_path):
    class Mine(ZooModel):
        def __init__(self, num_classes, **kwargs):
            inputs = keras.Input((4,))
            super().__init__(inputs, keras.layers.Dense(num_classes, name="logits")(inputs), **kwargs)
            self.num_classes, self.class_names = num_classes, None

        def get_config(self):
            return {"name": self.name, "num_classes": self.num_classes}

    model = Mine(3)
    model.save_to_preset(tmp_path / "p")
    assert_same(Mine.from_preset(tmp_path / "p").get_weights(), in_half(model.get_weights()))
    with pytest.raises(InputError, match="`class` must be one of .*LeNet5, .*UNet"):
        models.from_preset(tmp_path / "p")


def test_the_packages_parts_in_a_config_are_restored(tmp_path):
    model = small_lenet(activation=layers.RReLU(lower=0.25, upper=0.5))
    model.save_to_preset(tmp_path / "p")
    loaded = models.from_preset(tmp_path / "p")
    assert type(loaded.activation) is layers.RReLU
    assert (loaded.activation.lower, loaded.activation.upper) == (0.25, 0.5)


def test_the_base_class_loads_any_model_and_a_subclass_only_its_own(lenet):
    assert isinstance(ZooModel.from_preset(lenet[1]), LeNet5)
    with pytest.raises(InputError, match="must be a UNet. Received: a LeNet5; call LeNet5.from_preset"):
        UNet.from_preset(lenet[1])


def test_card_and_description_have_the_given_facts(lenet):
    model, path = lenet
    described = presets.describe(path)
    assert described["summary"] == CARD["summary"] and described["metrics"] == CARD["metrics"]
    assert described["training"]["seed"] == 3
    assert described["training"]["data_spec"] == "npz:digits.npz"
    assert described["training"]["versions"]["keras"] == keras.version()
    page = (path / "README.md").read_text()
    for fact in (
        "# lenet\n",
        "Reads digits.",
        "0.5000",
        "none stated",
        "| Seed | 3 |",
        f"{model.count_params():,}",
    ):
        assert fact in page
    assert described["files"]["model.weights.h5"]["sha256"] in page


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"license": "MIT", "licence": "MIT"}, "`license` and `licence` mean the same"),
        ({"author": "Doe"}, "`card` accepts summary, data.*Received: \\['author'\\]"),
        ("good", "`card` must be a dict or None. Received: card='good'"),
        ({"metrics": {"accuracy": float("nan")}}, "`card` must have only plain JSON values. Received: nan"),
        ({"metrics": [1]}, "`metrics` must be a dict. Received: metrics=\\[1\\]"),
        ({"data": 3}, "`data` must be a string or None. Received: data=3"),
    ],
)
def test_bad_cards_are_refused(card, message, tmp_path):
    with pytest.raises(InputError, match=message):
        small_lenet().save_to_preset(tmp_path / "p", card=card)
    assert not (tmp_path / "p").exists()
