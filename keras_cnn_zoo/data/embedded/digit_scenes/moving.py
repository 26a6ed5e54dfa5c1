"""Short videos of digits that move over textured color scenes, with the box of one digit in every frame.

A frame is a function of the split's name, the sequence, and the time. NumPy's legacy generator, whose stream
never changes, draws a scene in a fixed order, and a frame is painted on access. The sequences of two splits
share no handwritten digit (see `glyphs.POOLS`).
"""

import collections.abc
import functools

import numpy as np

from keras_cnn_zoo.data.embedded.digit_scenes.glyphs import GLYPH_SIZE, POOLS, enlarge, load_glyphs

HEIGHT, WIDTH = 120, 160
FRAMES = 40
COUNTS = {"train": 160, "val": 12, "test": 20}
_SEEDS = {"train": 2_600_000, "val": 2_700_000, "test": 2_800_000}

# The background extends this far beyond the frame on each side.
_MARGIN = 24
_SIDES = (22.0, 46.0)
_MOST_OTHERS = 3
_CONTRAST = (50.0, 110.0)


class MovingScene(collections.abc.Sequence):
    """One sequence: its frames, painted on access, and the boxes of its target.

    Args:
        split: "train", "val", or "test".
        index: number of the sequence in the split.
    """

    # frame = window of the background (120 + 2 * 24, 160 + 2 * 24, 3) at the camera's position + light
    # -> each digit blended in by its coverage -> + noise -> uint8 (120, 160, 3)

    def __init__(self, split, index):
        self.seed = _SEEDS[split] + 1000 * index
        draw = np.random.RandomState(self.seed)
        self.name = f"{split}/{index}"
        self.colors = draw.uniform(60.0, 190.0, size=3)
        self.grids = [
            (strength, draw.uniform(-strength, strength, size=(points, points, 3)))
            for points, strength in ((4, 30.0), (9, 28.0), (24, 22.0))
        ]
        self.camera = [_wave(draw, _MARGIN - 1.0, periods=(30.0, 90.0)) for _ in range(2)]
        self.light = _wave(draw, draw.uniform(0.0, 25.0), periods=(25.0, 80.0))
        others = draw.randint(0, _MOST_OTHERS + 1)
        self.things = [_Thing(draw, split, self.colors) for _ in range(others + 1)]
        # Later digits cover earlier ones; the target may be any of them.
        self.target = draw.randint(len(self.things))

    def __len__(self):
        return FRAMES

    def __getitem__(self, time):
        if isinstance(time, slice):
            return [self[position] for position in range(FRAMES)[time]]
        time = range(FRAMES)[time]
        down, across = (int(round(_MARGIN + path[time])) for path in self.camera)
        frame = self._ground[down : down + HEIGHT, across : across + WIDTH] + np.float64(self.light[time])
        for thing in self.things:
            alpha, (top, left) = thing.look(time)
            window = frame[top : top + alpha.shape[0], left : left + alpha.shape[1]]
            window += alpha[..., None] * (thing.color + self.light[time] - window)
        noise = np.random.RandomState(self.seed + 1 + time).standard_normal((HEIGHT, WIDTH, 1))
        return np.rint(np.clip(frame + 5.0 * noise, 0.0, 255.0)).astype("uint8")

    @functools.cached_property
    def _ground(self):
        size = (HEIGHT + 2 * _MARGIN, WIDTH + 2 * _MARGIN)
        ground = np.zeros((*size, 3)) + self.colors
        for _, grid in self.grids:
            rows, columns = (_stretch(grid.shape[0], edge) for edge in size)
            ground += np.einsum("yi,xj,ijc->yxc", rows, columns, grid, optimize=True)
        return ground.astype("float32")

    @functools.cached_property
    def boxes(self):
        """float32 (FRAMES, 4): x, y, width, height of the target in pixels."""
        return np.stack([self.things[self.target].box(time) for time in range(FRAMES)])


