"""The command line of a search under its first name."""

from keras_cnn_zoo.cli.search_commands import program

__all__ = ["program"]
