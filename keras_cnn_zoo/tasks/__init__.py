"""One object per task, from data to picture, for programs and notebooks."""

from keras_cnn_zoo.tasks.argument import Argument
from keras_cnn_zoo.tasks.base import Task
from keras_cnn_zoo.tasks.classification import Classification
from keras_cnn_zoo.tasks.detection import Detection
from keras_cnn_zoo.tasks.language import Language
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.tasks.segmentation import Segmentation
from keras_cnn_zoo.tasks.speech import Speech
from keras_cnn_zoo.tasks.text import Text
from keras_cnn_zoo.tasks.tracking import Tracking
from keras_cnn_zoo.training import FitOptions, evaluate, export_model, fit, predict

# Name to class.
TASKS = {cls.name: cls for cls in (Classification, Detection, Language, Segmentation, Speech, Text, Tracking)}

__all__ = [
    "Argument",
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
