from keras_cnn_zoo.losses.box_iou import BoxIoU, box_iou
from keras_cnn_zoo.losses.contrastive import Contrastive, contrastive
from keras_cnn_zoo.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from keras_cnn_zoo.losses.multiclass_hinge import MulticlassHinge, multiclass_hinge

__all__ = [
    "BoxIoU",
    "Contrastive",
    "LovaszSoftmax",
    "MulticlassHinge",
    "box_iou",
    "contrastive",
    "lovasz_softmax",
    "multiclass_hinge",
]
