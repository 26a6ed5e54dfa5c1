"""What segmentation models share."""

from keras_cnn_zoo.models import deployment
from keras_cnn_zoo.models.base import ZooModel
from keras_cnn_zoo.models.decoding import decode_masks


class Segmenter(ZooModel):
    """A model with one vector of logits per pixel."""

    abstract = True
    task = "segmentation"

    def decode(self, outputs):
        """Returns logits as an int32 array (batch, height, width) of class ids."""
        return decode_masks(outputs)

    def deployable(self):
        """Returns a network for export: from 0..255 float images to the class probabilities of each pixel."""
        return deployment.with_probabilities(self)
