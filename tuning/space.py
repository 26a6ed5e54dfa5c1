"""`SearchSpace`, under its earlier name."""

from keras_cnn_zoo.search.space import SearchSpace

__all__ = ["SearchSpace"]
