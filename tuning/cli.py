"""The command line of a search, under its earlier name."""

from keras_cnn_zoo.cli.search_commands import program

__all__ = ["program"]
