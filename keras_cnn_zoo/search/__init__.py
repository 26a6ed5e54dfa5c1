"""Searches with KerasTuner over the parts of the catalog."""

from keras_cnn_zoo.search.engine import TUNERS, SearchOptions, search
from keras_cnn_zoo.search.space import SearchSpace

__all__ = ["SearchOptions", "SearchSpace", "TUNERS", "search"]
