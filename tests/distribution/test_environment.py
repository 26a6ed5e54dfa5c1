import contextlib

import keras
import numpy as np
import pytest

from keras_cnn_zoo import distribution, layers
from keras_cnn_zoo.utils.errors import InputError


@pytest.fixture(autouse=True)
def _float32():
    yield
    keras.config.set_dtype_policy("float32")


def test_set_up_sets_policy_and_seed():
    draws = []
    for _ in range(2):
        distribution.set_up(precision="mixed_bfloat16", seed=3)
        draws.append(keras.layers.Dense(2, kernel_initializer="normal"))
        draws[-1].build((None, 4))
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert (draws[0].kernel.numpy() == draws[1].kernel.numpy()).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"precision": "bfloat16"}, "`precision` must be one of float32, mixed_bfloat16, mixed_float16"),
        ({"distribute": "mirrored"}, "`distribute` must be none or auto"),
        ({"seed": -2}, "`seed` must be at least 0 and below 4294967296. Received: -2"),
    ],
)
def test_invalid_arguments_raise(options, message):
    with pytest.raises(InputError, match=message):
        distribution.set_up(**options)


def test_jit_words_become_arguments_of_compile():
    assert [distribution.jit_argument(word) for word in ("auto", "off")] == ["auto", False]
    with pytest.raises(InputError, match="`jit` must be auto, on, or off"):
        distribution.jit_argument("yes")


@pytest.mark.parametrize(
    "layer, grouped",
    [
        (keras.layers.Conv2D(4, 3), False),
        (keras.layers.GroupNormalization(2), False),
        (keras.layers.Conv2D(4, 3, groups=2), True),
        (keras.layers.DepthwiseConv2D(3), True),
        (keras.layers.SeparableConv2D(4, 3), True),
        (layers.ResidualBlock2D(4, kind="bottleneck", groups=2), True),
    ],
    ids=["plain", "normalization", "grouped", "depthwise", "separable", "inside"],
)
def test_grouped_convolutions_are_trained_without_xla_on_a_cpu(layer, grouped):
    model = keras.Sequential([keras.Input((8, 8, 4)), keras.Sequential([layer])])
    without = grouped and keras.backend.backend() == "tensorflow"
    assert distribution.jit_argument("auto", model) == (False if without else "auto")
    if keras.backend.backend() != "torch":
        assert distribution.jit_argument("on", model) is True


def test_one_device_needs_no_scope():
    assert isinstance(distribution.model_scope("none"), contextlib.nullcontext)
    assert isinstance(distribution.model_scope("auto"), contextlib.nullcontext)


def test_predictions_run_without_xla_on_a_cpu_and_training_keeps_its_setting():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("XLA stays on with JAX")
    made_with = []

    class Watched(keras.Sequential):
        def make_predict_function(self, force=False):
            if self.predict_function is None:
                made_with.append(self.jit_compile)
            return super().make_predict_function(force)

    model = Watched([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse", jit_compile=True)
    distribution.prepare_to_predict(model)
    distribution.prepare_to_predict(model)
    model.predict_on_batch(np.ones((3, 4)))
    assert made_with == [False] and model.jit_compile is True
    # Other objects with `predict_on_batch` are left as they are.
    distribution.prepare_to_predict(object())
