"""RetinaNet: a class and a box straight from every anchor, trained by the focal loss."""

import keras
from keras import ops

from keras_cnn_zoo.layers import AnchorGenerator, FeaturePyramid
from keras_cnn_zoo.losses import box_iou
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.detection import building, targets
from keras_cnn_zoo.models.detection.detector import Detector
from keras_cnn_zoo.models.detection.detector_layers import AnchorHead, PairDetections, TopCandidates
from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.utils import prototypes, validation

LOSSES = ("class_loss", "box_loss")


class _Network:
    """The layers, and the stage that graph and loss share."""

    def __init__(self, backbone, **named):
        self.backbone = backbone
        self.__dict__.update(named)

    def first_stage(self, images, training=None):
        """Pyramid levels, and `logits` and `deltas` of all anchors."""
        mode = {} if training is None else {"training": training}
        stages = self.backbone(images, **mode)
        levels = self.pyramid({name: stages[name] for name in self.names}, **mode)
        return {**levels, **self.head(levels)}

    def all_anchors(self, first):
        return self.anchors({name: value for name, value in first.items() if name.startswith("P")})


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class RetinaNet(Detector):
    """One-stage detector: a small convolutional head on every level of a pyramid, for all anchors at once.

    A ResNet with a `FeaturePyramid` of five levels, nine anchors a cell, and two towers of convolutions, one
    for classes and one for boxes, that all levels share. The focal loss keeps the many easy anchors from
    drowning the few others. Everything has a fixed shape, so training and inference compile. Compile it
    without a loss: it has its own, whose two parts are metrics.

    Reference:
        Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection", 2017, arXiv 1708.02002.

    Differs from the paper: the losses are averaged over the pictures of a batch, each divided by its own
    number of matched anchors; every box has at least one anchor.

    Args:
        num_classes: number of classes, without background, a positive integer.
        input_shape: (height, width, channels) of the network's picture; others are scaled into it.
        variant: of the `ResNet`: "18", "34" or "50".
        width: scales the channels of every stage, of the pyramid and of the towers.
        backbone: a model that gives a dict of stages ("P3" to "P5"), in place of the ResNet; or None.
        pyramid_filters: channels of pyramid and towers, before `width`.
        tower_depth: hidden convolutions of each tower.
        normalization: "batch", a layer used as prototype in the pyramid, or None.
        anchor_sizes: for each of the five levels the sides of a square anchor in pixels of the network's
            picture; None for 4, 5.04 and 6.35 times the stride.
        aspect_ratios: heights over widths of the anchors.
        alpha: weight of positive against negative classes in the focal loss, in [0, 1].
        gamma: how much easy anchors are played down, at least 1.
        box_loss: "smooth_l1" on deltas, or "giou" on boxes.
        candidates_per_level: the best pairs of anchor and class of each level that are looked at.
        iou_threshold: overlap above which the worse of two detections of a class is dropped.
        score_threshold: probability below which a detection is dropped.
        max_detections: detections for each picture.
        class_names: names of the classes, or None.
        **kwargs: `name` and `trainable`.

    Call arguments:
        inputs: float tensor, pictures as `preprocess` returns them.
        training: True gives what the loss needs instead: pyramid levels, `logits` and `deltas` of anchors.

    Targets (`y` of `fit` and `evaluate`): dict of `boxes` (batch, n, 4), "xyxy" in pixels of the network's
    picture (`preprocess_boxes`), and `classes` (batch, n), -1 for padding.

    Input shape:
        (batch, height, width, channels).

    Output shape:
        Dict of `boxes` (batch, max_detections, 4), `scores` and `classes` (batch, max_detections), the best
        first, class -1 where there are no more.

    Raises:
        ValueError: for an unknown variant or a bad argument.

    >>> from keras_cnn_zoo.models import RetinaNet
    >>> model = RetinaNet(3, input_shape=(64, 96, 3), width=0.125, max_detections=10)
    >>> print(model.output["boxes"].shape)
    (None, 10, 4)
    """

    head_names = ("class_logits",)

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
        input_shape = building.check_input_shape(input_shape)
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
        class_names = self.check_class_names(num_classes, class_names)
        given = building.check_backbone(backbone)

        # === Functional model ===
        inputs = keras.Input(input_shape)
        backbone = given or building.resnet(input_shape, variant, width)
        strides = building.stage_strides(backbone, inputs, 3, last=5)
        extended = building.extended(strides, 2)
        default = [[4 * stride * 2 ** (third / 3) for third in range(3)] for stride in extended.values()]
        anchor_sizes, aspect_ratios = building.check_anchors(anchor_sizes, aspect_ratios, default)
        image_size = tuple(float(length) for length in input_shape[:2])
        anchors = AnchorGenerator(
            anchor_sizes,
            list(extended.values()),
            aspect_ratios=aspect_ratios,
            data_format="channels_last",
            dtype="float32",
            name="anchors",
        )
        per_cell = building.check_per_cell(anchors)
        filters = scaled(pyramid_filters, width)
        network = _Network(
            backbone,
            names=sorted(strides),
            pyramid=FeaturePyramid(
                filters,
                extra_levels=2,
                extra="convolution",
                normalization=normalization,
                data_format="channels_last",
                name="pyramid",
            ),
            head=AnchorHead(
                filters,
                anchors=per_cell,
                classes=num_classes,
                depth=tower_depth,
                kernel_size=3,
                shared=False,
                prior=0.01,
                class_layer="class_logits",
                name="head",
            ),
            anchors=anchors,
        )
        counts = building.anchor_counts(input_shape, extended.values(), per_cell)
        first = network.first_stage(inputs)
        boxes, scores, classes = TopCandidates(
            counts, per_level=candidates_per_level, image_size=image_size, name="candidates"
        )(first["logits"], first["deltas"], network.all_anchors(first))
        outputs = PairDetections(
            max_detections,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            name="detections",
        )(boxes, scores, classes)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.network = network
        self.loss_parts = [keras.metrics.Mean(name=name) for name in LOSSES]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of both parts, averaged over pictures; a `sample_weight` (batch,) weighs them."""
        first = y_pred if "deltas" in y_pred else self.network.first_stage(x, training=False)
        truth, classes, valid = building.truth_of(y)
        anchors = ops.stop_gradient(self.network.all_anchors(first))
        index, positive, negative = targets.match(
            truth, valid, anchors, positive=0.5, negative=0.4, keep_best=True
        )
        positive, negative = ops.cast(positive, "float32"), ops.cast(negative, "float32")
        count = ops.maximum(ops.sum(positive, axis=1), 1.0)
        names = ops.maximum(box_ops.take_rows(classes, index), 0)
        labels = ops.one_hot(names, self.num_classes, dtype="float32") * ops.expand_dims(positive, -1)
        focal = targets.focal_crossentropy(labels, first["logits"], alpha=self.alpha, gamma=self.gamma)
        focal = ops.sum(focal, axis=-1) * (positive + negative)
        wanted = box_ops.take_rows(truth, index)
        if self.box_loss == "giou":
            # Where an anchor matches nothing, the box stands in for itself: no gradient of an empty box.
            boxes = box_ops.decode(first["deltas"], anchors)
            distance = box_iou(ops.where(ops.expand_dims(positive, -1) > 0, wanted, anchors), boxes, "giou")
        else:
            distance = targets.smooth_l1(first["deltas"] - box_ops.encode(wanted, anchors), 1 / 9)
        parts = (ops.sum(focal, axis=1) / count, ops.sum(distance * positive, axis=1) / count)
        return building.total_loss(self, parts, sample_weight)
