"""One object per task, from data to picture, and the runner that trains, measures, predicts and exports."""

from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.tasks.classification import Classification
from keras_cnn_zoo.tasks.fitting import FitOptions, fit
from keras_cnn_zoo.tasks.runner import evaluate, export_model, predict
from keras_cnn_zoo.tasks.segmentation import Segmentation

TASKS = {"classification": Classification, "segmentation": Segmentation}

__all__ = [
    "Classification",
    "FitOptions",
    "Recipe",
    "Segmentation",
    "TASKS",
    "Task",
    "evaluate",
    "export_model",
    "fit",
    "predict",
]
