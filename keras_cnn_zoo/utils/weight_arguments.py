"""The arguments of Keras' dense layers and convolutions, and their values in a config."""

import keras

# In Keras' order. All are None or objects that have a config.
WEIGHT_ARGUMENTS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
DENSE_ARGUMENTS = ("units", "activation", "use_bias", *WEIGHT_ARGUMENTS)
CONVOLUTION_ARGUMENTS = (
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "groups",
    "activation",
    "use_bias",
    *WEIGHT_ARGUMENTS,
)


def serialized(arguments):
    """Returns a config's values for `{name: value}`: a name, the config of an object, or the value."""
    config = dict(arguments)
    for name, value in arguments.items():
        if name == "activation":
            config[name] = keras.activations.serialize(value)
        elif name in WEIGHT_ARGUMENTS:
            config[name] = keras.saving.serialize_keras_object(value)
    return config
