"""Layers for the anchors of a feature pyramid: prediction head, and selection of the best candidates."""

import math

import keras
from keras import layers, ops

from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.ops import boxes as box_ops


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class AnchorHead(CompositeLayer):
    """Convolutions that all levels share, for the class logits and box deltas of every anchor.

    Called with a dict of levels (batch, height, width, channels); returns a dict of `logits` (batch, n,
    num_classes) and `deltas` (batch, n, 4) of the anchors of all levels, in float32 under any policy.

    Args:
        filters: channels of the hidden convolutions.
        anchors_per_cell: number of anchors around each cell.
        num_classes: number of logits per anchor.
        depth: number of hidden 3 x 3 convolutions.
        kernel_size: size of the output convolutions.
        shared: whether logits and deltas share the hidden convolutions.
        prior: initial probability of each class.
        class_layer: name of the layer that returns the logits.
    """

    def __init__(
        self,
        filters,
        *,
        anchors_per_cell,
        num_classes,
        depth,
        kernel_size,
        shared,
        prior,
        class_layer,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.anchors_per_cell = anchors_per_cell
        self.num_classes = num_classes
        self.depth = depth
        self.kernel_size = kernel_size
        self.shared = shared
        self.prior = prior
        self.class_layer = class_layer
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
            anchors_per_cell * num_classes, kernel_size, class_layer, bias_initializer=bias, dtype="float32"
        )
        self.deltas = _convolution(anchors_per_cell * 4, kernel_size, "deltas", dtype="float32")

    def build_parts(self, levels_shape):
        hidden = next(iter(levels_shape.values()))
        for tower in self.towers:
            hidden = next(iter(levels_shape.values()))
            for layer in tower:
                layer.build(hidden)
                hidden = layer.compute_output_shape(hidden)
        self.logits.build(hidden)
        self.deltas.build(hidden)

    def call(self, levels):
        logits, deltas = [], []
        for name in sorted(levels):
            ends = []
            for tower in self.towers:
                x = levels[name]
                for layer in tower:
                    x = layer(x)
                ends.append(x)
            anchors = math.prod(levels[name].shape[1:3]) * self.anchors_per_cell
            logits.append(ops.reshape(self.logits(ends[0]), [-1, anchors, self.num_classes]))
            deltas.append(ops.reshape(self.deltas(ends[-1]), [-1, anchors, 4]))
        return {"logits": ops.concatenate(logits, axis=1), "deltas": ops.concatenate(deltas, axis=1)}

    def compute_output_shape(self, levels_shape):
        shapes = list(levels_shape.values())
        total = sum(height * width for _, height, width, _ in shapes) * self.anchors_per_cell
        return {"logits": (shapes[0][0], total, self.num_classes), "deltas": (shapes[0][0], total, 4)}

    def compute_output_spec(self, levels):
        shapes = self.compute_output_shape({name: level.shape for name, level in levels.items()})
        return {name: keras.KerasTensor(shape, dtype="float32") for name, shape in shapes.items()}

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "anchors_per_cell": self.anchors_per_cell,
            "num_classes": self.num_classes,
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "shared": self.shared,
            "prior": self.prior,
            "class_layer": self.class_layer,
        }


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


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class TopCandidates(layers.Layer):
    """The best pairs of an anchor and a class on each level, decoded and clipped.

    Called with logits (batch, n, classes), deltas (batch, n, 4), and anchors (batch, n, 4). Returns boxes
    (batch, m, 4), scores (batch, m), and class ids (batch, m), in the order of the levels.

    Args:
        counts: number of anchors of each level.
        per_level: maximum number of pairs to keep on each level.
        image_size: (height, width) to which boxes are clipped.
    """

    def __init__(self, counts, *, per_level, image_size, dtype="float32", **kwargs):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.counts = counts
        self.per_level = per_level
        self.image_size = image_size

    def kept(self, num_classes):
        """Returns the number of pairs that each level keeps."""
        return [min(self.per_level, count * num_classes) for count in self.counts]

    def call(self, logits, deltas, anchors):
        num_classes = logits.shape[-1]
        scores = ops.sigmoid(ops.cast(logits, "float32"))
        numbers = ops.concatenate([ops.cast(deltas, "float32"), ops.cast(anchors, "float32")], axis=-1)
        rows, best, class_ids, start = [], [], [], 0
        # Per level: scores (batch, anchors, classes) → pairs (batch, anchors * classes) → the best pairs.
        for count, kept in zip(self.counts, self.kept(num_classes), strict=True):
            level = ops.reshape(scores[:, start : start + count], [-1, count * num_classes])
            values, pairs = ops.top_k(level, k=kept)
            pairs = ops.cast(pairs, "int32")
            rows.append(box_ops.take_rows(numbers, pairs // num_classes + start))
            best.append(values)
            class_ids.append(pairs % num_classes)
            start += count
        rows, best, class_ids = (ops.concatenate(parts, axis=1) for parts in (rows, best, class_ids))
        boxes = box_ops.decode(rows[..., :4], rows[..., 4:])
        return box_ops.clip(boxes, *self.image_size), best, class_ids

    def compute_output_spec(self, logits, deltas, anchors):
        shape = (logits.shape[0], sum(self.kept(logits.shape[-1])))
        return (
            keras.KerasTensor((*shape, 4), dtype="float32"),
            keras.KerasTensor(shape, dtype="float32"),
            keras.KerasTensor(shape, dtype="int32"),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "counts": list(self.counts),
            "per_level": self.per_level,
            "image_size": list(self.image_size),
        }
