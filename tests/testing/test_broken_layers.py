"""Layers with one thing wrong, each caught under the guarantee that it breaks."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo.testing import ContractError, check_layer
from tests.testing.parts import DENSE, ChannelSoftmax, ScaledDense, channel_softmax, register, scaled_dense


@register
class ForgetsArgument(ScaledDense):
    def get_config(self):
        config = super().get_config()
        del config["scale"]
        return config


@register
class ForgetsBase(ScaledDense):
    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name in DENSE}


@register
class RoundsArgument(ScaledDense):
    def get_config(self):
        return {**super().get_config(), "scale": round(self.scale, 4)}


@register
class ConfigIsNotJson(ScaledDense):
    def get_config(self):
        return {**super().get_config(), "units": np.int64(self.units)}


@register
class ConfigHoldsNaN(ScaledDense):
    def get_config(self):
        return {**super().get_config(), "extra": float("nan")}


@register
class RewritesConfig(ScaledDense):
    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.scale / input_shape[-1]


@register
class RewritesConfigInCall(ScaledDense):
    def call(self, inputs, training=False):
        if training:
            self.use_bias = False
        return super().call(inputs, training=training)


@register
class UnseededDraw(ScaledDense):
    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs + keras.random.normal(ops.shape(outputs)) if training else outputs


@register
class DrawsFromNumPy(ScaledDense):
    def call(self, inputs, training=False):
        return super().call(inputs) * (np.random.rand() if training else 1.0)


@register
class SameDrawEachTime(ScaledDense):
    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs + keras.random.normal(ops.shape(outputs), seed=self.seed) if training else outputs


@register
class NoiseAtInference(ScaledDense):
    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs + keras.random.normal(ops.shape(outputs), seed=self.seed_generator)


@register
class FixedNoiseAtInference(ScaledDense):
    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs + keras.random.normal(ops.shape(outputs), seed=self.seed)


@register
class TrainsByDefault(ChannelSoftmax):
    def call(self, inputs, training=True):
        return super().call(inputs, training=training)


@register
class WritesIntoInput(ScaledDense):
    def __call__(self, inputs, **kwargs):
        if isinstance(inputs, np.ndarray):
            inputs *= 0.5
        return super().__call__(inputs, **kwargs)


@register
class WrongOutputShape(ScaledDense):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units + 1)


@register
class WrongForUnknownBatch(ScaledDense):
    def compute_output_shape(self, input_shape):
        return (input_shape[0] or 1, self.units)


@register
class WrongForUnknownSpace(ChannelSoftmax):
    def compute_output_shape(self, input_shape):
        return tuple(5 if size is None and axis else size for axis, size in enumerate(input_shape))


@register
class RefusesUnknownSpace(ChannelSoftmax):
    def compute_output_shape(self, input_shape):
        if None in input_shape[1:]:
            raise ValueError("The size of the map must be known.")
        return tuple(input_shape)


@register
class ReturnsNaN(ScaledDense):
    def call(self, inputs, training=False):
        return super().call(inputs) * float("nan")


@register
class Float32UnderHalf(ScaledDense):
    def call(self, inputs, training=False):
        return ops.cast(super().call(inputs), "float32")


@register
class OverflowsInHalf(ScaledDense):
    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs + 0.0 * ops.sum(ops.square(4.0 * outputs), axis=-1, keepdims=True)


@register
class NaNGradientAtZero(ScaledDense):
    def call(self, inputs, training=False):
        norm = ops.sqrt(ops.sum(ops.square(inputs), axis=-1, keepdims=True))
        return super().call(inputs) * norm


@register
class DeadWeight(ScaledDense):
    def build(self, input_shape):
        super().build(input_shape)
        self.dead = self.add_weight(name="dead", shape=(self.units,))


@register
class StoppedGradient(ScaledDense):
    def call(self, inputs, training=False):
        return super().call(ops.stop_gradient(inputs))


@register
class PartlyStoppedGradient(ScaledDense):
    def call(self, inputs, training=False):
        largest = ops.stop_gradient(ops.max(ops.abs(inputs), axis=-1, keepdims=True))
        return super().call(inputs / (1.0 + largest))


@register
class Float32Inside(ScaledDense):
    def call(self, inputs, training=False):
        return ops.cast(super().call(ops.cast(ops.cast(inputs, "float32"), inputs.dtype)), self.compute_dtype)


@register
class IgnoresDataFormat(ChannelSoftmax):
    def channels(self):
        return -1


@register
class WrongFormula(ScaledDense):
    def call(self, inputs, training=False):
        return super().call(inputs) + 1e-7 * ops.square(inputs[:, :1])


@register
class LosesWeights(ScaledDense):
    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.bias.assign(0 * self.bias)


class NotRegistered(ScaledDense):
    pass


@register
class CountsInPython(ScaledDense):
    """Even and odd calls differ in training, but a traced program is always the first of them."""

    traced = False

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        eager = not keras.backend.is_keras_tensor(inputs) and hasattr(inputs, "numpy")
        return outputs if eager else 2 * outputs


@register
class RoundsDownAfterExport(ChannelSoftmax):
    """Negative integer division rounds towards zero in ONNX, and only there."""

    def call(self, inputs, training=False):
        rows = -(-ops.shape(inputs)[1 if self.channels() == -1 else 2] // 2)
        return super().call(inputs, training=training) * ops.cast(rows, self.compute_dtype)


@register
class ChecksNothing(ScaledDense):
    def __init__(self, units, scale=1.0, **kwargs):
        super().__init__(units, 1.0, **kwargs)
        self.scale = scale


@register
class RaisesTypeError(ScaledDense):
    def __init__(self, units, scale=1.0, **kwargs):
        super().__init__(units, scale + 0.0, **kwargs)


@register
class ErrorDoesNotNameArgument(ScaledDense):
    def __init__(self, units, scale=1.0, **kwargs):
        if not isinstance(scale, (int, float)):
            raise ValueError("Something is wrong.")
        super().__init__(units, scale, **kwargs)


@register
class RankFailsInCall(ScaledDense):
    def build(self, input_shape):
        super().build((input_shape[0], input_shape[-1]))


BROKEN_DENSE = [
    ("C1", ForgetsArgument, "get_config lacks scale"),
    ("C1", ForgetsBase, "get_config lacks name, trainable, dtype"),
    ("C1", RoundsArgument, r"get_config\(\)\['scale'\] is 0.7 after scale=0.6999999"),
    ("C1", ConfigIsNotJson, "not strict JSON"),
    ("C1", ConfigHoldsNaN, "not strict JSON"),
    ("C1", RewritesConfig, "the config changed in build and call: scale from 0.7 to 0.17"),
    ("C1", RewritesConfigInCall, "the config changed in a call in training mode: use_bias"),
    ("C10", UnseededDraw, "two instances made alike differ in training"),
    ("C10", DrawsFromNumPy, "two instances made alike differ in training"),
    ("C10", SameDrawEachTime, "every training call draws the same numbers"),
    ("C10", NoiseAtInference, "inference gives other numbers a second time"),
    ("C10", FixedNoiseAtInference, "inference depends on the seed"),
    ("C10", WritesIntoInput, "an input was changed"),
    ("C3", WrongOutputShape, r"compute_output_shape: shape \(2, 4\) against \(2, 3\)"),
    ("C3", WrongForUnknownBatch, r"unknown batch: shape \(1, 3\) against \(None, 3\)"),
    ("C4", ReturnsNaN, "6 of 6 values are NaN or infinite"),
    ("C4", Float32UnderHalf, "output is float32 under mixed_bfloat16, not bfloat16"),
    ("C4", OverflowsInHalf, "outputs for values up to 400 under mixed_float16"),
    ("C4", NaNGradientAtZero, "gradients for zeros under mixed_bfloat16"),
    ("C7", DeadWeight, "dead' is zero everywhere"),
    ("C7", StoppedGradient, "the gradient of an input is zero everywhere"),
    ("C7", PartlyStoppedGradient, "directional derivative for input 0"),
    ("C7", Float32Inside, "directional derivative for"),
    ("C13", WrongFormula, "inference differs from the reference"),
    ("C2", LosesWeights, "other numbers after saved to .keras and loaded"),
    (
        "C2",
        NotRegistered,
        r"the class 'NotRegistered' of a saved file. What to do: register it with @keras.saving.register_\w+"
        r"\(package=\.\.\.\)$",
    ),
    ("C6", CountsInPython, "XLA differs from eager"),
    ("C11", ChecksNothing, "scale=<not a value> is accepted"),
    ("C11", RaisesTypeError, "scale=<not a value> raises TypeError"),
    ("C11", ErrorDoesNotNameArgument, "does not name the argument"),
    ("C11", RankFailsInCall, r"input of shape \(2,\) raises"),
]


def names(broken):
    return [cls.__name__ for _, cls, _ in broken]


@pytest.mark.parametrize(("guarantee", "cls", "message"), BROKEN_DENSE, ids=names(BROKEN_DENSE))
def test_broken_dense_is_caught_under_its_guarantee(guarantee, cls, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {cls.__name__}: .*{message}"):
        check_layer(cls, DENSE, (2, 4), reference=scaled_dense)


BROKEN_SOFTMAX = [
    ("C10", TrainsByDefault, "inference gives other numbers without the `training` argument"),
    ("C3", WrongForUnknownSpace, r"unknown batch and space: shape \(None, 5, 5, 3\)|shape \(2, 5, 5, 3\)"),
    (
        "C3",
        RefusesUnknownSpace,
        "refuses unknown space .*size of the map must be known.*exempt 'C3 unknown space'",
    ),
    ("C5", IgnoresDataFormat, "channels_first differs"),
]


@pytest.mark.parametrize(("guarantee", "cls", "message"), BROKEN_SOFTMAX, ids=names(BROKEN_SOFTMAX))
def test_broken_softmax_is_caught_under_its_guarantee(guarantee, cls, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {cls.__name__}: .*({message})"):
        check_layer(cls, {"data_format": "channels_last", "seed": 3}, (2, 5, 6, 3), reference=channel_softmax)


def twice_channel_softmax(inputs, weights, **arguments):
    return 2 * channel_softmax(inputs, weights, **arguments)


def test_wrong_rounding_of_an_unknown_size_is_caught_under_c12():
    with pytest.raises(ContractError, match="^C12 ONNX: RoundsDownAfterExport: ONNX gives other numbers"):
        check_layer(RoundsDownAfterExport, {"seed": 3}, (2, 3, 6, 3), reference=twice_channel_softmax)
