"""Copies graphs of Keras' layers, so that every map has ceil(size / stride) cells."""

import contextlib
import dataclasses
import re

import keras


@dataclasses.dataclass(frozen=True)
class Copy:
    """A copied graph.

    Args:
        model: functional model with the outputs of the original.
        before: dict from the name of a layer to the tensor that it takes.
        after: dict from the name of a layer to the tensor that it gives.
    """

    model: keras.Model
    before: dict
    after: dict


def copied(core, input_shape, *, with_weights):
    """Returns a `Copy` of a functional model, with copies of its weights or fresh ones.

    The graph is called again, layer by layer, so that the tensor before each layer is known. Layers that
    pool or filter an unpadded map without padding would round its size down. They get the padding "same",
    which has no weights, and does not change values where the sizes are multiples of the strides.

    Args:
        core: functional model of one input.
        input_shape: (height, width, channels) of the copy.
        with_weights: whether to copy the weights.
    """
    # By id of a padded tensor: itself, so that the id stays its own, and the tensor before an uneven padding.
    padded, before, after, pairs, counts = {}, {}, {}, [], {}

    def call(operation, *args, **kwargs):
        if not isinstance(operation, keras.Layer):
            outputs = type(operation).from_config(operation.get_config())(*args, **kwargs)
            if type(operation).__name__ == "Pad":
                padded[id(outputs)] = outputs, None
            return outputs
        name = _stable_name(operation, counts)
        changes, (x, *others) = {}, args
        if getattr(operation, "padding", None) == "valid":
            _, unpadded = padded.get(id(x), (None, x))
            if unpadded is not None:
                x, changes = unpadded, {"padding": "same"}
        layer = _copied_layer(operation, {"name": name, **changes}, pairs)
        outputs = layer(x, *others, **kwargs)
        if isinstance(operation, keras.layers.ZeroPadding2D):
            uneven = any(start != end for start, end in operation.padding)
            padded[id(outputs)] = outputs, x if uneven else None
        before[name], after[name] = x, outputs
        return outputs

    with channels_last():
        images = keras.Input(input_shape, name="images")
        model = keras.models.clone_model(
            core, input_tensors=images, clone_function=lambda operation: operation, call_function=call
        )
    for layer, own in pairs if with_weights else ():
        layer.set_weights(own.get_weights())
    return Copy(model, before, after)


@contextlib.contextmanager
def channels_last():
    """Builds layers for maps with the channels last, whatever Keras' default is."""
    default = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_image_data_format(default)


def _copied_layer(layer, changes, pairs):
    """Returns a fresh copy of a layer, and appends the layers with weights to copy to `pairs`."""
    if isinstance(layer, keras.Sequential):
        parts = []
        for part in layer.layers:
            same = {"padding": "same"} if getattr(part, "padding", None) == "valid" else {}
            parts.append(_copied_layer(part, same, pairs))
        return keras.Sequential(parts, name=changes["name"])
    copy = type(layer).from_config({**layer.get_config(), **changes})
    pairs.append((copy, layer))
    return copy


def _stable_name(layer, counts):
    """Returns the name of a layer, with a number that does not depend on earlier networks of the session."""
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    kind = re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()
    if not re.fullmatch(rf"{kind}(_\d+)?", layer.name):
        return layer.name
    counts[kind] = counts.get(kind, -1) + 1
    return f"{kind}_{counts[kind]}" if counts[kind] else kind
