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


def image_facts(model, fit, channels=None):
    """Returns how an input of a deployable network is made from an image, as JSON values.

    Args:
        model: the model.
        fit: "letterbox" (scaled as a whole to fit the size, padded at the bottom and right), "stretch"
            (resized to the size), or "any" (taken in its own size).
        channels: number of channels; None for that of the model's input.
    """
    channels = model.input_shape[-1] if channels is None else channels
    mean, std = (_plain(model.preprocessing[name]) for name in ("mean", "std"))
    facts = {
        "kind": "image",
        "axes": ["batch", "height", "width", "channels"],
        "color": "gray" if channels == 1 else "rgb",
        "range": [0, 255],
        "fit": fit,
        # The file does this; whoever calls it does not.
        "scaling_inside": {"mean": mean, "std": std},
    }
    if fit == "letterbox":
        fill = mean if not isinstance(mean, list) else sum(mean) / len(mean)
        facts["letterbox"] = {"content": "top left", "fill": fill}
    return facts


def _plain(value):
    """Returns a number or a list of numbers."""
    return [float(one) for one in value] if isinstance(value, (list, tuple)) else float(value)


def wrapped(model, inputs, outputs):
    """Returns the network to export, named after the model."""
    return keras.Model(inputs, outputs, name=f"{model.name}_deployable")
