from keras_cnn_zoo.losses.contrastive import Contrastive, contrastive
from keras_cnn_zoo.losses.multiclass_hinge import MulticlassHinge, multiclass_hinge

__all__ = [
    "Contrastive",
    "MulticlassHinge",
    "contrastive",
    "multiclass_hinge",
]
