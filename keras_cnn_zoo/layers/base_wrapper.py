"""What the wrappers of a layer share."""

import keras

from keras_cnn_zoo.utils import validation


class BaseWrapper(keras.layers.Wrapper):
    """A wrapper in the precision of its layer, with a config that the wrapped layer's building leaves alone.

    Args:
        layer: The layer to wrap, built or not; its weights are used, not copied.
        **kwargs: `name`, `dtype` (that of `layer` by default, and given to a `layer` not yet built), ...
    """

    receptive_steps = "wrapped"

    def __init__(self, layer, **kwargs):
        validation.instance("layer", layer, keras.layers.Layer, "a keras.Layer")
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = layer.dtype_policy
        super().__init__(layer, **kwargs)
        if not layer.built:
            layer.dtype_policy = self.dtype_policy
        self.supports_masking = layer.supports_masking
        self.input_spec = layer.input_spec

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = self.layer.input_spec
        self.built = True

    def compute_output_shape(self, input_shape):
        return tuple(self.layer.compute_output_shape(input_shape))

    def get_config(self):
        config = super().get_config()
        # The wrapper builds its layer, so how that was built need not be stored and the config never changes.
        config["layer"].pop("build_config", None)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # A copy, because Keras' wrapper takes `layer` out of the config it is given.
        return super().from_config(dict(config), custom_objects)
