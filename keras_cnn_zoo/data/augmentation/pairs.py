"""Training pairs for Siamese trackers: an exemplar of an object, and a search image that contains it.

A pair comes from two frames of a sequence, or from one still image. The still image is moved, scaled,
rotated, blurred, and recolored, and the object may be put over another image. Every draw comes from a seed.
"""

import dataclasses
import functools

import numpy as np

# Range of the edge of a random box, as a share of the image's shorter edge. A still object larger than
# that leaves too little of the image to search in.
_BOX_SHARE = (0.1, 0.4)
_TRIES = 4
# A patch whose gray values have a standard deviation below this shows too little to be found again.
_FLAT = 12.0


@dataclasses.dataclass(frozen=True)
class Strengths:
    """Limits of the difference between a search image and its exemplar.

    Args:
        shift: largest move of the object from the center, as a share of what fits.
        scale: standard deviation of the logarithm of its size.
        stretch: standard deviation of the logarithm of its aspect ratio.
        turn: largest angle in degrees.
        color: largest relative change of brightness, contrast, and each color.
        blur: probability of a blurred search image. A blurred exemplar is half as likely.
        gray: probability of a pair without color.
        flip: probability of a mirrored pair.
        occlusion: probability that something covers a part of the object.
        transplant: probability that a still object is put over another image.
        frame_range: largest distance of two frames of a sequence.
        own_box: probability of using the annotated box of a still image instead of a random one.
    """

    shift: float = 0.7
    scale: float = 0.06
    stretch: float = 0.06
    turn: float = 10.0
    color: float = 0.25
    blur: float = 0.3
    gray: float = 0.15
    flip: float = 0.5
    occlusion: float = 0.15
    transplant: float = 0.4
    frame_range: int = 60
    own_box: float = 0.6

    def scaled(self, factor):
        """Returns strengths for a level of augmentation.

        `shift`, `frame_range`, and `own_box` stay: they decide what a tracker learns to follow. `flip` is at
        most what it was.

        Args:
            factor: factor of the others; probabilities are at most 1.
        """
        if factor == 1:
            return self
        changed = {name: factor * getattr(self, name) for name in ("scale", "stretch", "turn", "color")}
        for name in ("blur", "gray", "occlusion", "transplant"):
            changed[name] = min(1.0, factor * getattr(self, name))
        return dataclasses.replace(self, flip=min(1.0, factor) * self.flip, **changed)


