"""Initial values per kernel, slots, and frozen parts of every composite layer in the suite."""

import inspect
import itertools
import json

import keras
import numpy as np
import pytest

from keras_cnn_zoo import layers as zoo
from keras_cnn_zoo.layers.base_wrapper import BaseWrapper
from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.testing import functional
from keras_cnn_zoo.utils import layer_tree
from tests.contract.collection import ROOT, collect

FIRST = [item.case for item in collect(ROOT / "tests" / "layers") if item.first and item.case.kind == "layer"]


def of(cases):
    return [pytest.param(case, id=case.name) for case in cases]


COMPOSITE = of(case for case in FIRST if issubclass(case.cls, CompositeLayer))
INITIALIZED = of(c for c in FIRST if "kernel_initializer" in inspect.signature(c.cls.__init__).parameters)


def built(case, **arguments):
    layer = case.make(**arguments)
    case.call(layer, case.make_inputs())
    return layer


def kernels(layer):
    return {
        weight.path: keras.ops.convert_to_numpy(weight)
        for weight in layer.weights
        if "kernel" in weight.path.rpartition("/")[2] and len(weight.shape) > 1
    }


def alike(one, other):
    """Returns whether the shorter of two kernels equals the start of the other, up to a factor."""
    size = min(one.size, other.size)
    if size < 4 or not (one.any() and other.any()):
        return False
    ratio = one.ravel()[:size] / other.ravel()[:size]
    return np.ptp(ratio) < 1e-4 * np.abs(ratio).max()


def pairs_alike(kernels):
    return [pair for pair in itertools.combinations(kernels, 2) if alike(*map(kernels.get, pair))]


