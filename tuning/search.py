"""`search`, under its earlier name."""

from keras_cnn_zoo.search.engine import TUNERS, SearchOptions, search

__all__ = ["TUNERS", "SearchOptions", "search"]
