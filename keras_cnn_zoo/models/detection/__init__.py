from keras_cnn_zoo.models.detection.faster_rcnn import FasterRCNN
from keras_cnn_zoo.models.detection.retinanet import RetinaNet

__all__ = [
    "FasterRCNN",
    "RetinaNet",
]
