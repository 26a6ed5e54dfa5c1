from keras_cnn_zoo.layers.detection.anchor_generator import AnchorGenerator
from keras_cnn_zoo.layers.detection.feature_pyramid import FeaturePyramid
from keras_cnn_zoo.layers.detection.non_max_suppression import NonMaxSuppression
from keras_cnn_zoo.layers.detection.roi_align import ROIAlign2D

__all__ = [
    "AnchorGenerator",
    "FeaturePyramid",
    "NonMaxSuppression",
    "ROIAlign2D",
]
