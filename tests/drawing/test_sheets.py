import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from keras_cnn_zoo.drawing import boxes, sheets

# Not a formula that matplotlib could read.
NAME = r"$\frac$ of $x_"


def test_a_dollar_sign_in_a_name_is_text(tmp_path):
    image = np.zeros((20, 24, 3), "uint8")
    figures = [
        sheets.grid([image], [(NAME, True)]),
        sheets.waveforms([(np.zeros(8), 8)], [NAME]),
        sheets.mask_rows([(image, np.zeros((20, 24), int))], (NAME, "b"), 255),
        boxes.sheet(
            [(image, np.zeros((0, 4)), {"boxes": np.ones((1, 4)), "classes": np.array([0]), "scores": None})],
            (NAME, "b"),
        ),
    ]
    for number, figure in enumerate(figures):
        figure.savefig(tmp_path / f"{number}.png")


@pytest.mark.parametrize("band", [1, 50, 10**6])
def test_an_overlay_mixes_each_pixel_with_the_color_of_its_class(monkeypatch, band):
    monkeypatch.setattr(sheets, "_BAND", band)
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (250, 241, 1)).astype("uint8"), rng.integers(0, 3, (250, 241))
    found = np.asarray(sheets.overlay(image, mask, ("a", "b", "c"), opacity=0.5))[:, :241]
    expected = (0.5 * image + 0.5 * sheets.palette(256)[mask]).astype("uint8")
    np.testing.assert_array_equal(found[:250], expected)


def test_heat_is_resized_to_the_image_and_shows_it_below():
    image = np.full((40, 60, 1), 100, "uint8")
    heat = np.zeros((4, 6), "float32")
    heat[:, 5] = 1
    found = sheets.heated(image, heat).astype(int)
    assert found.shape == (40, 60, 3)
    # Blue is cold and red is hot; half of each pixel is the image.
    cold, hot = found[:, 2], found[:, -2]
    assert (cold[:, 2] > cold[:, 0]).all() and (hot[:, 0] > hot[:, 2]).all()
    assert (found >= 50).all()
    np.testing.assert_array_equal(sheets.heated(image, heat, opacity=0), np.repeat(image, 3, axis=-1))
