from keras_cnn_zoo.losses.box_iou import BoxIoU, box_iou
from keras_cnn_zoo.losses.contrastive import Contrastive, contrastive
from keras_cnn_zoo.losses.coupled_clusters import CoupledClusters, coupled_clusters
from keras_cnn_zoo.losses.double_margin_contrastive import (
    DoubleMarginContrastive,
    double_margin_contrastive,
    estimate_margins,
)
from keras_cnn_zoo.losses.histogram import Histogram, histogram
from keras_cnn_zoo.losses.lda import LDA, lda
from keras_cnn_zoo.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from keras_cnn_zoo.losses.multiclass_hinge import MulticlassHinge, multiclass_hinge
from keras_cnn_zoo.losses.triplet import Triplet, triplet

__all__ = [
    "BoxIoU",
    "Contrastive",
    "CoupledClusters",
    "DoubleMarginContrastive",
    "Histogram",
    "LDA",
    "LovaszSoftmax",
    "MulticlassHinge",
    "Triplet",
    "box_iou",
    "contrastive",
    "coupled_clusters",
    "double_margin_contrastive",
    "estimate_margins",
    "histogram",
    "lda",
    "lovasz_softmax",
    "multiclass_hinge",
    "triplet",
]
