"""Layers that only detectors use: heads on every level of a pyramid, proposals, and features of boxes."""

import math

import keras
from keras import layers, ops

from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.ops.non_max_suppression import non_max_suppression
from keras_cnn_zoo.ops.roi_align import roi_align


class AnchorHead(layers.Layer):
    """Class logits and box deltas of every anchor, by convolutions that all levels share.

    Args:
        filters: channels of the hidden convolutions.
        anchors: anchors around each cell.
        classes: logits of each anchor.
        depth: number of hidden 3 x 3 convolutions.
        kernel_size: size of the convolutions that predict.
        shared: whether logits and deltas share the hidden convolutions.
        prior: what the probability of each class begins with.
        class_layer: name of the layer that gives the logits.
    """

    def __init__(
        self, filters, *, anchors, classes, depth, kernel_size, shared, prior, class_layer, **kwargs
    ):
        super().__init__(**kwargs)
        self.classes = classes
        towers = ["hidden"] if shared else ["class_hidden", "box_hidden"]
        self.towers = [
            [
                _convolution(filters, 3, f"{tower}_{index + 1}", activation="relu", dtype=self.dtype_policy)
                for index in range(depth)
            ]
            for tower in towers
        ]
        bias = keras.initializers.Constant(-math.log((1 - prior) / prior))
        self.logits = _convolution(
            anchors * classes, kernel_size, class_layer, bias_initializer=bias, dtype="float32"
        )
        self.deltas = _convolution(anchors * 4, kernel_size, "deltas", dtype="float32")

    def build(self, levels_shape):
        shape = next(iter(levels_shape.values()))
        hidden = shape
        for tower in self.towers:
            hidden = shape
            for layer in tower:
                layer.build(hidden)
                hidden = layer.compute_output_shape(hidden)
        self.logits.build(hidden)
        self.deltas.build(hidden)
        self.built = True

    def call(self, levels):
        logits, deltas = [], []
        for name in sorted(levels):
            ends = []
            for tower in self.towers:
                x = levels[name]
                for layer in tower:
                    x = layer(x)
                ends.append(x)
            batch = [-1, math.prod(levels[name].shape[1:3])]
            logits.append(ops.reshape(self.logits(ends[0]), self._rows(batch, self.logits, self.classes)))
            deltas.append(ops.reshape(self.deltas(ends[-1]), self._rows(batch, self.deltas, 4)))
        return {"logits": ops.concatenate(logits, axis=1), "deltas": ops.concatenate(deltas, axis=1)}

    @staticmethod
    def _rows(batch, layer, last):
        return [batch[0], batch[1] * layer.filters // last, last]

    def compute_output_shape(self, levels_shape):
        shapes = list(levels_shape.values())
        cells = sum(height * width for _, height, width, _ in shapes)
        total = cells * self.deltas.filters // 4
        return {"logits": (shapes[0][0], total, self.classes), "deltas": (shapes[0][0], total, 4)}

    def compute_output_spec(self, levels):
        shapes = self.compute_output_shape({name: level.shape for name, level in levels.items()})
        return {name: keras.KerasTensor(shape, dtype="float32") for name, shape in shapes.items()}


def _convolution(filters, kernel_size, name, **kwargs):
    return layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        data_format="channels_last",
        name=name,
        **kwargs,
    )


