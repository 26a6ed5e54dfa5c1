"""Faster R-CNN with a feature pyramid: proposals first, then a class and a better box for each."""

import keras

from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.detection.anchors import anchor_generator
from keras_cnn_zoo.models.detection.box_head import BoxHead
from keras_cnn_zoo.models.detection.detector import Detector
from keras_cnn_zoo.models.detection.features import PyramidFeatures, check_input_shape
from keras_cnn_zoo.models.detection.proposals import ProposalNetwork
from keras_cnn_zoo.utils import prototypes, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class FasterRCNN(Detector):
    """Two-stage detector: anchors become proposals, and each proposal gets a class and a better box.

    A ResNet with a `FeaturePyramid`. A head that all levels share scores the anchors. RoIAlign cuts out the
    features of the best `num_proposals` that do not overlap, and two dense layers classify them. Everything
    has a fixed shape, so training and inference compile. Compile it without a loss: it has its own, whose
    four parts are metrics. Slower than `RetinaNet`, and more accurate with few images.

    Reference:
        Ren, He, Girshick, Sun, "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
        Networks", 2015, arXiv 1506.01497; with Lin et al., "Feature Pyramid Networks for Object Detection",
        2016, arXiv 1612.03144, and RoIAlign of He et al., 2017, arXiv 1703.06870.

    Differs from the paper: a pyramid and RoIAlign, as in the second and third; both stages are trained
    together, and 256 proposals are kept by default instead of 1,000 or 2,000.

    Args:
        {num_classes}
        width: scales the channels of every stage, of the pyramid, and of the dense layers.
        backbone: name of a network, "resnet18" to "resnet200", or a functional model with a dict of levels,
            "P0" to "P5", one of each stride from 2**min_level on, in place of the ResNet; or None.
        min_level: the finest level of the pyramid, 2 (stride 4), 3, or 4. Level 2 costs three times as much
            as all others together and finds objects below about 30 pixels.
        pyramid_filters: channels of the pyramid, before `width`.
        head_units: units of the two dense layers, before `width`.
        {normalization}
        anchor_sizes: per level, the additional coarsest one included, the side of an anchor in pixels of the
            network's images, or several; None for 8 times the stride.
        {aspect_ratios}
        proposals_per_level: number of anchors that are considered on each level.
        num_proposals: number of proposals that the second stage gets.
        num_samples: number of proposals per image in the loss; at most a quarter of them are objects.
        {iou_threshold}
        seed: seed of the draw of anchors and proposals in the loss, or None.
        {class_names}

    {call}

    >>> from keras_cnn_zoo.models import FasterRCNN
    >>> model = FasterRCNN(3, input_shape=(64, 96, 3), width=0.125, max_detections=10)
    >>> print(model.output["boxes"].shape)
    (None, 10, 4)
    """

    head_names = ("class_logits", "class_deltas")
    loss_names = ("objectness_loss", "anchor_loss", "class_loss", "box_loss")

    def __init__(
        self,
        num_classes,
        *,
        input_shape=(512, 512, 3),
        variant="18",
        width=1.0,
        backbone=None,
        min_level=2,
        pyramid_filters=256,
        head_units=1024,
        normalization=None,
        anchor_sizes=None,
        aspect_ratios=(0.5, 1.0, 2.0),
        proposals_per_level=512,
        num_proposals=256,
        num_samples=128,
        iou_threshold=0.5,
        score_threshold=0.05,
        max_detections=100,
        seed=None,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        input_shape = check_input_shape(input_shape)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        validation.one_of("min_level", min_level, (2, 3, 4))
        pyramid_filters = validation.positive_integer("pyramid_filters", pyramid_filters)
        head_units = validation.positive_integer("head_units", head_units)
        normalization = prototypes.normalization("normalization", normalization)
        proposals_per_level = validation.positive_integer("proposals_per_level", proposals_per_level)
        num_proposals = validation.positive_integer("num_proposals", num_proposals)
        num_samples = validation.positive_integer("num_samples", num_samples)
        iou_threshold = validation.probability("iou_threshold", iou_threshold)
        score_threshold = validation.probability("score_threshold", score_threshold)
        max_detections = validation.positive_integer("max_detections", max_detections)
        seed = validation.integer("seed", seed, optional=True)
        self.check_class_names(num_classes, class_names)

        # === Parts ===
        filters = scaled(pyramid_filters, width)
        features = PyramidFeatures(
            backbone,
            input_shape=input_shape,
            variant=variant,
            width=width,
            min_level=min_level,
            filters=filters,
            extra_levels=1,
            extra="pooling",
            normalization=normalization,
        )
        strides = list(features.strides.values())
        default_sizes = [[8 * stride] for stride in strides]
        proposals = ProposalNetwork(
            filters,
            anchors=anchor_generator(anchor_sizes, aspect_ratios, strides=strides, default=default_sizes),
            image_size=input_shape[:2],
            per_level=proposals_per_level,
            num_proposals=num_proposals,
        )
        box_head = BoxHead(
            num_classes,
            scaled(head_units, width),
            strides=features.stage_strides,
            image_size=input_shape[:2],
            num_samples=num_samples,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            max_detections=max_detections,
        )

        # === Functional model ===
        inputs = keras.Input(input_shape)
        levels = features(inputs)
        boxes, valid = proposals.decode(levels, proposals(levels))
        outputs = box_head.decode(*box_head(levels, boxes), boxes, valid)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._wire(features, proposals)
        self.box_head = box_head
        self.seed_generator = keras.random.SeedGenerator(seed)

    def image_losses(self, levels, outputs, truth, training):
        generator = self.seed_generator if training else None
        first = self.anchor_head.loss(levels, outputs, truth, generator)
        boxes, valid = self.anchor_head.decode(levels, outputs)
        return *first, *self.box_head.loss(levels, truth, boxes, valid, generator)
