"""What the detectors have in common: two modes of calling, pictures in, boxes out."""

import keras
import numpy as np

from keras_cnn_zoo.models import deployment
from keras_cnn_zoo.models.base import ZooModel
from keras_cnn_zoo.models.detection import building
from keras_cnn_zoo.ops.host import letterbox


class Detector(ZooModel):
    """A model whose inference gives detections, and whose training call gives what the loss needs.

    Subclasses build `network`, which has `first_stage(pictures, training)`, and take the loss from it.
    """

    abstract = True
    task = "detection"
    variants = building.VARIANTS

    def call(self, inputs, training=None, mask=None):
        if training:
            return self.network.first_stage(inputs, training=True)
        return super().call(inputs, training=training, mask=mask)

    def preprocess(self, images):
        """Pictures of any size to a float32 batch: scaled as a whole, padded at the bottom and right.

        Args:
            images: one picture or several, as `ZooModel.preprocess` takes them.

        Returns:
            A NumPy array (batch, height, width, channels); the border has the mean colour.
        """
        target, channels = self.input_shape[1:3], self.input_shape[3]
        fill = float(np.mean(self.preprocessing["mean"]))
        pictures = [
            letterbox.letterbox(self._as_picture(image, channels), target, fill)
            for image in self._as_list(images)
        ]
        return self.normalize(np.stack(pictures))

    def preprocess_boxes(self, boxes, size):
        """Boxes (n, 4) "xyxy" of a picture of `size` (height, width) in pixels of the network's picture."""
        return letterbox.boxes_in(boxes, size, self.input_shape[1:3])

    def decode(self, outputs, sizes=None):
        """Detections as a list of dicts: `boxes` (k, 4), `scores` (k,), `classes` (k,), best first.

        Args:
            outputs: what the model gives.
            sizes: (height, width) of each original picture, whose pixels boxes are to be in; None for those
                of the network's picture.
        """
        return letterbox.decode_detections(outputs, self.input_shape[1:3], sizes, self.class_names)

    def deployable(self):
        """Returns a network for export: from 0..255 float images of its size to what `call` gives."""
        inputs = keras.Input(self.input_shape[1:], name="images")
        found = self(deployment.normalized(self, inputs))
        outputs = {
            name: keras.layers.Identity(name=name, dtype=tensor.dtype)(tensor)
            for name, tensor in found.items()
        }
        return deployment.wrapped(self, inputs, outputs)
