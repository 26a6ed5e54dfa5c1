from keras_cnn_zoo.models.classification.efficientnet_lite import EfficientNetLite
from keras_cnn_zoo.models.classification.lenet5 import LeNet5
from keras_cnn_zoo.models.classification.resnet import ResNet
from keras_cnn_zoo.models.classification.vgg import VGG

__all__ = [
    "EfficientNetLite",
    "LeNet5",
    "ResNet",
    "VGG",
]
