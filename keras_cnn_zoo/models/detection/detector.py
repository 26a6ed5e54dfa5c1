"""The base class of detectors: two modes of calling, the total loss, images in, and boxes out."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.models import deployment
from keras_cnn_zoo.models.base import ZooModel
from keras_cnn_zoo.models.detection import matching
from keras_cnn_zoo.models.detection.features import VARIANTS
from keras_cnn_zoo.ops.host import letterbox
from keras_cnn_zoo.ops.host.pictures import list_pictures

# Text that the docstrings of all detectors share.
PARAGRAPHS = {
    "num_classes": """\
num_classes: number of classes without background, a positive integer.
        input_shape: (height, width, channels) of the network's images; others are scaled to fit into it.
        variant: variant of the `ResNet`: "18", "34", or "50".""",
    "normalization": 'normalization: "batch", a layer used as prototype in the pyramid, or None.',
    "aspect_ratios": "aspect_ratios: heights over widths of the anchors.",
    "iou_threshold": """\
iou_threshold: overlap above which the worse of two detections of a class is dropped.
        score_threshold: probability below which a detection is dropped.
        max_detections: number of detections per image.""",
    "class_names": """\
class_names: names of the classes, or None.
        **kwargs: `name` and `trainable`.""",
    "call": """\
Call arguments:
        inputs: float tensor, images as `preprocess` returns them.
        training: True returns the inputs of the loss instead: pyramid levels, and `logits` and `deltas` of
            the anchors.

    Targets (`y` of `fit` and `evaluate`): dict of `boxes` (batch, n, 4), "xyxy" in pixels of the network's
    images (`preprocess_boxes`), and `classes` (batch, n), -1 for padding.

    Input shape:
        (batch, height, width, channels).

    Output shape:
        Dict of `boxes` (batch, max_detections, 4), `scores` and `classes` (batch, max_detections), the best
        first, class -1 for padding.

    Raises:
        ValueError: for an unknown variant or a bad argument.""",
}


class Detector(ZooModel):
    """A model that returns detections, and in training the inputs of its loss.

    Subclasses build a graph of parts, call `_wire`, set `loss_names`, and implement `image_losses`.
    """

    abstract = True
    paragraphs = PARAGRAPHS
    task = "detection"
    variants = VARIANTS
    # Names of the parts of the loss, which are metrics.
    loss_names = ()

    def _wire(self, features, anchor_head):
        """Keeps the parts that both modes of calling share; a constructor calls it last.

        Args:
            features: `PyramidFeatures`: images to pyramid levels.
            anchor_head: the part that computes `logits` and `deltas` of the anchors from the levels.
        """
        self.features = features
        self._use_preprocessing(features.source)
        self.anchor_head = anchor_head
        self.loss_parts = [keras.metrics.Mean(name=name) for name in self.loss_names]

    @property
    def backbone(self):
        """The network that computes the levels."""
        return self.features.backbone

    def first_stage(self, images, training=None):
        """Returns a dict of the pyramid levels, and `logits` and `deltas` of all anchors."""
        levels = self.features(images, training=training)
        return {**levels, **self.anchor_head(levels)}

    def call(self, inputs, training=None, mask=None):
        if training:
            return self.first_stage(inputs, training=True)
        return super().call(inputs, training=training, mask=mask)

    def image_losses(self, levels, outputs, truth, training):
        """Returns the parts of the loss, each (batch,), in the order of `loss_names`.

        Args:
            levels: dict of pyramid levels.
            outputs: dict of `logits` and `deltas` of all anchors.
            truth: a `matching.Truth`.
            training: whether this is a step of training.
        """
        raise NotImplementedError

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of all parts, averaged over images that a `sample_weight` (batch,) weighs."""
        outputs = y_pred if "deltas" in y_pred else self.first_stage(x, training=False)
        levels = {name: outputs[name] for name in self.features.strides}
        parts = self.image_losses(levels, outputs, matching.truth_of(y), training)
        if sample_weight is not None:
            # Keras repeats one array of weights for each entry of the targets.
            sample_weight = keras.tree.flatten(sample_weight)[0]
            weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
            parts = [part * weight for part in parts]
        parts = [ops.mean(part) for part in parts]
        for tracker, part in zip(self.loss_parts, parts, strict=True):
            tracker.update_state(ops.stop_gradient(part))
        return sum([*parts, *self.losses])

    def preprocess(self, images):
        """Returns images of any size as a float32 batch: scaled as a whole, padded at the bottom and right.

        Args:
            images: one image or several, as `ZooModel.preprocess` takes them.

        Returns:
            A NumPy array (batch, height, width, channels); the border has the mean color.
        """
        target, channels = self.input_shape[1:3], self.input_shape[3]
        fill = float(np.mean(self.preprocessing["mean"]))
        frames = [
            letterbox.letterbox(self.with_channels(image, channels), target, fill)
            for image in list_pictures(images)
        ]
        return self.normalize(np.stack(frames))

    def preprocess_boxes(self, boxes, size):
        """Returns boxes (n, 4) "xyxy" of an image of `size` (height, width) in pixels of `preprocess`."""
        return letterbox.boxes_in(boxes, size, self.input_shape[1:3])

    def decode(self, outputs, sizes=None):
        """Returns a list of dicts: `boxes` (k, 4), `scores` (k,), and `classes` (k,), the best first.

        Args:
            outputs: outputs of the model.
            sizes: (height, width) of each original image, to whose pixels boxes are mapped; None for pixels
                of the network's images.
        """
        return letterbox.decode_detections(outputs, self.input_shape[1:3], sizes, self.class_names)

    def deployable(self):
        """Returns a network for export: from 0..255 float images of its size to detections."""
        inputs = keras.Input(self.input_shape[1:], name="images")
        found = self(deployment.normalized(self, inputs))
        outputs = {
            name: keras.layers.Identity(name=name, dtype=tensor.dtype)(tensor)
            for name, tensor in found.items()
        }
        return deployment.wrapped(self, inputs, outputs)

    def deployable_facts(self):
        """Returns facts on the inputs and outputs of `deployable`, as a dict of JSON values."""
        return {
            "inputs": {"images": deployment.image_facts(self, "letterbox")},
            "outputs": {
                "boxes": {
                    "axes": ["batch", "detections", "edges"],
                    "meaning": "left, top, right, and bottom edge in pixels of the input, the best first",
                },
                "scores": {
                    "axes": ["batch", "detections"],
                    "meaning": f"probability, at least {self.score_threshold:g}; 0 where there is no box",
                },
                "classes": {
                    "axes": ["batch", "detections"],
                    "meaning": "position in `class_names`, -1 where there is no box",
                },
            },
        }
