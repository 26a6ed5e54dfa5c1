from keras_cnn_zoo.losses.arcface import ArcFace, arcface
from keras_cnn_zoo.losses.box_iou import BoxIoU, box_iou
from keras_cnn_zoo.losses.contrastive import Contrastive, contrastive
from keras_cnn_zoo.losses.cosface import CosFace, cosface
from keras_cnn_zoo.losses.coupled_clusters import CoupledClusters, coupled_clusters
from keras_cnn_zoo.losses.double_margin_contrastive import (
    DoubleMarginContrastive,
    double_margin_contrastive,
    estimate_margins,
)
from keras_cnn_zoo.losses.elbo import elbo
from keras_cnn_zoo.losses.gan_loss import GANLoss, gan_discriminator, gan_generator
from keras_cnn_zoo.losses.gaussian_kl_divergence import GaussianKLDivergence, gaussian_kl_divergence
from keras_cnn_zoo.losses.gradient_penalty import gradient_penalty
from keras_cnn_zoo.losses.histogram import Histogram, HistogramLoss, histogram
from keras_cnn_zoo.losses.jensen_shannon import JensenShannon, jensen_shannon
from keras_cnn_zoo.losses.lda import LDA, DeepLDA, lda
from keras_cnn_zoo.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from keras_cnn_zoo.losses.multiclass_hinge import MulticlassHinge, multiclass_hinge
from keras_cnn_zoo.losses.triplet import Triplet, triplet

__all__ = [
    "ArcFace",
    "BoxIoU",
    "Contrastive",
    "CosFace",
    "CoupledClusters",
    "DeepLDA",
    "DoubleMarginContrastive",
    "GANLoss",
    "GaussianKLDivergence",
    "Histogram",
    "HistogramLoss",
    "JensenShannon",
    "LDA",
    "LovaszSoftmax",
    "MulticlassHinge",
    "Triplet",
    "arcface",
    "box_iou",
    "contrastive",
    "cosface",
    "coupled_clusters",
    "double_margin_contrastive",
    "elbo",
    "estimate_margins",
    "gan_discriminator",
    "gan_generator",
    "gaussian_kl_divergence",
    "gradient_penalty",
    "histogram",
    "jensen_shannon",
    "lda",
    "lovasz_softmax",
    "multiclass_hinge",
    "triplet",
]
