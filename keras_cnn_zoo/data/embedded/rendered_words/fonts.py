"""Typefaces to draw words with: families of the extra `text`, else those that matplotlib ships.

The extra pins one PyPI package per family (`fontpkg-NAME`), so that the fonts are the same everywhere. Each
has an open license (SIL OFL 1.1 or Apache 2.0).
"""

import dataclasses
import functools
import importlib.util
import os
import threading

import numpy as np

from keras_cnn_zoo.utils.errors import InputError

SIZE = 40
# The weights that a variable font is drawn in.
WEIGHTS = (300, 400, 550, 700, 900)
_FAMILIES = """
    abril_fatface alfa_slab_one anton archivo archivo_black arimo arvo baloo_2 barlow_condensed bebas_neue
    bitter black_ops_one bodoni_moda bungee cabin caveat changa_one cinzel comfortaa cormorant_garamond
    dancing_script dm_serif_display eb_garamond exo_2 fjalla_one fredoka gravitas_one great_vibes
    ibm_plex_mono indie_flower inter josefin_sans kalam kanit libre_baskerville lilita_one lobster lobster_two
    lora luckiest_guy marcellus merriweather montserrat noto_serif oleo_script open_sans orbitron oswald
    pacifico permanent_marker play playfair_display poppins quicksand raleway righteous roboto
    roboto_condensed roboto_slab rowdies rubik russo_one saira_condensed satisfy shadows_into_light
    source_code_pro teko titan_one unbounded viga yanone_kaffeesatz yellowtail zilla_slab
"""
FAMILIES = tuple(_FAMILIES.split())
_MATPLOTLIB = "DejaVuSans DejaVuSansMono DejaVuSerif STIXGeneral cmb10 cmr10 cmss10"


@dataclasses.dataclass(frozen=True)
class Glyph:
    """A drawn character: coverage uint8 (h, w), its offset from the pen, and the pen's advance."""

    coverage: np.ndarray
    left: int
    top: int
    advance: float


def installed():
    """Returns the font families, each a sorted tuple of files: those of the extra, else matplotlib's."""
    families = []
    for name in FAMILIES:
        spec = importlib.util.find_spec(f"fontpkg_{name}")
        if spec is not None:
            folder = os.path.join(os.path.dirname(spec.origin), "files")
            families.append(tuple(os.path.join(folder, file) for file in sorted(os.listdir(folder))))
    return tuple(families) or _of_matplotlib()


def _of_matplotlib():
    spec = importlib.util.find_spec("matplotlib")
    if spec is None:
        raise InputError("rendered words need fonts: install the extra `text`, or matplotlib for a few")
    folder = os.path.join(os.path.dirname(spec.origin), "mpl-data", "fonts", "ttf")
    files = sorted(os.listdir(folder))
    # The style follows the family's name. Files such as STIXNonUni have no letters.
    wanted = {family: [] for family in _MATPLOTLIB.split()}
    for file in files:
        stem = os.path.splitext(file)[0]
        family = stem.split("-")[0].removesuffix("BolIta").removesuffix("Bol").removesuffix("Italic")
        if family in wanted:
            wanted[family].append(os.path.join(folder, file))
    return tuple(tuple(found) for found in wanted.values() if found)


class Typeface:
    """One font file at one weight. Its characters are drawn once and cached.

    Args:
        path: the font file.
        weight: weight of a variable font; None for the default.
    """

    # Loader threads share the faces, and FreeType draws one character at a time.
    _lock = threading.Lock()

    def __init__(self, path, weight=None):
        self.path = path
        self.weight = weight
        self._glyphs = {}
        self._font = None

    def glyph(self, character):
        """Returns the `Glyph` of a character."""
        found = self._glyphs.get(character)
        if found is None:
            with self._lock:
                found = self._glyphs[character] = self._draw(character)
        return found

    def _draw(self, character):
        if self._font is None:
            self._font = self._open()
        # Joined letters overlap by their strokes, not by their boxes, so each letter is drawn separately.
        mask, (left, top) = self._font.getmask2(character, mode="L", anchor="ls")
        coverage = np.asarray(mask, dtype="uint8").reshape(mask.size[1], mask.size[0])
        return Glyph(coverage, int(left), int(top), float(self._font.getlength(character)))

    def _open(self):
        from PIL import ImageFont

        font = ImageFont.truetype(self.path, SIZE, layout_engine=ImageFont.Layout.BASIC)
        if self.weight is not None:
            axes = font.get_variation_axes()
            font.set_variation_by_axes([self._place(axis) for axis in axes])
        return font

    def _place(self, axis):
        if b"eight" not in axis["name"]:
            return axis["default"]
        return min(max(self.weight, axis["minimum"]), axis["maximum"])


@functools.cache
def typefaces(families):
    """Returns the families as tuples of `Typeface`. A variable font gives one for each of `WEIGHTS`."""
    from PIL import ImageFont

    def of(path):
        try:
            ImageFont.truetype(path, SIZE).get_variation_axes()
        except OSError:
            return [Typeface(path)]
        return [Typeface(path, weight) for weight in WEIGHTS]

    return tuple(tuple(face for path in family for face in of(path)) for family in families)
