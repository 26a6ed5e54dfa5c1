"""The head of a one-stage detector: class scores and a box for every anchor, trained by the focal loss."""

import keras
from keras import layers, ops

from keras_cnn_zoo.losses import box_iou
from keras_cnn_zoo.models.detection import loss_terms, matching
from keras_cnn_zoo.models.detection.anchor_head import AnchorHead, TopCandidates
from keras_cnn_zoo.models.detection.anchors import anchor_counts
from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.ops.non_max_suppression import non_max_suppression


class RetinaHead:
    """One tower of convolutions for classes, one for boxes, and the focal loss (Lin et al., 2017).

    It is not a layer: its layers belong to the detector's graph. Levels of a pyramid → `logits` and `deltas`
    of all anchors → detections.

    Args:
        num_classes: number of classes without background.
        filters: channels of the towers.
        anchors: an `AnchorGenerator`.
        image_size: (height, width) of the network's images.
        depth: hidden convolutions of each tower.
        alpha: weight of positive classes in the focal loss, in [0, 1]; negative classes have 1 - alpha.
        gamma: exponent by which the focal loss reduces the weight of easy anchors.
        box_loss: "smooth_l1" on deltas, or "giou" on boxes.
        candidates_per_level: maximum number of pairs of an anchor and a class to keep on each level.
        iou_threshold: overlap above which the worse of two detections of a class is dropped.
        score_threshold: probability below which a detection is dropped.
        max_detections: number of detections per image.
    """

    def __init__(
        self,
        num_classes,
        filters,
        *,
        anchors,
        image_size,
        depth,
        alpha,
        gamma,
        box_loss,
        candidates_per_level,
        iou_threshold,
        score_threshold,
        max_detections,
    ):
        self.num_classes = num_classes
        self.alpha = alpha
        self.gamma = gamma
        self.box_loss = box_loss
        self.anchors = anchors
        self.head = AnchorHead(
            filters,
            anchors_per_cell=anchors.anchors_per_cell[0],
            num_classes=num_classes,
            depth=depth,
            kernel_size=3,
            shared=False,
            prior=0.01,
            class_layer="class_logits",
            name="head",
        )
        self.candidates = TopCandidates(
            anchor_counts(anchors, image_size),
            per_level=candidates_per_level,
            image_size=tuple(float(length) for length in image_size),
            name="candidates",
        )
        self.suppression = PairDetections(
            max_detections,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            name="detections",
        )

    def __call__(self, levels):
        return self.head(levels)

    def decode(self, levels, outputs):
        """Returns the detections in each image from the head's outputs."""
        pairs = self.candidates(outputs["logits"], outputs["deltas"], self.anchors(levels))
        return self.suppression(*pairs)

    def targets(self, truth, anchors):
        """Returns the box of each anchor, its classes (batch, n, classes), and two masks (batch, n).

        The masks are 1 for anchors that are examples of an object, and for examples of background.
        """
        index, positive, negative = matching.match(truth, anchors, positive=0.5, negative=0.4, keep_best=True)
        positive, negative = ops.cast(positive, "float32"), ops.cast(negative, "float32")
        class_ids = ops.maximum(box_ops.take_rows(truth.class_ids, index), 0)
        labels = ops.one_hot(class_ids, self.num_classes, dtype="float32") * ops.expand_dims(positive, -1)
        return box_ops.take_rows(truth.boxes, index), labels, positive, negative

    def loss(self, levels, outputs, truth):
        """Returns the losses of classes and boxes, each (batch,)."""
        anchors = ops.stop_gradient(self.anchors(levels))
        boxes, labels, positive, negative = self.targets(truth, anchors)
        count = ops.maximum(ops.sum(positive, axis=1), 1.0)
        focal = loss_terms.focal_crossentropy(labels, outputs["logits"], alpha=self.alpha, gamma=self.gamma)
        focal = ops.sum(focal, axis=-1) * (positive + negative)
        if self.box_loss == "giou":
            # An anchor without a match is compared with itself, because an empty box has no gradient.
            boxes = ops.where(ops.expand_dims(positive, -1) > 0, boxes, anchors)
            distance = box_iou(boxes, box_ops.decode(outputs["deltas"], anchors), "giou")
        else:
            distance = loss_terms.delta_loss(outputs["deltas"], boxes, anchors)
        return ops.sum(focal, axis=1) / count, ops.sum(distance * positive, axis=1) / count


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class PairDetections(layers.Layer):
    """Detections from pairs of a box and a class: boxes (batch, n, 4), scores and class ids (batch, n).

    Args:
        max_detections: number of detections per image.
        iou_threshold: overlap above which the worse of two detections of a class is dropped.
        score_threshold: probability below which a detection is dropped.
    """

    def __init__(self, max_detections, *, iou_threshold, score_threshold, dtype="float32", **kwargs):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.max_detections = max_detections
        self.iou_threshold = iou_threshold
        self.score_threshold = score_threshold

    def call(self, boxes, scores, class_ids):
        indices, scores, valid = non_max_suppression(
            boxes,
            scores,
            class_ids,
            self.max_detections,
            iou_threshold=self.iou_threshold,
            score_threshold=self.score_threshold,
        )
        boxes, class_ids = box_ops.take_rows(boxes, indices), box_ops.take_rows(class_ids, indices)
        return {
            "boxes": ops.where(ops.expand_dims(valid, -1), boxes, ops.zeros_like(boxes)),
            "scores": scores,
            "classes": ops.where(valid, class_ids, -ops.ones_like(class_ids)),
        }

    def compute_output_spec(self, boxes, scores, class_ids):
        shape = (boxes.shape[0], self.max_detections)
        return {
            "boxes": keras.KerasTensor((*shape, 4), dtype="float32"),
            "scores": keras.KerasTensor(shape, dtype="float32"),
            "classes": keras.KerasTensor(shape, dtype="int32"),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "max_detections": self.max_detections,
            "iou_threshold": self.iou_threshold,
            "score_threshold": self.score_threshold,
        }
