"""Classifiers."""

from keras_cnn_zoo.models.classification.lenet5 import LeNet5

__all__ = ["LeNet5"]
