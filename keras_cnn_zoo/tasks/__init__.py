"""One object per task, from data to picture, and the runner that trains, measures, predicts and exports."""

from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.tasks.classification import Classification
from keras_cnn_zoo.tasks.detection import Detection
from keras_cnn_zoo.tasks.fitting import FitOptions, fit
from keras_cnn_zoo.tasks.language import Language
from keras_cnn_zoo.tasks.runner import evaluate, export_model, predict
from keras_cnn_zoo.tasks.segmentation import Segmentation
from keras_cnn_zoo.tasks.speech import Speech
from keras_cnn_zoo.tasks.text import Text
from keras_cnn_zoo.tasks.tracking import Tracking

TASKS = {
    "classification": Classification,
    "detection": Detection,
    "language": Language,
    "segmentation": Segmentation,
    "speech": Speech,
    "text": Text,
    "tracking": Tracking,
}

__all__ = [
    "Classification",
    "Detection",
    "FitOptions",
    "Language",
    "Recipe",
    "Segmentation",
    "Speech",
    "TASKS",
    "Task",
    "Text",
    "Tracking",
    "evaluate",
    "export_model",
    "fit",
    "predict",
]
