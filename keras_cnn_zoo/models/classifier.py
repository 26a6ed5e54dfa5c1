"""The base class of classifiers of images, recordings, and texts."""

from keras_cnn_zoo.models import deployment
from keras_cnn_zoo.models.base import ZooModel
from keras_cnn_zoo.models.decoding import decode_classes


class Classifier(ZooModel):
    """A model with one vector of logits per example."""

    abstract = True
    # Name of the input in an exported file.
    input_name = "images"

    def decode(self, outputs):
        """Returns logits as a list of dicts: `class_id`, `class_name`, `probability`, `top`."""
        return decode_classes(outputs, self.class_names)

    def deployable(self):
        """Returns a network for export: from the input, with preprocessing, to class probabilities."""
        return deployment.with_probabilities(self, self.input_name)

    def deployable_facts(self):
        """Returns facts on the inputs and outputs of `deployable`, as a dict of JSON values."""
        outputs = {"axes": ["batch", "classes"], "meaning": "probability of each class"}
        return {
            "inputs": {self.input_name: self._input_facts()},
            "outputs": {"probabilities": outputs},
        }

    def _input_facts(self):
        """Returns how the input is made, as JSON values: here from an image, resized to the input size."""
        fit = "any" if None in self.input_shape[1:3] else "stretch"
        return deployment.image_facts(self, fit)
