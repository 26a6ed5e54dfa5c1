import os

import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.rendered_words import fonts
from keras_cnn_zoo.utils.errors import InputError

pytest.importorskip("PIL")
pytest.importorskip("matplotlib")


def test_families_of_matplotlib_are_the_fallback(monkeypatch):
    monkeypatch.setattr(fonts, "FAMILIES", ())
    families = fonts.installed()
    stems = {os.path.basename(path).split(".")[0] for family in families for path in family}
    assert {"DejaVuSans-Bold", "DejaVuSerif", "STIXGeneral", "cmr10"} <= stems
    assert len(families) == 7 and all(os.path.isfile(path) for family in families for path in family)


def test_families_of_the_extra_are_found_by_package(monkeypatch):
    pytest.importorskip("fontpkg_lobster")
    monkeypatch.setattr(fonts, "FAMILIES", ("lobster", "a_family_nobody_has"))
    (family,) = fonts.installed()
    assert [os.path.basename(path) for path in family] == ["Lobster-Regular.ttf"]


def test_missing_fonts_are_an_error(monkeypatch):
    monkeypatch.setattr(fonts.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="rendered words need fonts: install the extra `text`"):
        fonts.installed()


def test_every_face_draws_letters_that_differ():
    for family in fonts.typefaces(fonts.installed()):
        face = family[0]
        drawn = [face.glyph(character) for character in "aZ5g"]
        for glyph in drawn:
            assert glyph.coverage.max() > 100 and glyph.advance > 2
            # A missing character is drawn as an empty box, which has the same size and ink for all.
        assert len({(glyph.coverage.shape, int(glyph.coverage.sum())) for glyph in drawn}) == 4, face.path


def test_a_glyph_is_drawn_once_and_placed_by_its_baseline():
    (face, *_), *_ = fonts.typefaces(fonts.installed())
    assert face.glyph("g") is face.glyph("g")
    above, below = face.glyph("h"), face.glyph("g")
    assert above.top < below.top < 0 < below.top + below.coverage.shape[0]
    assert abs(above.top + above.coverage.shape[0]) <= 2


def test_a_variable_font_comes_in_several_weights():
    package = pytest.importorskip("fontpkg_montserrat")
    path = os.path.join(os.path.dirname(package.__file__), "files", "Montserrat[wght].ttf")
    ((*faces,),) = fonts.typefaces(((path,),))
    ink = [int(face.glyph("H").coverage.sum()) for face in faces]
    assert [face.weight for face in faces] == list(fonts.WEIGHTS)
    assert np.all(np.diff(ink) > 0)
