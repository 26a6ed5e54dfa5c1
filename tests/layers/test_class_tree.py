"""Layers are abstract or final, with at most two project classes between them and Keras' classes."""

import inspect

import keras
import pytest

from keras_cnn_zoo import layers
from keras_cnn_zoo.layers.base_convolution import BaseConvolution
from keras_cnn_zoo.layers.base_dense import BaseDense
from keras_cnn_zoo.layers.base_pooling import BasePooling
from keras_cnn_zoo.layers.base_wrapper import BaseWrapper

PUBLIC = {name: getattr(layers, name) for name in layers.__all__}


def own_bases(cls):
    return [base for base in cls.__mro__[1:] if base.__module__.startswith("keras_cnn_zoo.")]


@pytest.mark.parametrize("name", PUBLIC)
def test_layers_have_at_most_two_bases_of_the_project(name):
    bases = own_bases(PUBLIC[name])
    assert len(bases) <= 2
    # Each class has one parent, so there are no mixins.
    assert all(len(cls.__bases__) == 1 for cls in [PUBLIC[name], *bases])


@pytest.mark.parametrize("name", PUBLIC)
def test_bases_are_not_public_layers(name):
    assert not set(own_bases(PUBLIC[name])) & set(PUBLIC.values())


@pytest.mark.parametrize("base", [BaseConvolution, BaseDense, BasePooling, BaseWrapper])
def test_bases_are_used_and_have_no_call_method(base):
    assert sum(issubclass(cls, base) for cls in PUBLIC.values()) > 2
    assert "call" not in vars(base) and issubclass(base, keras.layers.Layer)


@pytest.mark.parametrize(
    "stem", ["TiledConv", "LocallyConnected", "MLPConv", "LpPooling", "StochasticPooling"]
)
def test_the_ranks_of_a_layer_add_no_code(stem):
    for name in (f"{stem}{rank}D" for rank in (1, 2, 3)):
        if name in PUBLIC:
            assert not [value for value in vars(PUBLIC[name]).values() if inspect.isfunction(value)]
            assert PUBLIC[name].rank == int(name[-2])
