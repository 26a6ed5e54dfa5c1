"""Faster R-CNN with a feature pyramid: proposals first, then a class and a better box for each."""

import keras
from keras import layers, ops

from keras_cnn_zoo.layers import AnchorGenerator, FeaturePyramid, NonMaxSuppression
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.detection import building, targets
from keras_cnn_zoo.models.detection.detector import Detector
from keras_cnn_zoo.models.detection.detector_layers import AnchorHead, Proposals, PyramidAlign
from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.utils import prototypes, validation

ANCHOR_SAMPLES = 256  # anchors that learn in each picture, at most half of them objects
BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of the second stage's deltas, whose spread they bring to about 1
LOSSES = ("objectness_loss", "anchor_loss", "class_loss", "box_loss")


class _Scores(layers.Layer):
    """Class probabilities without background, and the box of each class, of the proposals that are any."""

    def __init__(self, image_size, **kwargs):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self.image_size = image_size

    def call(self, logits, deltas, boxes, valid):
        scores = ops.softmax(logits, axis=-1)[..., 1:]
        scores = ops.where(ops.expand_dims(valid, -1), scores, ops.zeros_like(scores))
        deltas = ops.reshape(deltas, [-1, boxes.shape[1], logits.shape[-1], 4])[:, :, 1:]
        decoded = box_ops.decode(deltas, ops.expand_dims(boxes, 2), BOX_WEIGHTS)
        return box_ops.clip(decoded, *self.image_size), scores

    def compute_output_shape(self, logits_shape, deltas_shape, boxes_shape, valid_shape):
        shape = (*logits_shape[:2], logits_shape[-1] - 1)
        return (*shape, 4), shape


