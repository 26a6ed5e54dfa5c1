"""The base class of layers that wrap another layer."""

import keras

from keras_cnn_zoo.utils import validation


class BaseWrapper(keras.layers.Wrapper):
    """Abstract wrapper with the dtype of its layer; building does not change its config.

    A quantized layer stays quantized. The wrapper itself computes in the dtype that the layer had before.

    Args:
        layer: The layer to wrap, built or not; its weights are used, not copied.
        **kwargs: `name`, `dtype` (that of `layer` by default; also assigned to a `layer` not yet built), ...
    """

    receptive_steps = "wrapped"

    def __init__(self, layer, **kwargs):
        validation.instance("layer", layer, keras.layers.Layer, "a keras.Layer")
        dtype = kwargs.pop("dtype", None)
        policy = layer.dtype_policy if dtype is None else keras.dtype_policies.get(dtype)
        super().__init__(layer, dtype=_unquantized(policy), **kwargs)
        if not layer.built and layer.quantization_mode is None:
            layer.dtype_policy = policy
        self.supports_masking = layer.supports_masking
        self.input_spec = layer.input_spec

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = self.layer.input_spec
        self.built = True

    def compute_output_shape(self, input_shape):
        return tuple(self.layer.compute_output_shape(input_shape))

    def quantize(self, mode=None, type_check=True, config=None):
        """Quantizes the wrapped layer, as a model's `quantize` does."""
        self.layer.quantize(mode, type_check=type_check, config=config)

    def get_config(self):
        config = super().get_config()
        # The wrapper builds its layer, so the build config is not needed; without it, the config never
        # changes.
        config["layer"].pop("build_config", None)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # A copy, because Keras' wrapper removes `layer` from the config that it receives.
        return super().from_config(dict(config), custom_objects)


def _unquantized(policy):
    """Returns the dtype policy before quantization; other policies are returned unchanged."""
    return policy if policy.quantization_mode is None else policy.get_config()["source_name"]
