from keras_cnn_zoo.layers.normalization.batch_normalization import BatchNormalization
from keras_cnn_zoo.layers.normalization.instance_normalization import InstanceNormalization
from keras_cnn_zoo.layers.normalization.local_response_normalization import LocalResponseNormalization
from keras_cnn_zoo.layers.normalization.weight_normalization import WeightNormalization

__all__ = [
    "BatchNormalization",
    "InstanceNormalization",
    "LocalResponseNormalization",
    "WeightNormalization",
]
