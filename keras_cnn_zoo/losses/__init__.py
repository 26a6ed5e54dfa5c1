from keras_cnn_zoo.losses.arcface import ArcFace, arcface
from keras_cnn_zoo.losses.box_iou import BoxIoU, box_iou
from keras_cnn_zoo.losses.contrastive import Contrastive, contrastive
from keras_cnn_zoo.losses.cosface import CosFace, cosface
from keras_cnn_zoo.losses.elbo import elbo
from keras_cnn_zoo.losses.gan_loss import GANLoss, gan_discriminator, gan_generator
from keras_cnn_zoo.losses.gaussian_kl_divergence import GaussianKLDivergence, gaussian_kl_divergence
from keras_cnn_zoo.losses.gradient_penalty import gradient_penalty
from keras_cnn_zoo.losses.jensen_shannon import JensenShannon, jensen_shannon
from keras_cnn_zoo.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from keras_cnn_zoo.losses.multiclass_hinge import MulticlassHinge, multiclass_hinge

__all__ = [
    "ArcFace",
    "BoxIoU",
    "Contrastive",
    "CosFace",
    "GANLoss",
    "GaussianKLDivergence",
    "JensenShannon",
    "LovaszSoftmax",
    "MulticlassHinge",
    "arcface",
    "box_iou",
    "contrastive",
    "cosface",
    "elbo",
    "gan_discriminator",
    "gan_generator",
    "gaussian_kl_divergence",
    "gradient_penalty",
    "jensen_shannon",
    "lovasz_softmax",
    "multiclass_hinge",
]
