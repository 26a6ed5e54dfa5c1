"""Application models and their pretrained weights."""

from keras_cnn_zoo.models.classification import LeNet5
from keras_cnn_zoo.models.presets import list_presets
from keras_cnn_zoo.models.presets import load as from_preset
from keras_cnn_zoo.models.segmentation import UNet

__all__ = ["LeNet5", "UNet", "from_preset", "list_presets"]
