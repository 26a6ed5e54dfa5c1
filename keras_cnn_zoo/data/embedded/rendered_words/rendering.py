"""Renders a word as an image: letters in a line, shaded, on a background, in a poor photograph."""

import numpy as np

from keras_cnn_zoo.data.embedded.rendered_words import fonts
from keras_cnn_zoo.data.embedded.rendered_words.degradation import photograph
from keras_cnn_zoo.data.embedded.rendered_words.vocabulary import Vocabulary

# Margin around the letters, as a share of the type size, for the crop.
_ROOM = 0.6
# Share of the words that get a punctuation mark, as signs have. It does not count as text.
_MARKED = 0.12
_MARKS = ".,'!-:&$%/?\"()"


class RenderedWords:
    """Gray images of words, cropped tightly, similar to photographs of signs.

    Each word is a function of its seed, the alphabet, the given words, and the installed fonts (see `fonts`).
    Case, typeface, spacing, baseline, shades, outline, shadow, background, view, sharpness, noise, and
    compression are drawn at random. The text of an image is in the alphabet's case.

    Args:
        alphabet: characters that may occur, one string each. If the alphabet has only one case, letters are
            drawn in both.
        given: words to write often, such as those of the training data.
        size: (height, width) of the images.
        columns: number of columns of a CTC network that a word may need.
        families: tuple of tuples of font files, or None for those installed.
    """

    def __init__(self, alphabet, *, given=(), size=(32, 100), columns=24, families=None):
        self.vocabulary = Vocabulary(alphabet, given, columns)
        self.size = tuple(size)
        self.families = fonts.installed() if families is None else tuple(map(tuple, families))
        letters = [character for character in self.vocabulary.alphabet if character.isalpha()]
        self.any_case = all(letter.islower() for letter in letters)

    def __call__(self, count, seed):
        """Returns `count` examples `{"image": uint8 (height, width, 1), "text": str}`.

        Args:
            count: number of words.
            seed: sequence of non-negative integers; word i is a function of (seed, i).
        """
        return [self.example(np.random.default_rng((*seed, position))) for position in range(count)]

    def example(self, rng):
        """Returns one example, drawn by a `numpy.random.Generator`."""
        text = self.vocabulary.draw(rng)
        coverage = self._set(self._punctuated(self._cased(text, rng), rng), rng)
        scene, box = _painted(coverage, rng)
        return {"image": photograph(scene, box, self.size, rng)[..., None], "text": text}

    def _cased(self, text, rng):
        if not self.any_case:
            return text
        draw = rng.random()
        if draw < 0.45:
            return text.upper()
        if draw < 0.68:
            return text
        if draw < 0.95:
            return text.capitalize()
        upper = rng.random(len(text)) < 0.5
        return "".join(c.upper() if up else c for c, up in zip(text, upper, strict=True))

    def _punctuated(self, text, rng):
        """Returns the text to draw, sometimes with a mark that is not in the alphabet."""
        if rng.random() >= _MARKED:
            return text
        mark = _MARKS[int(rng.integers(len(_MARKS)))]
        place = int(rng.choice((0, len(text), int(rng.integers(len(text) + 1)))))
        return text if mark in self.vocabulary.alphabet else text[:place] + mark + text[place:]

    def _set(self, text, rng):
        """Returns the coverage of the letters, uint8 (h, w), without a margin.

        glyphs -> (left, top) of each from advance, tracking, bend, and jump -> their common box (h, w) ->
        maximum of the glyphs in it
        """
        family = fonts.typefaces(self.families)[int(rng.integers(len(self.families)))]
        face = family[int(rng.integers(len(family)))]
        glyphs = [face.glyph(character) for character in text]
        # Most words have the typeface's own spacing, some are tighter, some wider.
        tracking = 0.0 if rng.random() < 0.5 else rng.uniform(-0.06, 0.3) * fonts.SIZE
        bend = rng.uniform(-0.35, 0.35) * fonts.SIZE if rng.random() < 0.15 else 0.0
        jump = rng.uniform(0.0, 0.12) * fonts.SIZE if rng.random() < 0.1 else 0.0
        starts = np.concatenate([[0.0], np.cumsum([glyph.advance + tracking for glyph in glyphs[:-1]])])
        middle = (starts + 0.5 * np.array([glyph.advance for glyph in glyphs])) / max(
            starts[-1] + glyphs[-1].advance, 1.0
        )
        drops = bend * (2.0 * middle - 1.0) ** 2 + jump * rng.uniform(-1.0, 1.0, len(glyphs))
        lefts = [round(start) + glyph.left for start, glyph in zip(starts, glyphs, strict=True)]
        tops = [round(drop) + glyph.top for drop, glyph in zip(drops, glyphs, strict=True)]
        left, top = min(lefts), min(tops)
        right = max(x + glyph.coverage.shape[1] for x, glyph in zip(lefts, glyphs, strict=True))
        bottom = max(y + glyph.coverage.shape[0] for y, glyph in zip(tops, glyphs, strict=True))
        line = np.zeros((max(bottom - top, 1), max(right - left, 1)), dtype="uint8")
        for x, y, glyph in zip(lefts, tops, glyphs, strict=True):
            height, width = glyph.coverage.shape
            window = line[y - top : y - top + height, x - left : x - left + width]
            np.maximum(window, glyph.coverage, out=window)
        return line


