from keras_cnn_zoo.metrics.character_error_rate import CharacterErrorRate
from keras_cnn_zoo.metrics.mean_average_precision import MeanAveragePrecision
from keras_cnn_zoo.metrics.one_shot_error import OneShotError, one_shot_trials
from keras_cnn_zoo.metrics.percentage_correct_keypoints import PercentageCorrectKeypoints
from keras_cnn_zoo.metrics.recall_at_k import RecallAtK
from keras_cnn_zoo.metrics.saliency_f_beta import SaliencyFBeta
from keras_cnn_zoo.metrics.structure_measure import StructureMeasure
from keras_cnn_zoo.metrics.success_auc import SuccessAUC
from keras_cnn_zoo.metrics.tracking_precision import TrackingPrecision
from keras_cnn_zoo.metrics.word_error_rate import WordErrorRate

__all__ = [
    "CharacterErrorRate",
    "MeanAveragePrecision",
    "OneShotError",
    "PercentageCorrectKeypoints",
    "RecallAtK",
    "SaliencyFBeta",
    "StructureMeasure",
    "SuccessAUC",
    "TrackingPrecision",
    "WordErrorRate",
    "one_shot_trials",
]
