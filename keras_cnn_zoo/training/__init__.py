"""Fit, evaluate, predict and export, written once for all tasks."""

from keras_cnn_zoo.training.evaluate import evaluate
from keras_cnn_zoo.training.export import export_model
from keras_cnn_zoo.training.fit import fit
from keras_cnn_zoo.training.options import FitOptions
from keras_cnn_zoo.training.predict import predict

__all__ = ["FitOptions", "evaluate", "export_model", "fit", "predict"]
