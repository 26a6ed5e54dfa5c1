"""Application models and their pretrained weights."""

from keras_cnn_zoo.models.classification import LeNet5, ResNet
from keras_cnn_zoo.models.detection import FasterRCNN, RetinaNet
from keras_cnn_zoo.models.language import TextCNN
from keras_cnn_zoo.models.segmentation import FCN, DeepLab, UNet
from keras_cnn_zoo.models.speech import KeywordCNN
from keras_cnn_zoo.models.text import CRNN
from keras_cnn_zoo.models.tracking import SiamFC
from keras_cnn_zoo.presets import list_presets
from keras_cnn_zoo.presets import load as from_preset
from keras_cnn_zoo.visualization import deconvolution_view, receptive_field

__all__ = [
    "CRNN",
    "DeepLab",
    "FCN",
    "FasterRCNN",
    "KeywordCNN",
    "LeNet5",
    "ResNet",
    "RetinaNet",
    "SiamFC",
    "TextCNN",
    "UNet",
    "deconvolution_view",
    "from_preset",
    "list_presets",
    "receptive_field",
]
