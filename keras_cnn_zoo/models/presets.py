"""The earlier name of `keras_cnn_zoo.presets`."""

from keras_cnn_zoo.presets import describe, list_presets, load, save

__all__ = ["describe", "list_presets", "load", "save"]