@pytest.mark.parametrize("seed", [3, None])
@pytest.mark.parametrize("case", INITIALIZED)
def test_an_initializer_fills_each_kernel_differently(case, seed):
    initializer = keras.initializers.HeNormal(seed=seed)
    layer = built(case, kernel_initializer=initializer)
    first = kernels(layer)
    assert not pairs_alike(first)
    assert layer.get_config()["kernel_initializer"] == keras.initializers.serialize(initializer)
    if seed is not None:
        again = case.cls.from_config(layer.get_config())
        case.call(again, case.make_inputs())
        for one, other in zip(first.values(), kernels(again).values(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_seed_generator_is_drawn_from_at_each_use():
    layer = zoo.MLPConv2D(
        (4, 4), 1, kernel_initializer=keras.initializers.HeNormal(keras.random.SeedGenerator(3))
    )
    layer.build((None, 5, 5, 4))
    first, second = kernels(layer).values()
    assert not alike(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("case", of(FIRST))
def test_layers_with_parts_subclass_composite_layer(case):
    layer = built(case)
    parts = layer_tree.layers_by_path(layer)
    assert isinstance(layer, (CompositeLayer, BaseWrapper)) == bool(parts)
    # Prototypes are not parts, and no two parts have the same path.
    assert len(parts) == len(layer_tree.nested_layers(layer)) - 1


def flags(layer):
    return [variable.trainable for variable in layer.variables]


def freeze_every_other(layer):
    """Freezes every other part that has weights, and returns the paths."""
    parts = {path: part for path, part in layer_tree.layers_by_path(layer).items() if part.weights}
    chosen = list(parts)[::2]
    for path in chosen:
        parts[path].trainable = False
    assert {True, False} == set(flags(layer))
    return chosen


@pytest.mark.parametrize("case", COMPOSITE)
def test_the_config_contains_frozen_parts(case):
    layer = case.make()
    assert "frozen" not in layer.get_config()
    case.call(layer, case.make_inputs())
    assert "frozen" not in layer.get_config()
    chosen = freeze_every_other(layer)
    config = layer.get_config()
    assert set(config["frozen"]) >= set(chosen)
    assert json.loads(json.dumps(config["frozen"])) == sorted(config["frozen"])
    twin = case.cls.from_config(config)
    assert twin.get_config() == config
    case.call(twin, case.make_inputs())
    assert flags(twin) == flags(layer)
    assert twin.get_config() == config


@pytest.mark.slow
@pytest.mark.parametrize("case", COMPOSITE)
def test_a_saved_model_has_the_same_trainable_variables(case, tmp_path):
    def saved_and_loaded():
        model.save(tmp_path / "model.keras")
        return keras.models.load_model(tmp_path / "model.keras")

    layer = case.make()
    model, _ = functional.as_model(case, layer, case.make_inputs(), unknown_batch=True)
    count = len(model.trainable_weights)
    freeze_every_other(layer)
    loaded = saved_and_loaded()
    assert flags(loaded) == flags(model)
    assert len(keras.models.clone_model(loaded).trainable_weights) == len(model.trainable_weights)
    layer.trainable = False
    assert "frozen" not in layer.get_config()
    loaded = saved_and_loaded()
    assert loaded.trainable_weights == []
    loaded.get_layer(layer.name).trainable = True
    assert len(loaded.trainable_weights) == count


def residual_block(**arguments):
    layer = zoo.ResidualBlock2D(4, 2, squeeze_ratio=2, **arguments)
    layer.build((None, 6, 6, 3))
    return layer


def rebuilt(layer, shape=(None, 6, 6, 3)):
    twin = type(layer).from_config(layer.get_config())
    twin.build(shape)
    return twin


def test_parts_of_parts_have_paths():
    layer = residual_block()
    layer.squeeze.reduce.trainable = False
    assert layer.get_config()["frozen"] == ["squeeze/reduce"]
    twin = rebuilt(layer)
    assert twin.squeeze.trainable and not twin.squeeze.reduce.trainable
    twin.squeeze.reduce.trainable = True
    assert "frozen" not in twin.get_config()


def test_one_part_of_a_frozen_layer_can_be_trainable():
    layer = residual_block()
    layer.trainable = False
    layer.convolutions[1].trainable = True
    twin = rebuilt(layer)
    assert not twin.trainable and flags(twin) == flags(layer)
    assert twin.convolutions[1].trainable and not twin.convolutions[0].trainable


def test_copies_of_a_frozen_prototype_are_frozen():
    layer = residual_block(normalization=keras.layers.BatchNormalization(trainable=False))
    assert not any(part.trainable for part in layer.normalizations)
    assert "frozen" not in layer.get_config()
    layer.normalizations[0].trainable = True
    twin = rebuilt(layer)
    assert [part.trainable for part in twin.normalizations] == [True, False]


def test_a_part_can_be_frozen_before_build():
    layer = zoo.HighwayConv2D(3, 3)
    layer.gate.trainable = False
    assert layer.get_config()["frozen"] == ["gate"]
    layer.build((None, 5, 5, 3))
    assert layer.get_config()["frozen"] == ["gate"]
    assert not rebuilt(layer, (None, 5, 5, 3)).gate.trainable


def test_a_wrapper_keeps_the_frozen_parts_of_its_layer():
    wrapper = zoo.NoiseInvariance(zoo.SqueezeExcitation(2), 0.1, 0.1)
    wrapper.build((None, 4, 4, 6))
    wrapper.layer.expand.trainable = False
    twin = rebuilt(wrapper, (None, 4, 4, 6))
    assert [part.trainable for part in (twin.layer.reduce, twin.layer.expand)] == [True, False]


def test_refuses_an_unknown_path():
    config = {**residual_block().get_config(), "frozen": ["squeeze/enlarge"]}
    layer = zoo.ResidualBlock2D.from_config(config)
    with pytest.raises(
        ValueError, match=r"`frozen` must list paths of parts: .* Received: \['squeeze/enlarge'\]"
    ):
        layer.build((None, 6, 6, 3))


def test_prototypes_are_not_parts():
    prototype = keras.layers.BatchNormalization()
    prototype.build((None, 3))
    layer = residual_block(normalization=prototype)
    assert layer.normalization is prototype
    assert not {id(weight) for weight in prototype.weights} & {id(weight) for weight in layer.weights}
    layer.trainable = False
    assert prototype.trainable
