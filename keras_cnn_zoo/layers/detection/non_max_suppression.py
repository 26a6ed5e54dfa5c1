"""Non-maximum suppression: keeps the best of overlapping boxes."""

import keras
from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.ops.non_max_suppression import non_max_suppression
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class NonMaxSuppression(keras.layers.Layer):
    """Non-maximum suppression of the boxes of each image, separately for each class.

    Every pair of a box and a class is a candidate. Each step keeps the candidate with the highest score above
    `score_threshold` and drops all candidates of its class that overlap it by more than `iou_threshold`. With
    `soft_sigma`, their scores are multiplied by `exp(-iou^2 / soft_sigma)` instead. The result is exact,
    shapes are fixed, and XLA can compile it; it takes `max_output_size` steps over all candidates. Gradients
    flow to the scores and boxes that are kept. A candidate whose score is NaN is never kept; a box with a NaN
    coordinate is kept by its score and overlaps nothing.

    Areas overflow: in float32, coordinates must be below 1e18, and sides below 1e-18 count as 0.

    Reference: Bodla, Singh, Chellappa, Davis, "Soft-NMS: Improving Object Detection With One Line of Code",
    2017, arXiv 1704.04503.

    Args:
        max_output_size: Number of boxes to return per image, a positive integer.
        iou_threshold: Overlap above which a box is dropped, in [0, 1]; not used with `soft_sigma`. Defaults
            to 0.5.
        score_threshold: Score that a box must exceed, at least 0. Defaults to 0.05.
        soft_sigma: Sigma of the soft variant, above 0, or None for the greedy variant. Defaults to None.
        bounding_box_format: Keras' name of the format of input and output boxes. Defaults to `"xyxy"`.
        **kwargs: `name`, `dtype`, ...; use `dtype="float32"` in a half-precision model, because half
            precision rounds scores to ties and coordinates above 256.

    Call arguments:
        boxes: Boxes, shared by all classes or one per class.
        scores: Scores per class, at least 0.

    Input shape:
        `(batch, n, 4)` or `(batch, n, classes, 4)`; and `(batch, n, classes)`.

    Output shape:
        Dict of `"boxes"` `(batch, max_output_size, 4)`, `"scores"` and `"classes"` `(batch,
        max_output_size)`, in descending order of score, padded with zeros and class -1.

    Raises:
        ValueError: for an argument outside its range, or inputs of other shapes.

    >>> layer = NonMaxSuppression(2, iou_threshold=0.5)
    >>> boxes = np.array([[[0.0, 0, 10, 10], [1, 0, 10, 10], [20, 20, 30, 30]]])
    >>> kept = layer(boxes, np.array([[[0.8], [0.9], [0.02]]]))
    >>> print(kept["boxes"].shape, [int(name) for name in kept["classes"][0]])
    (1, 2, 4) [0, -1]
    """

    def __init__(
        self,
        max_output_size,
        *,
        iou_threshold=0.5,
        score_threshold=0.05,
        soft_sigma=None,
        bounding_box_format="xyxy",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.max_output_size = validation.positive_integer("max_output_size", max_output_size)
        self.iou_threshold = validation.probability("iou_threshold", iou_threshold)
        self.score_threshold = validation.finite_number("score_threshold", score_threshold, minimum=0)
        if soft_sigma is not None:
            soft_sigma = validation.finite_number("soft_sigma", soft_sigma, above=0)
        self.soft_sigma = soft_sigma
        self.bounding_box_format = validation.one_of(
            "bounding_box_format", bounding_box_format, box_ops.FORMATS
        )

    def build(self, boxes_shape, scores_shape):
        self.compute_output_shape(boxes_shape, scores_shape)
        self.built = True

    def call(self, boxes, scores):
        # boxes (batch, n, 4) or (batch, n, classes, 4), scores (batch, n, classes)
        # -> candidates (batch, n * classes, 4), their scores and classes (batch, n * classes)
        # -> indices of the kept candidates (batch, max_output_size) -> their boxes, scores, classes
        dtype = at_least_float32(self.compute_dtype)
        classes = scores.shape[-1]
        given = ops.cast(boxes, dtype)
        if len(boxes.shape) == 3:
            # Broadcasts to (batch, n, classes, 4) without known sizes.
            repeated = ops.zeros_like(ops.cast(scores, dtype))
            given = ops.expand_dims(given, 2) + ops.expand_dims(repeated, -1)
        given = ops.reshape(given, (-1, _product(ops.shape(scores)[1:]), 4))
        scores = ops.cast(scores, dtype)
        numbers = ops.cast(ops.zeros_like(scores), "int32") + ops.arange(classes, dtype="int32")
        numbers = ops.reshape(numbers, (-1, _product(ops.shape(scores)[1:])))
        scores = ops.reshape(scores, (-1, _product(ops.shape(scores)[1:])))
        indices, kept, valid = non_max_suppression(
            box_ops.to_xyxy(given, self.bounding_box_format),
            scores,
            None if classes == 1 else numbers,
            self.max_output_size,
            iou_threshold=self.iou_threshold,
            score_threshold=self.score_threshold,
            soft_sigma=self.soft_sigma,
        )
        chosen = box_ops.take_rows(given, indices)
        chosen = ops.where(ops.expand_dims(valid, -1), chosen, ops.zeros_like(chosen))
        names = box_ops.take_rows(numbers, indices)
        return {
            "boxes": ops.cast(chosen, self.compute_dtype),
            "scores": ops.cast(kept, self.compute_dtype),
            "classes": ops.where(valid, names, -ops.ones_like(names)),
        }

    def compute_output_shape(self, boxes_shape, scores_shape):
        boxes, scores = tuple(boxes_shape), tuple(scores_shape)
        fits = len(boxes) in (3, 4) and len(scores) == 3 and boxes[-1] in (4, None)
        fits = fits and scores[-1] is not None
        pairs = zip(boxes[1:-1], scores[1:], strict=False)
        if not fits or any(one != other and None not in (one, other) for one, other in pairs):
            raise ValueError(
                "`NonMaxSuppression` takes boxes (batch, n, 4) or (batch, n, classes, 4) and scores (batch, "
                f"n, classes). Received: boxes_shape={boxes}, scores_shape={scores}"
            )
        kept = (scores[0], self.max_output_size)
        return {"boxes": (*kept, 4), "scores": kept, "classes": kept}

    def compute_output_spec(self, boxes, scores):
        shapes = self.compute_output_shape(boxes.shape, scores.shape)
        return {
            name: keras.KerasTensor(shape, dtype="int32" if name == "classes" else self.compute_dtype)
            for name, shape in shapes.items()
        }

    def get_config(self):
        return {
            **super().get_config(),
            "max_output_size": self.max_output_size,
            "iou_threshold": self.iou_threshold,
            "score_threshold": self.score_threshold,
            "soft_sigma": self.soft_sigma,
            "bounding_box_format": self.bounding_box_format,
        }


def _product(sizes):
    total = 1
    for size in sizes:
        total = total * size
    return total
