"""The second stage of a two-stage detector: a class and a better box for each proposal."""

import math

import keras
from keras import layers, ops

from keras_cnn_zoo.layers import NonMaxSuppression
from keras_cnn_zoo.models.detection import loss_terms, matching, sampling
from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.ops.roi_align import roi_align

# Weights of the deltas, which make their standard deviation about 1.
DELTA_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
# RoIAlign returns this many features along each side of a box.
POOL_SIZE = 7


class BoxHead:
    """RoIAlign, two dense layers, and for each box class logits and one box per class (Girshick, 2015).

    A plain object: its layers belong to the detector's graph. Levels of a pyramid and boxes → class logits,
    background first, and deltas per class → detections.

    Args:
        num_classes: number of classes without background.
        units: units of the dense layers.
        strides: dict from the name of a level to its stride in pixels.
        image_size: (height, width) of the network's images.
        num_samples: number of boxes per image in the loss; at most a quarter of them are objects.
        iou_threshold: overlap above which the worse of two detections of a class is dropped.
        score_threshold: probability below which a detection is dropped.
        max_detections: number of detections per image.
    """

    def __init__(
        self,
        num_classes,
        units,
        *,
        strides,
        image_size,
        num_samples,
        iou_threshold,
        score_threshold,
        max_detections,
    ):
        self.num_classes = num_classes
        self.strides = strides
        self.num_samples = num_samples
        self.align = PyramidAlign(POOL_SIZE, strides, name="align")
        self.hidden = [
            layers.Dense(units, kernel_initializer="he_normal", activation="relu", name=f"hidden_{index}")
            for index in (1, 2)
        ]
        self.class_logits = _predictor(num_classes + 1, 0.01, "class_logits")
        self.class_deltas = _predictor(4 * (num_classes + 1), 0.001, "class_deltas")
        self.scores = ClassScores(tuple(float(length) for length in image_size), name="scores")
        self.suppression = NonMaxSuppression(
            max_detections,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            dtype="float32",
            name="detections",
        )

    def __call__(self, levels, boxes):
        x = self.align({name: levels[name] for name in self.strides}, boxes)
        for layer in self.hidden:
            x = layer(x)
        return self.class_logits(x), self.class_deltas(x)

    def decode(self, logits, deltas, boxes, valid):
        """Returns the detections among boxes (batch, n, 4), of which `valid` (batch, n) are not padding."""
        return self.suppression(*self.scores(logits, deltas, boxes, valid))

    def targets(self, truth, boxes, valid, seed_generator):
        """Draws the boxes of the loss from the proposals and the true boxes.

        Returns:
            `(boxes, index, is_object, drawn)`: boxes (batch, num_samples, 4), and per box the index of its
            true box, and as 0 or 1 whether it is an object and whether it counts in the loss.
        """
        boxes = ops.stop_gradient(ops.concatenate([boxes, truth.boxes], axis=1))
        usable = ops.concatenate([valid, truth.valid], axis=1)
        index, positive, negative = matching.match(truth, boxes, positive=0.5, negative=0.5, keep_best=False)
        total = min(self.num_samples, boxes.shape[1])
        keys = sampling.draw_keys(boxes.shape[1], seed_generator)
        positive, negative = sampling.draw(
            ops.logical_and(positive, usable),
            ops.logical_and(negative, usable),
            keys,
            total=total,
            max_positive=max(total // 4, 1),
        )
        places, drawn = sampling.take_drawn(positive, negative, keys, total)
        is_object = box_ops.take_rows(ops.cast(positive, "int32"), places)
        return box_ops.take_rows(boxes, places), box_ops.take_rows(index, places), is_object, drawn

    def loss(self, levels, truth, boxes, valid, seed_generator):
        """Returns the losses of classes and boxes of the proposals `boxes`, each (batch,)."""
        boxes, index, is_object, drawn = self.targets(truth, boxes, valid, seed_generator)
        # 0 is background. No padded class is drawn, but none may be out of range either.
        labels = is_object * ops.maximum(box_ops.take_rows(truth.class_ids, index) + 1, 0)
        logits, deltas = self(levels, boxes)
        crossentropy = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        # Deltas (batch, n, 4 * classes) → (batch, n, classes, 4) → those of the true class (batch, n, 4).
        deltas = ops.reshape(deltas, [-1, boxes.shape[1], self.num_classes + 1, 4])
        of_class = ops.expand_dims(ops.one_hot(labels, self.num_classes + 1, dtype="float32"), -1)
        wanted = box_ops.take_rows(truth.boxes, index)
        distance = loss_terms.delta_loss(ops.sum(deltas * of_class, axis=2), wanted, boxes, DELTA_WEIGHTS)
        drawn, objects = ops.cast(drawn, "float32"), ops.cast(is_object, "float32")
        return sampling.mean_over(crossentropy, drawn), sampling.mean_over(distance * objects, drawn)


def _predictor(units, stddev, name):
    """Returns a dense layer that predicts, in float32 under any policy."""
    initializer = keras.initializers.RandomNormal(stddev=stddev)
    return layers.Dense(units, kernel_initializer=initializer, dtype="float32", name=name)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class PyramidAlign(layers.Layer):
    """RoIAlign from the level of a pyramid whose stride fits the size of the box.

    Level `4 + log2(sqrt(area) / 224)`, rounded down (Lin et al., 2016). Called with a dict of levels and
    boxes (batch, n, 4) in pixels; returns (batch, n, size * size * channels).

    Args:
        size: number of features along each side of a box.
        strides: dict from the name of a level to its stride in pixels.
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

    def get_config(self):
        return {**super().get_config(), "size": self.size, "strides": dict(self.strides)}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ClassScores(layers.Layer):
    """Boxes and probabilities of each class without background, from the outputs of a `BoxHead`.

    Called with logits (batch, n, classes + 1), deltas (batch, n, 4 * (classes + 1)), boxes (batch, n, 4) and
    which of them are not padding; returns boxes (batch, n, classes, 4) and scores (batch, n, classes).

    Args:
        image_size: (height, width) to which boxes are clipped.
    """

    def __init__(self, image_size, *, dtype="float32", **kwargs):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.image_size = image_size

    def call(self, logits, deltas, boxes, valid):
        scores = ops.softmax(logits, axis=-1)[..., 1:]
        scores = ops.where(ops.expand_dims(valid, -1), scores, ops.zeros_like(scores))
        deltas = ops.reshape(deltas, [-1, boxes.shape[1], logits.shape[-1], 4])[:, :, 1:]
        decoded = box_ops.decode(deltas, ops.expand_dims(boxes, 2), DELTA_WEIGHTS)
        return box_ops.clip(decoded, *self.image_size), scores

    def compute_output_shape(self, logits_shape, deltas_shape, boxes_shape, valid_shape):
        shape = (*logits_shape[:2], logits_shape[-1] - 1)
        return (*shape, 4), shape

    def get_config(self):
        return {**super().get_config(), "image_size": list(self.image_size)}
