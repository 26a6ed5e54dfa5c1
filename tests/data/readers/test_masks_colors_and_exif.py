import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError
from tests.data.png_files import UPRIGHT, exif
from tests.data.readers.test_masks import open_masks, pair

Image = pytest.importorskip("PIL.Image")


IMAGE = np.arange(2 * 3 * 3).reshape(2, 3, 3).astype("uint8") * 10
MASK = np.array([[0, 1, 2], [2, 0, 0]], dtype="uint8")


def rotated_pair(root, orientation, mask, mask_orientation=1, image=IMAGE):
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i in range(4):
        Image.fromarray(image).save(root / f"images/{i}.png", exif=exif(orientation))
        more = {} if mask_orientation == 1 else {"exif": exif(mask_orientation)}
        Image.fromarray(mask).save(root / f"labels/{i}.png", **more)


@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
def test_an_image_and_its_mask_with_one_orientation_are_rotated_together(tmp_path, orientation):
    rotated_pair(tmp_path, orientation, MASK, orientation)
    example = open_masks(tmp_path).splits["train"][0]
    np.testing.assert_array_equal(example["image"], UPRIGHT[orientation](IMAGE))
    np.testing.assert_array_equal(example["mask"], UPRIGHT[orientation](MASK))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("stored", [True, False])
def test_sizes_tell_whether_a_mask_is_rotated_with_its_image(tmp_path, orientation, stored):
    rotated_pair(tmp_path, orientation, MASK if stored else np.ascontiguousarray(UPRIGHT[orientation](MASK)))
    example = open_masks(tmp_path).splits["train"][0]
    np.testing.assert_array_equal(example["image"], UPRIGHT[orientation](IMAGE))
    np.testing.assert_array_equal(example["mask"], UPRIGHT[orientation](MASK))


@pytest.mark.parametrize(("orientation", "own"), [(2, 1), (3, 1), (4, 1), (6, 8), (1, 3), (3, 2)])
def test_an_ambiguous_orientation_is_refused(tmp_path, orientation, own):
    rotated_pair(tmp_path, orientation, MASK, own)
    with pytest.raises(InputError, match=rf"0\.png has the EXIF orientation {orientation} and .* has {own}"):
        open_masks(tmp_path)


def test_square_images_with_an_orientation_are_ambiguous(tmp_path):
    rotated_pair(tmp_path, 6, MASK[:, :2], image=IMAGE[:, :2])
    with pytest.raises(InputError, match="EXIF orientation 6"):
        open_masks(tmp_path)


# --- colors ---
COLORS = np.array([[0, 0, 0], [128, 64, 32], [0, 0, 200]], dtype="uint8")


def colored(root, ids=MASK, colors=COLORS, kind="RGB"):
    for i in range(4):
        pair(root, str(i), ids)
        image = Image.fromarray(colors[ids])
        if kind == "P":
            image = Image.fromarray(ids, mode="P")
            image.putpalette(colors[::-1].ravel().tolist())
            image = Image.fromarray(2 - ids, mode="P")
            image.putpalette(colors[::-1].ravel().tolist())
        image.convert(kind).save(root / f"labels/{i}.png")


def palette_file(root, text="0 0 0 ground\n128 64 32 long road\n\n0 0 200\tsky\n"):
    path = root / "palette.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P"])
def test_colored_masks_with_a_palette(tmp_path, kind):
    colored(tmp_path / "data", kind=kind)
    source = open_masks(tmp_path / "data", palette=palette_file(tmp_path))
    assert source.class_names == ("ground", "long road", "sky") and source.ignore_label == 255
    np.testing.assert_array_equal(source.splits["train"][0]["mask"], MASK)
    assert source.splits["train"][0]["mask"].dtype == np.uint8


def test_a_palette_of_black_and_white_and_of_an_ignored_color(tmp_path):
    colored(tmp_path / "data", colors=np.array([[0] * 3, [255] * 3, [9] * 3], "uint8"))
    palette = palette_file(tmp_path, "0 0 0 no\n255 255 255 yes\n9 9 9 void\n")
    source = open_masks(tmp_path / "data", palette=palette, ignore_label=2)
    assert source.class_names == ("no", "yes") and source.ignore_label == 2
    np.testing.assert_array_equal(source.splits["train"][0]["mask"], MASK)
    assert any("names the ignored label 2 (void): not a class" in note for note in source.notes)
    source = open_masks(tmp_path / "data", palette=palette, class_names="a,b,c")
    assert source.class_names == ("a", "b", "c")
    with pytest.raises(
        InputError, match="`class_names` must name the 3 colors of .*palette.txt. Received: a"
    ):
        open_masks(tmp_path / "data", palette=palette, class_names="a,b")


def test_a_color_outside_the_palette_is_named(tmp_path):
    colored(tmp_path / "data")
    palette = palette_file(tmp_path, "0 0 0 ground\n128 64 32 road\n")
    with pytest.raises(
        InputError,
        match=r"0\.png must have only colors of .*palette\.txt. Received: 0 0 200 at row 0, column 2",
    ):
        open_masks(tmp_path / "data", palette=palette)


def test_a_palette_is_only_for_masks(tmp_path):
    with pytest.raises(InputError, match="`palette` is for the colored masks of masks:PATH. Received: None"):
        load(task="segmentation", palette=palette_file(tmp_path))