class TopCandidates(layers.Layer):
    """The best pairs of an anchor and a class on each level, decoded and clipped.

    Called with logits (batch, n, classes), deltas and anchors (batch, n, 4); gives boxes (batch, m, 4), and
    scores and classes (batch, m), level by level.
    """

    def __init__(self, counts, *, per_level, image_size, **kwargs):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self.counts = counts
        self.per_level = per_level
        self.image_size = image_size

    def kept(self, classes):
        """How many pairs of each level are kept."""
        return [min(self.per_level, count * classes) for count in self.counts]

    def call(self, logits, deltas, anchors):
        classes = logits.shape[-1]
        scores = ops.sigmoid(ops.cast(logits, "float32"))
        numbers = ops.concatenate([ops.cast(deltas, "float32"), ops.cast(anchors, "float32")], axis=-1)
        rows, best, names, start = [], [], [], 0
        for count, kept in zip(self.counts, self.kept(classes), strict=True):
            level = ops.reshape(scores[:, start : start + count], [-1, count * classes])
            values, pairs = ops.top_k(level, k=kept)
            pairs = ops.cast(pairs, "int32")
            rows.append(box_ops.take_rows(numbers, pairs // classes + start))
            best.append(values)
            names.append(pairs % classes)
            start += count
        rows, best, names = (ops.concatenate(parts, axis=1) for parts in (rows, best, names))
        boxes = box_ops.decode(rows[..., :4], rows[..., 4:])
        return box_ops.clip(boxes, *self.image_size), best, names

    def compute_output_spec(self, logits, deltas, anchors):
        shape = (logits.shape[0], sum(self.kept(logits.shape[-1])))
        return (
            keras.KerasTensor((*shape, 4), dtype="float32"),
            keras.KerasTensor(shape, dtype="float32"),
            keras.KerasTensor(shape, dtype="int32"),
        )


class Proposals(layers.Layer):
    """The boxes that the first stage passes on: the best of each level that do not overlap.

    Called with logits (batch, n, 1), deltas and anchors (batch, n, 4); gives boxes (batch, num_proposals, 4)
    and whether each is one, (batch, num_proposals). Nothing here has a gradient.
    """

    def __init__(self, counts, *, per_level, num_proposals, iou_threshold, image_size, **kwargs):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self.candidates = TopCandidates(counts, per_level=per_level, image_size=image_size)
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


class PairDetections(layers.Layer):
    """Detections from pairs of a box and a class: boxes (batch, n, 4), scores and classes (batch, n)."""

    def __init__(self, max_detections, *, iou_threshold, score_threshold, **kwargs):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self.max_detections = max_detections
        self.iou_threshold = iou_threshold
        self.score_threshold = score_threshold

    def call(self, boxes, scores, classes):
        indices, scores, valid = non_max_suppression(
            boxes,
            scores,
            classes,
            self.max_detections,
            iou_threshold=self.iou_threshold,
            score_threshold=self.score_threshold,
        )
        boxes, classes = box_ops.take_rows(boxes, indices), box_ops.take_rows(classes, indices)
        return {
            "boxes": ops.where(ops.expand_dims(valid, -1), boxes, ops.zeros_like(boxes)),
            "scores": scores,
            "classes": ops.where(valid, classes, -ops.ones_like(classes)),
        }

    def compute_output_spec(self, boxes, scores, classes):
        shape = (boxes.shape[0], self.max_detections)
        return {
            "boxes": keras.KerasTensor((*shape, 4), dtype="float32"),
            "scores": keras.KerasTensor(shape, dtype="float32"),
            "classes": keras.KerasTensor(shape, dtype="int32"),
        }


class PyramidAlign(layers.Layer):
    """RoIAlign from that level of a pyramid whose cells suit the size of the box.

    Level `4 + log2(sqrt(area) / 224)`, rounded down (Lin et al., 2016). Called with a dict of levels and
    boxes (batch, n, 4) in pixels; gives (batch, n, size * size * channels).
    """

    def __init__(self, size, strides, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.size = size
        self.strides = strides

    def call(self, levels, boxes):
        names = sorted(self.strides)
        maps = [ops.cast(levels[name], self.compute_dtype) for name in names]
        _, _, width, height = box_ops.centers_and_sizes(ops.cast(boxes, "float32"))
        area = ops.maximum(width * height, 1e-6)
        first = math.log2(self.strides[names[0]])
        place = ops.floor(4 - first + ops.log(ops.sqrt(area) / 224) / math.log(2))
        place = ops.clip(ops.cast(place, "int32"), 0, len(names) - 1)
        features = roi_align(
            maps,
            ops.cast(boxes, "float32"),
            [1 / self.strides[name] for name in names],
            output_size=(self.size, self.size),
            levels=place,
        )
        return ops.reshape(features, [-1, boxes.shape[1], self.size * self.size * maps[0].shape[-1]])

    def compute_output_shape(self, levels_shape, boxes_shape):
        channels = next(iter(levels_shape.values()))[-1]
        return (*boxes_shape[:2], self.size * self.size * channels)
