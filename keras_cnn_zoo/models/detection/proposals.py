"""The first stage of a two-stage detector: which anchors contain an object of any class."""

import keras
from keras import layers, ops

from keras_cnn_zoo.models.detection import loss_terms, matching, sampling
from keras_cnn_zoo.models.detection.anchor_head import AnchorHead, TopCandidates
from keras_cnn_zoo.models.detection.anchors import anchor_counts
from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.ops.non_max_suppression import non_max_suppression

# Number of anchors per image in the loss; at most half of them are examples of objects.
NUM_SAMPLES = 256


class ProposalNetwork:
    """A head that scores and moves anchors, and the boxes that it proposes (Ren et al., 2015).

    A plain object: its layers belong to the detector's graph. Levels of a pyramid → `logits` and `deltas` of
    all anchors → the best `num_proposals` boxes.

    Args:
        filters: channels of the hidden convolution.
        anchors: an `AnchorGenerator`.
        image_size: (height, width) of the network's images.
        per_level: number of anchors that are considered on each level.
        num_proposals: number of boxes to propose.
    """

    def __init__(self, filters, *, anchors, image_size, per_level, num_proposals):
        self.anchors = anchors
        self.head = AnchorHead(
            filters,
            anchors_per_cell=anchors.anchors_per_cell[0],
            num_classes=1,
            depth=1,
            kernel_size=1,
            shared=True,
            prior=0.5,
            class_layer="objectness",
            name="proposal_head",
        )
        self.proposals = Proposals(
            anchor_counts(anchors, image_size),
            per_level=per_level,
            num_proposals=num_proposals,
            iou_threshold=0.7,
            image_size=tuple(float(length) for length in image_size),
            name="proposals",
        )

    def __call__(self, levels):
        return self.head(levels)

    def decode(self, levels, outputs):
        """Returns the proposed boxes (batch, num_proposals, 4), and which are not padding."""
        return self.proposals(outputs["logits"], outputs["deltas"], self.anchors(levels))

    def targets(self, truth, anchors, seed_generator):
        """Returns the box of each anchor, and as 0 or 1 whether it is an object and counts in the loss."""
        index, positive, negative = matching.match(truth, anchors, positive=0.7, negative=0.3, keep_best=True)
        positive, negative = sampling.draw(
            positive,
            negative,
            sampling.draw_keys(anchors.shape[1], seed_generator),
            total=NUM_SAMPLES,
            max_positive=NUM_SAMPLES // 2,
        )
        labels = ops.cast(positive, "float32")
        return box_ops.take_rows(truth.boxes, index), labels, labels + ops.cast(negative, "float32")

    def loss(self, levels, outputs, truth, seed_generator):
        """Returns the losses of objectness and deltas, each (batch,)."""
        anchors = ops.stop_gradient(self.anchors(levels))
        boxes, labels, drawn = self.targets(truth, anchors, seed_generator)
        objectness = ops.binary_crossentropy(labels, outputs["logits"][..., 0], from_logits=True)
        distance = loss_terms.delta_loss(outputs["deltas"], boxes, anchors)
        return sampling.mean_over(objectness, drawn), sampling.mean_over(distance * labels, drawn)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class Proposals(layers.Layer):
    """The boxes that the first stage proposes: the best of each level that do not overlap.

    Called with logits (batch, n, 1), deltas and anchors (batch, n, 4); returns boxes (batch, num_proposals,
    4), and which are not padding, (batch, num_proposals). Nothing here has a gradient.

    Args:
        counts: number of anchors of each level.
        per_level: number of anchors that are considered on each level.
        num_proposals: number of boxes to return.
        iou_threshold: overlap above which the worse of two boxes of a level is dropped.
        image_size: (height, width) to which boxes are clipped.
    """

    def __init__(
        self, counts, *, per_level, num_proposals, iou_threshold, image_size, dtype="float32", **kwargs
    ):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.candidates = TopCandidates(
            counts, per_level=per_level, image_size=image_size, dtype=self.dtype_policy, name="candidates"
        )
        self.num_proposals = num_proposals
        self.iou_threshold = iou_threshold

    def build(self, logits_shape, deltas_shape, anchors_shape):
        self.candidates.build(logits_shape)
        self.built = True

    def call(self, logits, deltas, anchors):
        logits, deltas = ops.stop_gradient(logits), ops.stop_gradient(deltas)
        boxes, scores, _ = self.candidates(logits, deltas, anchors)
        _, _, width, height = box_ops.centers_and_sizes(boxes)
        visible = ops.logical_and(width > 1e-2, height > 1e-2)
        scores = ops.where(visible, scores, ops.zeros_like(scores))
        levels = [number for number, kept in enumerate(self.candidates.kept(1)) for _ in range(kept)]
        levels = ops.cast(ops.zeros_like(scores), "int32") + ops.convert_to_tensor(levels, dtype="int32")
        indices, _, valid = non_max_suppression(
            boxes,
            scores,
            levels,
            self.num_proposals,
            iou_threshold=self.iou_threshold,
            score_threshold=0.0,
        )
        boxes = box_ops.take_rows(boxes, indices)
        return ops.where(ops.expand_dims(valid, -1), boxes, ops.zeros_like(boxes)), valid

    def compute_output_shape(self, logits_shape, deltas_shape, anchors_shape):
        return (logits_shape[0], self.num_proposals, 4), (logits_shape[0], self.num_proposals)

    def compute_output_spec(self, logits, deltas, anchors):
        boxes, valid = self.compute_output_shape(logits.shape, deltas.shape, anchors.shape)
        return keras.KerasTensor(boxes, dtype="float32"), keras.KerasTensor(valid, dtype="bool")

    def get_config(self):
        return {
            **super().get_config(),
            "counts": list(self.candidates.counts),
            "per_level": self.candidates.per_level,
            "num_proposals": self.num_proposals,
            "iou_threshold": self.iou_threshold,
            "image_size": list(self.candidates.image_size),
        }
