"""Application models and their pretrained weights."""

from keras_cnn_zoo.models import presets
from keras_cnn_zoo.models.classification.efficientnet_lite import EfficientNetLite
from keras_cnn_zoo.models.classification.lenet5 import LeNet5
from keras_cnn_zoo.models.classification.resnet import ResNet
from keras_cnn_zoo.models.classification.vgg import VGG
from keras_cnn_zoo.models.detection.faster_rcnn import FasterRCNN
from keras_cnn_zoo.models.detection.retinanet import RetinaNet
from keras_cnn_zoo.models.language.textcnn import TextCNN
from keras_cnn_zoo.models.segmentation.deeplab import DeepLab
from keras_cnn_zoo.models.segmentation.fcn import FCN
from keras_cnn_zoo.models.segmentation.unet import UNet
from keras_cnn_zoo.models.speech.keyword_cnn import KeywordCNN
from keras_cnn_zoo.models.text.crnn import CRNN
from keras_cnn_zoo.models.tracking.siamfc import SiamFC
from keras_cnn_zoo.presets import list_presets
from keras_cnn_zoo.presets import load as from_preset
from keras_cnn_zoo.visualization import deconvolution_view, receptive_field

__all__ = [
    "CRNN",
    "DeepLab",
    "EfficientNetLite",
    "FCN",
    "FasterRCNN",
    "KeywordCNN",
    "LeNet5",
    "ResNet",
    "RetinaNet",
    "SiamFC",
    "TextCNN",
    "UNet",
    "VGG",
    "deconvolution_view",
    "from_preset",
    "list_presets",
    "presets",
    "receptive_field",
]
