"""RetinaNet: a class and a box straight from every anchor, trained by the focal loss."""

import keras

from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.detection.anchors import anchor_generator
from keras_cnn_zoo.models.detection.detector import Detector
from keras_cnn_zoo.models.detection.features import PyramidFeatures, check_input_shape
from keras_cnn_zoo.models.detection.retina_head import RetinaHead
from keras_cnn_zoo.utils import prototypes, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class RetinaNet(Detector):
    """One-stage detector: a small convolutional head on every level of a pyramid, for all anchors at once.

    A ResNet with a `FeaturePyramid` of five levels, nine anchors per cell, and two towers of convolutions,
    one for classes and one for boxes, that all levels share. The focal loss keeps the many easy anchors from
    outweighing the few others. Everything has a fixed shape, so training and inference compile. Compile it
    without a loss: it has its own, whose two parts are metrics.

    Reference:
        Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection", 2017, arXiv 1708.02002.

    Differs from the paper: the losses are averaged over the images of a batch, each divided by its own
    number of matched anchors; every box has at least one anchor.

    Args:
        {num_classes}
        width: scales the channels of every stage, of the pyramid, and of the towers.
        backbone: name of a network, "resnet18" to "resnet200", or a functional model with a dict of levels,
            "P0" to "P5", one of each stride from 8 on, in place of the ResNet; or None.
        pyramid_filters: channels of pyramid and towers, before `width`.
        tower_depth: hidden convolutions of each tower.
        {normalization}
        anchor_sizes: per level, five of them, the sides of a square anchor in pixels of the network's
            images; None for 4, 5.04, and 6.35 times the stride.
        {aspect_ratios}
        alpha: weight of positive against negative classes in the focal loss, in [0, 1].
        gamma: exponent by which the focal loss reduces the weight of easy anchors, at least 1.
        box_loss: "smooth_l1" on deltas, or "giou" on boxes.
        candidates_per_level: number of pairs of an anchor and a class that are considered on each level.
        {iou_threshold}
        {class_names}

    {call}

    >>> from keras_cnn_zoo.models import RetinaNet
    >>> model = RetinaNet(3, input_shape=(64, 96, 3), width=0.125, max_detections=10)
    >>> print(model.output["boxes"].shape)
    (None, 10, 4)
    """

    head_names = ("class_logits",)
    loss_names = ("class_loss", "box_loss")

    def __init__(
        self,
        num_classes,
        *,
        input_shape=(512, 512, 3),
        variant="18",
        width=1.0,
        backbone=None,
        pyramid_filters=256,
        tower_depth=4,
        normalization=None,
        anchor_sizes=None,
        aspect_ratios=(0.5, 1.0, 2.0),
        alpha=0.25,
        gamma=2.0,
        box_loss="smooth_l1",
        candidates_per_level=512,
        iou_threshold=0.5,
        score_threshold=0.05,
        max_detections=100,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        input_shape = check_input_shape(input_shape)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        pyramid_filters = validation.positive_integer("pyramid_filters", pyramid_filters)
        tower_depth = validation.positive_integer("tower_depth", tower_depth)
        normalization = prototypes.normalization("normalization", normalization)
        alpha = validation.probability("alpha", alpha)
        gamma = validation.finite_number("gamma", gamma, minimum=1)
        validation.one_of("box_loss", box_loss, ("smooth_l1", "giou"))
        candidates_per_level = validation.positive_integer("candidates_per_level", candidates_per_level)
        iou_threshold = validation.probability("iou_threshold", iou_threshold)
        score_threshold = validation.probability("score_threshold", score_threshold)
        max_detections = validation.positive_integer("max_detections", max_detections)
        self.check_class_names(num_classes, class_names)

        # === Parts ===
        filters = scaled(pyramid_filters, width)
        features = PyramidFeatures(
            backbone,
            input_shape=input_shape,
            variant=variant,
            width=width,
            min_level=3,
            filters=filters,
            extra_levels=2,
            extra="convolution",
            normalization=normalization,
        )
        strides = list(features.strides.values())
        default_sizes = [[4 * stride * 2 ** (third / 3) for third in range(3)] for stride in strides]
        head = RetinaHead(
            num_classes,
            filters,
            anchors=anchor_generator(anchor_sizes, aspect_ratios, strides=strides, default=default_sizes),
            image_size=input_shape[:2],
            depth=tower_depth,
            alpha=alpha,
            gamma=gamma,
            box_loss=box_loss,
            candidates_per_level=candidates_per_level,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            max_detections=max_detections,
        )

        # === Functional model ===
        inputs = keras.Input(input_shape)
        levels = features(inputs)
        outputs = head.decode(levels, head(levels))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._wire(features, head)

    def image_losses(self, levels, outputs, truth, training):
        return self.anchor_head.loss(levels, outputs, truth)
