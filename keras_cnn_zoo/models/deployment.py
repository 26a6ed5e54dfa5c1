"""Parts of the networks that `export` writes."""

import keras


def normalized(model, inputs):
    """Returns 0..255 float images on the scale on which `model` was trained."""
    mean, std = model.preprocessing["mean"], model.preprocessing["std"]
    scale = [1 / value for value in std] if isinstance(std, (list, tuple)) else 1 / std
    if isinstance(mean, (list, tuple)) or isinstance(scale, list):
        channels = model.input_shape[-1]
        means = list(mean) if isinstance(mean, (list, tuple)) else [mean] * channels
        scale = scale if isinstance(scale, list) else [scale] * channels
        offset = [-value * factor for value, factor in zip(means, scale, strict=True)]
    else:
        offset = -mean * scale
    return keras.layers.Rescaling(scale, offset=offset, dtype="float32", name="normalize")(inputs)


def with_probabilities(model, name="images"):
    """Returns `model` from its input, 0..255 float images if it normalizes, to class probabilities."""
    inputs = keras.Input(model.input_shape[1:], dtype=model.input.dtype, name=name)
    x = model(normalized(model, inputs) if "mean" in model.preprocessing else inputs)
    outputs = keras.layers.Softmax(axis=-1, dtype="float32", name="probabilities")(x)
    return wrapped(model, inputs, outputs)


def wrapped(model, inputs, outputs):
    """Returns the network to export, named after the model."""
    return keras.Model(inputs, outputs, name=f"{model.name}_deployable")