class PairMaker:
    """A maker of pairs of an exemplar and a search image.

    Args:
        exemplar_size: edge of the exemplar in pixels.
        search_size: edge of the search image in pixels.
        context: margin around the box in the exemplar, see `models.tracking.Tracker`.
        strengths: a `Strengths`.
    """

    def __init__(self, exemplar_size, search_size, *, context=1.0, strengths=None):
        self.exemplar_size = exemplar_size
        self.search_size = search_size
        self.context = context
        self.strengths = Strengths() if strengths is None else strengths

    def __call__(self, example, rng, other=None):
        """Returns one pair.

        Args:
            example: a tracking example: `frames`, and `boxes` (x, y, width, height), NaN if unknown. One
                frame is a still image, which may have `candidates`, further boxes to choose from.
            rng: `numpy.random.Generator`, the only source of randomness.
            other: uint8 image to put still objects over and to cover objects with, or None.

        Returns:
            exemplar and search image as uint8 arrays (size, size, 3), and (right, down): the offset of the
            object's center from the center of the search image, in its pixels.
        """
        # frames, boxes -> two images with one box each -> exemplar (square around the first box) and search
        # image (larger square around the second, its object changed) -> recolored arrays and the shift
        from PIL import Image

        first, first_box, second, second_box = self._choose(example, rng)
        still = first is second
        flip = rng.random() < self.strengths.flip
        gray = rng.random() < self.strengths.gray
        exemplar_view = View(first, first_box, self.exemplar_size, self.exemplar_size, self.context)
        exemplar = exemplar_view.cut(
            first, shift=rng.uniform(-0.02, 0.02, size=2) * self.exemplar_size, flip=flip
        )
        search_view = View(second, second_box, self.search_size, self.exemplar_size, self.context)
        reach = self.strengths.shift * (self.search_size - self.exemplar_size) / 2
        shift = rng.uniform(-reach, reach, size=2)
        change = {
            "shift": shift,
            "scale": float(np.exp(np.clip(rng.normal(), -2, 2) * self.strengths.scale)),
            "stretch": float(np.exp(np.clip(rng.normal(), -2, 2) * self.strengths.stretch)),
            "turn": rng.uniform(-self.strengths.turn, self.strengths.turn),
            "flip": flip,
        }
        search = search_view.cut(second, **change)
        other = None if other is None else as_image(other)
        if still and other is not None and rng.random() < self.strengths.transplant:
            mask = search_view.cut_mask(**change)
            search = Image.composite(search, _anywhere(other, self.search_size, rng), mask)
        if rng.random() < self.strengths.occlusion:
            self._cover(search, other or second, search_view, shift, rng)
        exemplar = self._recolor(exemplar, rng, gray, self.strengths.blur / 2)
        search = self._recolor(search, rng, gray, self.strengths.blur)
        return np.asarray(exemplar), np.asarray(search), shift

    def _choose(self, example, rng):
        """Returns two images with one box each: the same image twice for a still."""
        frames, boxes = example["frames"], np.asarray(example["boxes"], dtype="float64")
        present = np.flatnonzero(has_target(boxes))
        if len(frames) > 1 and len(present) > 1:
            start = int(rng.choice(present))
            near = present[np.abs(present - start) <= self.strengths.frame_range]
            stop = int(rng.choice(near[near != start])) if len(near) > 1 else start
            if stop != start:
                return as_image(frames[start]), boxes[start], as_image(frames[stop]), boxes[stop]
            picture = as_image(frames[start])
            return picture, boxes[start], picture, boxes[start]
        picture = as_image(frames[0])
        candidates = np.asarray(example.get("candidates", boxes[:1]), dtype="float64")
        edges = np.sqrt(np.nan_to_num(candidates[:, 2:]).prod(axis=1))
        usable = has_target(candidates) & (edges <= _BOX_SHARE[1] * min(picture.size))
        if usable.any() and rng.random() < self.strengths.own_box:
            box = candidates[rng.choice(np.flatnonzero(usable))]
        else:
            box = random_box(picture, rng)
        return picture, box, picture, box

    def _cover(self, search, other, view, shift, rng):
        """Covers one side of the object with a part of another image."""
        size = view.box_size
        width, height = (max(4, int(edge * rng.uniform(0.25, 0.6))) for edge in size)
        x, y = self.search_size / 2 + shift + rng.choice([-1, 1], size=2) * size * rng.uniform(0.25, 0.5)
        patch = _anywhere(other, max(width, height), rng).crop((0, 0, width, height))
        search.paste(patch, (int(x - width / 2), int(y - height / 2)))

    def _recolor(self, image, rng, gray, blur):
        """Blurs at random, then changes brightness, contrast, and colors through one lookup table."""
        from PIL import ImageFilter

        if rng.random() < blur:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
        if gray:
            image = image.convert("L").convert("RGB")
        strength = self.strengths.color
        gains = (1 + rng.uniform(-strength, strength)) * np.ones(3)
        lift = 80 * rng.uniform(-strength, strength)
        if not gray:
            gains = gains * (1 + 0.4 * rng.uniform(-strength, strength, size=3))
        table = np.clip((np.arange(256) - 128) * gains[:, None] + 128 + lift, 0, 255)
        return image.point(table.round().astype("uint8").ravel().tolist())