def _painted(coverage, rng):
    """Returns a gray scene with the word, float32 (h, w), and the word's (left, top, right, bottom)."""
    height, width = coverage.shape
    room = int(_ROOM * max(height, 12)) + 4
    shape = (height + 2 * room, width + 2 * room)
    ink, ground = _shades(rng)
    scene = _texture(shape, ground, rng)
    alpha = np.zeros(shape, dtype="float32")
    alpha[room : room + height, room : room + width] = coverage
    alpha *= 1.0 / 255.0
    if rng.random() < 0.18:
        _clutter(scene, alpha, room, ground + rng.uniform(-90.0, 90.0), rng)
    effect = rng.random()
    if effect < 0.15:
        down, right = (int(shift) for shift in rng.integers(-3, 4, size=2))
        shadow = np.roll(alpha, (down, right), axis=(0, 1))
        shade = ground + rng.choice((-1.0, 1.0)) * rng.uniform(30.0, 110.0)
        _lay(scene, shadow * rng.uniform(0.4, 1.0), shade)
    elif effect < 0.3:
        _lay(scene, _thickened(alpha, int(rng.integers(1, 4))), _apart(ink, rng))
    if rng.random() < 0.3:
        ink = _texture(shape, ink, rng)
    scene += alpha * (ink - scene)
    return scene, (room, room, room + width, room + height)


def _shades(rng):
    """Returns different gray values for the ink and the background."""
    ground = rng.uniform(0.0, 255.0)
    contrast = 40.0 + 210.0 * rng.beta(1.4, 1.4)
    darker = rng.random() < ground / 255.0
    return float(np.clip(ground - contrast if darker else ground + contrast, 0.0, 255.0)), ground


def _apart(shade, rng):
    """Returns a dark value for a light shade, and the reverse."""
    return rng.uniform(0.0, 90.0) if shade > 127.0 else rng.uniform(165.0, 255.0)


def _lay(scene, alpha, shade):
    scene += alpha * (shade - scene)


def _texture(shape, level, rng):
    """Returns a surface of about `level`: plain, with a gradient, or with blotches."""
    surface = np.full(shape, level, dtype="float32")
    if rng.random() < 0.5:
        down, across = rng.normal(0.0, 18.0, size=2)
        surface += (down * np.linspace(-1.0, 1.0, shape[0], dtype="float32"))[:, None]
        surface += across * np.linspace(-1.0, 1.0, shape[1], dtype="float32")
    if rng.random() < 0.35:
        from PIL import Image

        grain = (int(rng.integers(2, 12)), int(rng.integers(2, 28)))
        blotches = rng.normal(0.0, rng.uniform(4.0, 26.0), size=grain).astype("float32")
        surface += np.asarray(Image.fromarray(blotches).resize(shape[::-1], Image.Resampling.BILINEAR))
    return surface


def _clutter(scene, alpha, room, shade, rng):
    """Draws clutter around the word: a rule, a frame, or a line of text above or below."""
    height, width = scene.shape
    kind = rng.integers(3)
    if kind == 0:
        thick = int(rng.integers(1, 4))
        row = room + int(rng.choice((-0.25, 1.1)) * (height - 2 * room))
        scene[max(row, 0) : max(row, 0) + thick] = shade
    elif kind == 1:
        column = int(rng.choice((room * 0.6, width - room * 0.6)))
        scene[:, column : column + int(rng.integers(1, 4))] = shade
    else:
        shift = int((1.15 + 0.2 * rng.random()) * (height - 2 * room)) * int(rng.choice((-1, 1)))
        _lay(scene, np.roll(alpha, (shift, int(rng.integers(width))), axis=(0, 1)), shade)


def _thickened(alpha, reach):
    """Returns the coverage grown by `reach` pixels, for an outline."""
    for _ in range(reach):
        grown = alpha.copy()
        np.maximum(grown[1:], alpha[:-1], out=grown[1:])
        np.maximum(grown[:-1], alpha[1:], out=grown[:-1])
        np.maximum(grown[:, 1:], alpha[:, :-1], out=grown[:, 1:])
        np.maximum(grown[:, :-1], alpha[:, 1:], out=grown[:, :-1])
        alpha = grown
    return alpha
