"""Any number of words, rendered during training, each a function of a seed."""

from keras_cnn_zoo.data.embedded.rendered_words.rendering import RenderedWords

__all__ = ["RenderedWords"]
