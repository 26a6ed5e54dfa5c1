"""The data format of a layer's maps, also of layers that do not state one, such as `Add` and `Activation`."""

import keras

from keras_cnn_zoo.utils import layer_tree

FORMATS = ("channels_first", "channels_last")


def data_format_of(model, layer=None):
    """Returns the data format of a layer's maps.

    It is that of the layer, or else of the nearest layer before it that states one, or else of the first
    layer after it. Keras' setting counts only where no layer of the model states one.

    Args:
        model: a functional or sequential model.
        layer: a layer of `model`, or None for the input.
    """
    place = next((number for number, own in enumerate(model.layers, 1) if own is layer), 0)
    for own in (*reversed(model.layers[:place]), *model.layers[place:]):
        stated = _stated(own)
        if stated is not None:
            return stated
    return keras.config.image_data_format()


def _stated(layer):
    """Returns the data format of a layer, or of the layers inside it, or None."""
    for part in (layer, *layer_tree.layers_by_path(layer).values()):
        # `Flatten` fills in Keras' setting, which says nothing about the other layers.
        if getattr(part, "data_format", None) in FORMATS and not isinstance(part, keras.layers.Flatten):
            return part.data_format
    return None
