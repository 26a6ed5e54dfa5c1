"""Setup of precision, XLA, devices, and seed before a model is built."""

from keras_cnn_zoo.distribution.ahead_of_time import compile_train_step
from keras_cnn_zoo.distribution.environment import (
    PRECISIONS,
    jit_argument,
    model_scope,
    prepare_to_predict,
    set_up,
)

__all__ = ["PRECISIONS", "compile_train_step", "jit_argument", "model_scope", "prepare_to_predict", "set_up"]
