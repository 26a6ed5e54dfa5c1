import keras
import numpy as np
import pytest

from keras_cnn_zoo.utils import prototypes


def test_names_become_layers():
    assert isinstance(prototypes.pooling("pooling", "average"), keras.layers.AveragePooling2D)
    assert isinstance(prototypes.normalization("normalization", "batch"), keras.layers.BatchNormalization)
    assert prototypes.activation("activation", "elu").activation is keras.activations.elu
    assert prototypes.pooling("pooling", None) is None


def test_a_serialized_prototype_comes_back():
    prototype = keras.layers.LeakyReLU(0.25)
    back = prototypes.activation("activation", prototypes.serialize(prototype))
    assert isinstance(back, keras.layers.LeakyReLU) and back.negative_slope == 0.25
    assert prototypes.serialize(None) is None


def test_clones_share_nothing_even_if_the_prototype_is_built():
    prototype = keras.layers.PReLU()
    x = np.zeros((1, 3), "float32")
    prototype(x)
    one, other = prototypes.clone(prototype, "one"), prototypes.clone(prototype, "other")
    one(x), other(np.zeros((1, 5), "float32"))
    assert one.name == "one" and one.alpha is not other.alpha is not prototype.alpha
    assert other.alpha.shape == (5,)


def test_apply_without_a_prototype_is_the_identity():
    x = np.ones((2, 2))
    assert prototypes.apply(None, x) is x


@pytest.mark.parametrize("slot", ["pooling", "normalization", "activation"])
@pytest.mark.parametrize("value", [3, "no such part", object(), float("nan")])
def test_an_invalid_part_is_refused_by_name(slot, value):
    with pytest.raises(ValueError, match=f"`{slot}` must be a keras.Layer, None, or"):
        getattr(prototypes, slot)(slot, value)