class _Thing:
    """A digit with its color and its path through the scene."""

    def __init__(self, draw, split, ground):
        first, last = POOLS[split]
        self.glyph = draw.randint(first, last)
        contrast = draw.uniform(*_CONTRAST) * np.where(draw.uniform() < 0.5, -1.0, 1.0)
        if not 40.0 < ground.mean() + contrast < 215.0:
            contrast = -contrast
        self.color = np.clip(ground + contrast + draw.uniform(-45.0, 45.0, size=3), 0.0, 255.0)
        side = draw.uniform(*_SIDES)
        self.sides = np.round(side * np.exp(_wave(draw, draw.uniform(0.0, 0.35), periods=(30.0, 90.0))), 6)
        self.angles = np.round(draw.uniform(-0.3, 0.3) + _wave(draw, 0.35, periods=(25.0, 80.0)), 6)
        self.aspect = draw.uniform(0.85, 1.2)
        self.ways = []
        for edge in (HEIGHT, WIDTH):
            room = edge / 2.0 - 0.75 * self.sides.max()
            middle = draw.uniform(-room, room) * 0.6
            path = middle + _wave(draw, 0.7 * room, periods=(25.0, 70.0)) + _wave(draw, 2.0, (5.0, 12.0))
            self.ways.append(np.round(edge / 2.0 + np.clip(path, -room, room), 6))

    def look(self, time):
        """Returns the coverage in [0, 1] of a square part of the frame, and its (top, left)."""
        side = self.sides[time]
        reach = int(0.72 * side) + 1
        middle = [way[time] for way in self.ways]
        top, left = (int(np.clip(round(m) - reach, 0, None)) for m in middle)
        bottom = min(int(round(middle[0])) + reach, HEIGHT)
        right = min(int(round(middle[1])) + reach, WIDTH)
        scale = GLYPH_SIZE / side
        cosine, sine = (round(float(f(self.angles[time])), 9) for f in (np.cos, np.sin))
        down = (np.arange(top, bottom) + 0.5 - middle[0])[:, None] * scale
        across = (np.arange(left, right) + 0.5 - middle[1])[None, :] * scale
        rows = cosine * down - sine * across
        columns = self.aspect * (sine * down + cosine * across)
        ink = _sample(_large(self.glyph), rows + GLYPH_SIZE / 2.0 - 0.5, columns + GLYPH_SIZE / 2.0 - 0.5)
        return np.clip((ink - 0.25) / 0.3, 0.0, 1.0), (top, left)

    def box(self, time):
        alpha, (top, left) = self.look(time)
        rows = np.flatnonzero((alpha >= 0.5).any(axis=1))
        columns = np.flatnonzero((alpha >= 0.5).any(axis=0))
        size = (columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])
        return np.array([left + columns[0], top + rows[0], *size], dtype="float32")


@functools.lru_cache(maxsize=256)
def moving_scene(split, index):
    """Returns the sequence `index` of a split, a cached `MovingScene`."""
    return MovingScene(split, index)


def _wave(draw, height, periods):
    """Returns a smooth curve of FRAMES values within [-height, height]: two sines of random period."""
    time = np.arange(FRAMES)
    shares = draw.uniform(0.3, 0.7)
    total = np.zeros(FRAMES)
    for share in (shares, 1.0 - shares):
        total += share * np.sin(2.0 * np.pi * (time / draw.uniform(*periods) + draw.uniform()))
    return np.round(height * total, 6)


def _stretch(points, size):
    """Returns the linear interpolation of `points` to `size` values as a (size, points) matrix."""
    position = np.linspace(0.0, points - 1.0, size)
    return np.clip(1.0 - np.abs(position[:, None] - np.arange(points)), 0.0, 1.0)


@functools.lru_cache(maxsize=512)
def _large(glyph):
    ink, _ = load_glyphs()
    return np.pad(enlarge(ink[glyph : glyph + 1], GLYPH_SIZE)[0], 1)


def _sample(padded, rows, columns):
    """Samples a glyph that is padded by one bilinearly at real positions, with 0 outside."""
    rows, columns = (np.clip(places + 1.0, 0.0, GLYPH_SIZE + 0.999) for places in (rows, columns))
    top, left = rows.astype("int64"), columns.astype("int64")
    down, across = rows - top, columns - left
    upper = padded[top, left] * (1.0 - across) + padded[top, left + 1] * across
    lower = padded[top + 1, left] * (1.0 - across) + padded[top + 1, left + 1] * across
    return upper * (1.0 - down) + lower * down