class _Network:
    """The layers, and the two stages as functions of them: what the graph and the loss share."""

    def __init__(self, backbone, **named):
        self.backbone = backbone
        self.__dict__.update(named)

    def first_stage(self, images, training=None):
        """Pyramid levels, and `logits` and `deltas` of all anchors."""
        mode = {} if training is None else {"training": training}
        stages = self.backbone(images, **mode)
        levels = self.pyramid({name: stages[name] for name in self.names}, **mode)
        return {**levels, **self.head(levels)}

    def levels(self, first):
        return {name: value for name, value in first.items() if name not in ("logits", "deltas")}

    def propose(self, first):
        return self.proposals(first["logits"], first["deltas"], self.anchors(self.levels(first)))

    def second_stage(self, first, boxes):
        """Class logits, background first, and the deltas of each class, of boxes (batch, n, 4)."""
        x = self.align({name: first[name] for name in self.names}, boxes)
        for layer in self.hidden:
            x = layer(x)
        return self.class_logits(x), self.class_deltas(x)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class FasterRCNN(Detector):
    """Two-stage detector: anchors become proposals, and the features under each proposal a class and a box.

    A ResNet with a `FeaturePyramid`; a head that all levels share scores the anchors; the best
    `num_proposals` that do not overlap are cut out by RoIAlign and classified by two dense layers. Everything
    has a fixed shape, so training and inference compile. Compile it without a loss: it has its own, whose
    four parts are metrics. Slower than `RetinaNet` for each box and exacter with few pictures.

    Reference:
        Ren, He, Girshick, Sun, "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
        Networks", 2015, arXiv 1506.01497; with Lin et al., "Feature Pyramid Networks for Object Detection",
        2016, arXiv 1612.03144, and RoIAlign of He et al., 2017, arXiv 1703.06870.

    Differs from the paper: a pyramid and RoIAlign, as in the second and third; both stages are trained
    together, and 256 proposals are kept by default instead of 1,000 or 2,000.

    Args:
        num_classes: number of classes without background, a positive integer.
        input_shape: (height, width, channels) of the network's picture; others are scaled into it.
        variant: of the `ResNet`: "18", "34" or "50".
        width: scales the channels of every stage, of the pyramid and of the dense layers.
        backbone: a model that gives a dict of stages ("P2" to "P5"), in place of the ResNet; or None.
        min_level: the finest level of the pyramid, 2 (stride 4), 3 or 4. Level 2 costs three times what all
            others do together and finds objects below about 30 pixels.
        pyramid_filters: channels of the pyramid, before `width`.
        head_units: units of the two dense layers, before `width`.
        normalization: "batch", a layer used as prototype in the pyramid, or None.
        anchor_sizes: for each level, the coarser one at the end included, the side of an anchor in pixels of
            the network's picture, or several; None for 8 times the stride.
        aspect_ratios: heights over widths of the anchors.
        proposals_per_level: the best anchors of each level that are looked at.
        num_proposals: proposals that go into the second stage.
        num_samples: proposals that learn in each picture, at most a quarter of them objects.
        iou_threshold: overlap above which the worse of two detections of a class is dropped.
        score_threshold: probability below which a detection is dropped.
        max_detections: detections for each picture.
        seed: seed of the draw of what learns, or None.
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

    >>> from keras_cnn_zoo.models import FasterRCNN
    >>> model = FasterRCNN(3, input_shape=(64, 96, 3), width=0.125, max_detections=10)
    >>> print(model.output["boxes"].shape)
    (None, 10, 4)
    """

    head_names = ("class_logits", "class_deltas")

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
        input_shape = building.check_input_shape(input_shape)
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
        class_names = self.check_class_names(num_classes, class_names)
        given = building.check_backbone(backbone)

        # === Functional model ===
        inputs = keras.Input(input_shape)
        backbone = given or building.resnet(input_shape, variant, width)
        strides = building.stage_strides(backbone, inputs, min_level, last=5)
        names = sorted(strides)
        extended = building.extended(strides, 1)
        anchor_sizes, aspect_ratios = building.check_anchors(
            anchor_sizes, aspect_ratios, [[8 * stride] for stride in extended.values()]
        )
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
        units = scaled(head_units, width)
        dense = {"kernel_initializer": "he_normal", "activation": "relu"}
        network = _Network(
            backbone,
            names=names,
            pyramid=FeaturePyramid(
                filters,
                extra_levels=1,
                normalization=normalization,
                data_format="channels_last",
                name="pyramid",
            ),
            head=AnchorHead(
                filters,
                anchors=per_cell,
                classes=1,
                depth=1,
                kernel_size=1,
                shared=True,
                prior=0.5,
                class_layer="objectness",
                name="proposal_head",
            ),
            anchors=anchors,
            proposals=Proposals(
                building.anchor_counts(input_shape, extended.values(), per_cell),
                per_level=proposals_per_level,
                num_proposals=num_proposals,
                iou_threshold=0.7,
                image_size=image_size,
                name="proposals",
            ),
            align=PyramidAlign(7, strides, name="align"),
            hidden=[layers.Dense(units, name=f"hidden_{index}", **dense) for index in (1, 2)],
            class_logits=building.predictor(num_classes + 1, 0.01, "class_logits"),
            class_deltas=building.predictor(4 * (num_classes + 1), 0.001, "class_deltas"),
        )
        first = network.first_stage(inputs)
        boxes, valid = network.propose(first)
        logits, deltas = network.second_stage(first, boxes)
        boxes, scores = _Scores(image_size, name="scores")(logits, deltas, boxes, valid)
        outputs = NonMaxSuppression(
            max_detections,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            dtype="float32",
            name="detections",
        )(boxes, scores)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.network = network
        self.loss_parts = [keras.metrics.Mean(name=name) for name in LOSSES]
        self.seed_generator = keras.random.SeedGenerator(seed)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of the four parts, averaged over pictures; a `sample_weight` (batch,) weighs them."""
        first = y_pred if "deltas" in y_pred else self.network.first_stage(x, training=False)
        truth, classes, valid = building.truth_of(y)
        parts = (
            *self._first_losses(first, truth, valid, training),
            *self._second_losses(first, truth, classes, valid, training),
        )
        return building.total_loss(self, parts, sample_weight)

    def _keys(self, count, training):
        """Numbers in [0, 1) that decide who learns: random in training, the same always in evaluation."""
        if training:
            return keras.random.uniform((1, count), seed=self.seed_generator)
        return building.spread_keys(count)

    def _first_losses(self, first, truth, valid, training):
        anchors = ops.stop_gradient(self.network.anchors(self.network.levels(first)))
        index, positive, negative = targets.match(
            truth, valid, anchors, positive=0.7, negative=0.3, keep_best=True
        )
        positive, negative = targets.draw(
            positive,
            negative,
            self._keys(anchors.shape[1], training),
            total=ANCHOR_SAMPLES,
            max_positive=ANCHOR_SAMPLES // 2,
        )
        labels = ops.cast(positive, "float32")
        drawn = labels + ops.cast(negative, "float32")
        objectness = targets.binary_crossentropy(labels, first["logits"][..., 0])
        wanted = box_ops.encode(box_ops.take_rows(truth, index), anchors)
        distance = targets.smooth_l1(first["deltas"] - wanted, 1 / 9)
        return targets.mean_over(objectness, drawn), targets.mean_over(distance * labels, drawn)

    def _second_losses(self, first, truth, classes, valid, training):
        boxes, proposed = self.network.propose(first)
        boxes = ops.stop_gradient(ops.concatenate([boxes, truth], axis=1))
        usable = ops.concatenate([proposed, valid], axis=1)
        index, positive, negative = targets.match(
            truth, valid, boxes, positive=0.5, negative=0.5, keep_best=False
        )
        total = min(self.num_samples, boxes.shape[1])
        keys = self._keys(boxes.shape[1], training)
        positive, negative = targets.draw(
            ops.logical_and(positive, usable),
            ops.logical_and(negative, usable),
            keys,
            total=total,
            max_positive=max(total // 4, 1),
        )
        places, drawn = targets.take_drawn(positive, negative, keys, total)
        drawn = ops.cast(drawn, "float32")
        boxes, index = box_ops.take_rows(boxes, places), box_ops.take_rows(index, places)
        is_object = box_ops.take_rows(ops.cast(positive, "int32"), places)
        # 0 is background; a padded class never gets here, but must not be out of range either.
        labels = is_object * ops.maximum(box_ops.take_rows(classes, index) + 1, 0)
        logits, deltas = self.network.second_stage(first, boxes)
        crossentropy = targets.crossentropy(labels, logits)
        wanted = box_ops.encode(box_ops.take_rows(truth, index), boxes, BOX_WEIGHTS)
        deltas = ops.reshape(deltas, [-1, total, self.num_classes + 1, 4])
        of_class = ops.expand_dims(ops.one_hot(labels, self.num_classes + 1, dtype="float32"), -1)
        distance = targets.smooth_l1(ops.sum(deltas * of_class, axis=2) - wanted, 1 / 9)
        objects = ops.cast(is_object, "float32")
        return targets.mean_over(crossentropy, drawn), targets.mean_over(distance * objects, drawn)
