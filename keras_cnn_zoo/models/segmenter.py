"""The base class of segmentation models."""

from keras_cnn_zoo.models import deployment
from keras_cnn_zoo.models.base import ZooModel
from keras_cnn_zoo.models.decoding import decode_masks

# Text that the docstrings of all segmentation models share.
PARAGRAPHS = {
    "num_classes": """\
num_classes: number of classes, including the background, a positive integer.
        input_shape: (height, width, channels); height and width may be None.""",
    "backbone": """\
backbone: name of a network, "resnet18" to "resnet200", None for the first, or a functional model
            with a dict of levels, "P0" to "P5", whose strides are measured. A network of the package is
            rebuilt for `input_shape` and `output_stride`, with its weights. Any other model must fit.""",
    "class_names": """\
class_names: names of the classes, or None.
        **kwargs: `name` and `trainable`.""",
    "call": """\
Call arguments:
        inputs: float tensor, images as `preprocess` returns them.

    Input shape:
        (batch, height, width, channels).""",
}


class Segmenter(ZooModel):
    """A model with one vector of logits per pixel."""

    abstract = True
    paragraphs = PARAGRAPHS
    task = "segmentation"

    def decode(self, outputs):
        """Returns logits as an int32 array (batch, height, width) of class ids."""
        return decode_masks(outputs)

    def deployable(self):
        """Returns a network for export: from 0..255 float images to the class probabilities of each pixel."""
        return deployment.with_probabilities(self)

    def deployable_facts(self):
        """Returns facts on the inputs and outputs of `deployable`, as a dict of JSON values."""
        fit = "any" if None in self.input_shape[1:3] else "stretch"
        meaning = "probability of each class at each pixel"
        axes = ["batch", "height", "width", "classes"]
        return {
            "inputs": {"images": deployment.image_facts(self, fit)},
            "outputs": {"probabilities": {"axes": axes, "meaning": meaning}},
        }
