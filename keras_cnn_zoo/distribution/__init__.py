"""Precision, XLA, devices and seed: one call to set up, before the model is built."""

from keras_cnn_zoo.distribution.environment import PRECISIONS, jit_argument, model_scope, set_up

__all__ = ["PRECISIONS", "jit_argument", "model_scope", "set_up"]
