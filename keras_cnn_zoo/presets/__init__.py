"""Presets: trained models as plain data, saved in one step and loaded without running code."""

from keras_cnn_zoo.presets.bundled import exists, list_presets
from keras_cnn_zoo.presets.loading import describe, load
from keras_cnn_zoo.presets.saving import save

__all__ = ["describe", "exists", "list_presets", "load", "save"]
