"""A tracker that follows a box from frame to frame with a network that is not trained on the video."""

import numpy as np

from keras_cnn_zoo.models.tracking.crops import crop
from keras_cnn_zoo.ops.host.pictures import checked_pixels
from keras_cnn_zoo.utils import validation

# Range of the object's size relative to its first size, as in the authors' code.
SMALLEST, LARGEST = 0.2, 5.0


class Tracker:
    """Tracker of one object: `start(frame, box)`, then `box = update(frame)` for every further frame.

    Each frame is searched around the last position at several scales, all in one batch. The responses are
    upsampled, and a cosine window that prefers small moves is added to that of the best scale. The peak of
    the sum is the new position. The size follows the best scale with damping. The exemplar always comes from
    the first frame.

    Reference:
        Bertinetto, Valmadre, Henriques, Vedaldi, Torr, "Fully-Convolutional Siamese Networks for Object
        Tracking", 2016, arXiv 1606.09549; the defaults are those of SiamFC-3S in the authors' code.

    Differs from the code: upsampling interpolates between the positions of the response, so that its center
    does not move. Scales are compared by the height of their peak above the lowest response, because a
    penalty factor below 1 would increase a negative logit. The center of the box never leaves the frame.

    Args:
        model: a `SiamFC`.
        scales: odd number of scales. The paper has 5 with a `scale_step` of 1.025.
        scale_step: factor from one scale to the next, above 1.
        scale_penalty: factor on the peaks of scales other than 1, in [0, 1].
        scale_damping: weight of the new size when the size is updated, in [0, 1].
        window_influence: weight of the cosine window in the sum with the response, in [0, 1].
        upsampling: number of upsampled steps per position of the response, a positive integer.
        context: margin around the box in the exemplar on each axis, in units of (width + height) / 2.
    """

    def __init__(
        self,
        model,
        *,
        scales=3,
        scale_step=1.0375,
        scale_penalty=0.9745,
        scale_damping=0.59,
        window_influence=0.176,
        upsampling=16,
        context=1.0,
    ):
        scales = validation.positive_integer("scales", scales)
        if scales % 2 == 0:
            validation.fail("scales", "an odd number", scales)
        scale_step = validation.finite_number("scale_step", scale_step, above=1)
        self.model = model
        self.scales = scale_step ** (np.arange(scales) - scales // 2)
        self.scale_penalty = validation.probability("scale_penalty", scale_penalty)
        self.scale_damping = validation.probability("scale_damping", scale_damping)
        self.window_influence = validation.probability("window_influence", window_influence)
        self.context = validation.finite_number("context", context, minimum=0)
        upsampling = validation.positive_integer("upsampling", upsampling)
        places = model.response_size
        self._upsample = upsampling_matrix(places, upsampling)
        self._step = model.stride / upsampling
        ring = np.hanning(len(self._upsample) + 2)[1:-1]
        self._window = np.outer(ring, ring) / ring.sum() ** 2
        self._features = None
        self._fill = self._center = self._size = self._first_size = None
        self.probability = None

    @property
    def box(self):
        """The box (x, y, width, height) in pixels of the frame, float64."""
        return np.concatenate([self._center - self._size / 2, self._size])

    def start(self, frame, box):
        """Sets the object to follow.

        Args:
            frame: uint8 array (height, width, channels).
            box: (x, y, width, height) in pixels.

        Raises:
            ValueError: for a box without area, or with its center outside the frame, and for a frame whose
                values are not from 0 to 255.
        """
        frame = self._as_frame(frame)
        box = np.asarray(box, dtype="float64")
        if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= 0).any():
            validation.fail("box", "x, y, width, and height, the last two above 0", box.tolist())
        self._center, self._size = box[:2] + box[2:] / 2, box[2:].copy()
        if (self._center < 0).any() or (self._center > frame.shape[1::-1]).any():
            size = f"{frame.shape[1]} x {frame.shape[0]}"
            validation.fail("box", f"with its center inside the frame of {size} pixels", box.tolist())
        self._first_size = self._size.copy()
        self._fill = frame.mean(axis=(0, 1)).astype("float32")
        exemplar = self._cut(frame, [exemplar_side(self._size, self.context)], self.model.exemplar_size)
        self._features = self.model.embed(exemplar)
        self.probability = 1.0

    def update(self, frame):
        """Returns the box in the next frame: (x, y, width, height) in pixels, float64."""
        # frame -> one square per scale around the last box (scales, edge, edge, c) -> logits
        # (scales, n, n, 1) -> upsampled responses (scales, m, m) -> best scale, plus cosine window (m, m)
        # -> peak -> box (4,)
        if self._features is None:
            raise ValueError("`start` must be called before `update`. Received: no box to follow")
        frame = self._as_frame(frame)
        edge = self.model.search_shape[0]
        side = exemplar_side(self._size, self.context) * edge / self.model.exemplar_size
        logits = self.model.respond(self._features, self._cut(frame, side * self.scales, edge))
        responses = self._upsample @ logits[..., 0].astype("float64") @ self._upsample.T
        peaks = responses.max(axis=(1, 2)) - responses.min()
        best = int(np.argmax(np.where(self.scales == 1, 1.0, self.scale_penalty) * peaks))
        self.probability = float(1 / (1 + np.exp(-responses[best].max())))
        response = responses[best] - responses[best].min()
        response /= max(response.sum(), 1e-12)
        mixed = (1 - self.window_influence) * response + self.window_influence * self._window
        peak = np.array(np.unravel_index(mixed.argmax(), mixed.shape)[::-1])
        move = (peak - len(self._upsample) // 2) * self._step * side * self.scales[best] / edge
        self._center = np.clip(self._center + move, 0, frame.shape[1::-1])
        size = self._size * (1 + self.scale_damping * (self.scales[best] - 1))
        # The aspect ratio of the box never changes, so one factor applies to both edges.
        factor = np.clip(size[0] / self._first_size[0], SMALLEST, LARGEST)
        self._size = self._first_size * factor
        return self.box

    def _as_frame(self, frame):
        frame = checked_pixels(frame, "frame")
        channels = self.model.search_shape[-1]
        if frame.ndim != 3 or frame.shape[-1] not in (1, channels):
            raise ValueError(
                f"`frame` must be (height, width, {channels}). Received: array of shape {frame.shape}"
            )
        return frame if frame.shape[-1] == channels else np.repeat(frame, channels, axis=-1)

    def _cut(self, frame, sides, edge):
        """Returns square windows of the given sides around the object, preprocessed for the network."""
        x, y = self._center
        cuts = [crop(frame, (y - side / 2, x - side / 2, side, side), edge, self._fill) for side in sides]
        return self.model.normalize(np.stack(cuts))


def exemplar_side(size, context=1.0):
    """Returns the edge of the square that contains a box of `size` (width, height) and its context.

    The square has the area of the box with a margin of `context` (width + height) / 2 added on each axis.
    """
    margin = context * (size[0] + size[1]) / 2
    return float(np.sqrt((size[0] + margin) * (size[1] + margin)))


def upsampling_matrix(places, factor):
    """Returns the matrix of Catmull-Rom interpolation of `places` points in `factor` steps per point."""
    position = np.arange((places - 1) * factor + 1) / factor
    distance = np.abs(position[:, None] - np.arange(-1, places + 1))
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    # The signal is mirrored beyond its ends, so that a constant stays constant.
    matrix = weights[:, 1:-1].copy()
    matrix[:, 0] += weights[:, 0]
    matrix[:, -1] += weights[:, -1]
    return matrix
