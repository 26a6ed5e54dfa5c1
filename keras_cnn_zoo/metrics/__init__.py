from keras_cnn_zoo.metrics.character_error_rate import CharacterErrorRate
from keras_cnn_zoo.metrics.mean_average_precision import MeanAveragePrecision
from keras_cnn_zoo.metrics.success_auc import SuccessAUC
from keras_cnn_zoo.metrics.tracking_precision import TrackingPrecision
from keras_cnn_zoo.metrics.word_error_rate import WordErrorRate

__all__ = [
    "CharacterErrorRate",
    "MeanAveragePrecision",
    "SuccessAUC",
    "TrackingPrecision",
    "WordErrorRate",
]