class View:
    """Square crops around a box of an image, at the scale of a tracker's input.

    Args:
        image: Pillow image in RGB.
        box: (x, y, width, height) in its pixels.
        size: edge of the crop in pixels.
        exemplar_size: edge of the box with its context after scaling.
        context: margin around the box, see `models.tracking.Tracker`.
    """

    def __init__(self, image, box, size, exemplar_size, context):
        margin = context * (box[2] + box[3]) / 2
        self.size = size
        self.unit = float(np.sqrt((box[2] + margin) * (box[3] + margin))) / exemplar_size
        self.center = np.asarray(box[:2], "float64") + np.asarray(box[2:], "float64") / 2
        self.box_size = np.asarray(box[2:], "float64") / self.unit
        self.fill = image.resize((1, 1), 4).getpixel((0, 0))

    def cut(self, image, **change):
        """Returns the crop, its object changed as in `inverse`. Beyond the image it has the mean color."""
        matrix = self.inverse(**change)
        factor = int(self.unit)
        if factor >= 2:
            image = image.reduce(factor)
            matrix = [value / factor for value in matrix]
        return image.transform((self.size, self.size), 0, matrix, resample=2, fillcolor=self.fill)

    def cut_mask(self, **change):
        """Returns the mask of the object in that crop: a soft ellipse, 255 inside."""
        from PIL import Image

        matrix = self.inverse(**change)
        # Map pixels of the image to pixels of the ellipse, which fills an image.
        edge = _ellipse().width
        ratio = edge / (self.box_size * self.unit)
        rows = np.array(matrix).reshape(2, 3)
        rows[:, 2] -= self.center
        rows = rows * ratio[:, None]
        rows[:, 2] += edge / 2
        return _ellipse().transform(
            (self.size, self.size), Image.Transform.AFFINE, rows.ravel().tolist(), resample=2, fillcolor=0
        )

    def inverse(self, shift=(0, 0), scale=1.0, stretch=1.0, turn=0.0, flip=False):
        """Returns the six numbers of the affine map from the crop to the image.

        Args:
            shift: (right, down) of the object from the center, in pixels of the crop.
            scale: magnification of the object.
            stretch: factor of its aspect ratio: the width is multiplied by its root, the height divided.
            turn: clockwise rotation in degrees.
            flip: whether to mirror it.
        """
        angle = np.deg2rad(turn)
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = np.array([[cosine, sine], [-sine, cosine]])
        sizes = np.array([1 / np.sqrt(stretch) * (-1 if flip else 1), np.sqrt(stretch)])
        linear = sizes[:, None] * turned * self.unit / scale
        constant = self.center - linear @ (self.size / 2 + np.asarray(shift, "float64"))
        return [*linear[0], constant[0], *linear[1], constant[1]]


def has_target(boxes):
    """Returns which boxes (..., 4), as x, y, width, height, are finite and have an area."""
    boxes = np.asarray(boxes, dtype="float64")
    return np.isfinite(boxes).all(axis=-1) & (np.nan_to_num(boxes[..., 2:]) > 0).all(axis=-1)


def random_box(image, rng):
    """Returns a random box in a Pillow image, in a few tries the one with the most contrast."""
    best, most = None, -1.0
    width, height = image.size
    for _ in range(_TRIES):
        edge = np.exp(rng.uniform(*np.log(_BOX_SHARE))) * min(width, height)
        aspect = np.exp(np.clip(rng.normal(), -2, 2) * 0.3)
        size = np.maximum(np.minimum([edge * aspect, edge / aspect], [0.9 * width, 0.9 * height]), 2)
        place = rng.uniform(size=2) * ([width, height] - size)
        patch = image.resize((8, 8), 4, box=(*place, *(place + size)))
        contrast = float(np.asarray(patch.convert("L"), dtype="float32").std())
        if contrast > most:
            best, most = np.concatenate([place, size]), contrast
        if contrast >= _FLAT:
            break
    return best


def as_image(frame):
    """Returns a uint8 array (height, width, 1 or 3) as a Pillow image in RGB."""
    from PIL import Image

    frame = np.asarray(frame)
    if frame.shape[-1] == 1:
        return Image.fromarray(frame[..., 0]).convert("RGB")
    return Image.fromarray(np.ascontiguousarray(frame[..., :3]))


def _anywhere(image, size, rng):
    """Returns a random square crop of an image, resized to (size, size)."""
    width, height = image.size
    edge = min(width, height) * rng.uniform(0.4, 1.0)
    x, y = rng.uniform(size=2) * (np.array([width, height]) - edge)
    return image.resize((size, size), 2, box=(x, y, x + edge, y + edge))


@functools.lru_cache(maxsize=1)
def _ellipse(edge=64):
    """Returns a soft ellipse that fills a square image."""
    from PIL import Image

    ramp = (np.arange(edge) + 0.5) / edge * 2 - 1
    radius = np.sqrt(ramp[:, None] ** 2 + ramp**2)
    return Image.fromarray((255 * np.clip((1.0 - radius) / 0.15, 0, 1)).astype("uint8"))
