"""Models of text, and their vocabularies and word vectors."""

from keras_cnn_zoo.models.language.textcnn import TextCNN
from keras_cnn_zoo.models.language.tokenization import Words, build_vocabulary, tokenize
from keras_cnn_zoo.models.language.word_vectors import read_word_vectors

__all__ = [
    "TextCNN",
    "Words",
    "build_vocabulary",
    "read_word_vectors",
    "tokenize",
]
