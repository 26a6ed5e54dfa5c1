import io
import threading

import numpy as np
import pytest

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.images import PictureInfo
from keras_cnn_zoo.utils.errors import InputError
from tests.data.png_files import UPRIGHT, exif, index_png

Image = pytest.importorskip("PIL.Image")

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, size=(5, 7, 3), dtype="uint8")
GREY = RNG.integers(0, 256, size=(5, 7), dtype="uint8")


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_color_and_gray_are_equal(kind):
    np.testing.assert_array_equal(image_files.decode(encoded(Image.fromarray(COLOUR), kind)), COLOUR)
    np.testing.assert_array_equal(image_files.decode(encoded(Image.fromarray(GREY), kind))[..., 0], GREY)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_are_nearly_equal(kind):
    flat = np.full((16, 16, 3), (200, 30, 90), dtype="uint8")
    decoded = image_files.decode(encoded(Image.fromarray(flat), kind))
    assert decoded.shape == (16, 16, 3)
    assert np.abs(decoded.astype(int) - flat).max() <= 6


def test_one_bit_is_black_and_white():
    bits = GREY > 127
    np.testing.assert_array_equal(image_files.decode(encoded(Image.fromarray(bits)))[..., 0], bits * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_is_scaled_and_not_clipped(kind):
    deep = np.array([[0, 128, 257, 32767], [255 * 257 - 1, 65535, 30000, 129]], dtype="uint16")
    decoded = image_files.decode(encoded(Image.fromarray(deep), kind))
    expected = [[round(int(value) * 255 / 65535) for value in row] for row in deep]
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded[..., 0], expected)


def test_transparency_lies_over_white():
    alpha = RNG.integers(0, 256, size=(5, 7), dtype="uint8")
    picture = np.concatenate([COLOUR, alpha[..., None]], axis=-1)
    share = alpha[..., None] / 255.0
    expected = COLOUR * share + 255.0 * (1.0 - share)
    decoded = image_files.decode(encoded(Image.fromarray(picture)))
    assert np.abs(decoded - expected).max() <= 1.0
    grey = image_files.decode(encoded(Image.fromarray(np.stack([GREY, alpha], axis=-1), mode="LA")))
    assert grey.shape == (5, 7, 1)
    assert np.abs(grey[..., 0] - (GREY * share[..., 0] + 255.0 * (1.0 - share[..., 0]))).max() <= 1.0


def test_palette_gives_its_colors_and_a_transparent_entry_white():
    image = Image.fromarray(np.array([[0, 1], [2, 0]], dtype="uint8"), mode="P")
    image.putpalette([10, 20, 30, 200, 100, 0, 5, 250, 7])
    colours = [[[10, 20, 30], [200, 100, 0]], [[5, 250, 7], [10, 20, 30]]]
    np.testing.assert_array_equal(image_files.decode(encoded(image)), colours)
    colours[1][0] = [255, 255, 255]
    np.testing.assert_array_equal(image_files.decode(encoded(image, transparency=2)), colours)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_the_right_colors(kind):
    inks = {(0, 0, 0, 0): (255, 255, 255), (255, 0, 0, 0): (0, 255, 255), (0, 0, 0, 255): (0, 0, 0)}
    for ink, colour in inks.items():
        flat = np.broadcast_to(np.array(ink, dtype="uint8"), (16, 16, 4))
        decoded = image_files.decode(encoded(Image.fromarray(flat.copy(), mode="CMYK"), kind))
        assert np.abs(decoded.astype(int) - colour).max() <= 3, ink


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
def test_exif_orientation_is_applied_if_upright(kind, orientation):
    data = encoded(Image.fromarray(COLOUR), kind, exif=exif(orientation))
    expected = UPRIGHT[orientation](COLOUR)
    np.testing.assert_array_equal(image_files.decode(data), expected)
    info = image_files.inspect(data)
    assert (info.height, info.width, info.channels) == expected.shape and info.orientation == orientation
    np.testing.assert_array_equal(image_files.decode(data, upright=False), COLOUR)
    assert image_files.inspect(data, upright=False) == PictureInfo(5, 7, 3)
    np.testing.assert_array_equal(image_files.turned(COLOUR, orientation), expected)


def test_headers_are_read_without_the_pixels():
    data = encoded(Image.fromarray(RNG.integers(0, 256, size=(64, 64, 3), dtype="uint8")))
    assert image_files.inspect(data[:2000]) == PictureInfo(64, 64, 3)
    with pytest.raises(InputError, match="cannot read half"):
        image_files.decode(data[:2000], name="half")
    with pytest.raises(InputError, match="cannot read half"):
        image_files.inspect(data[:2000], name="half", whole=True)


def test_animation_gives_its_first_frame():
    frames = [Image.fromarray(np.full((4, 4), value, dtype="uint8")) for value in (50, 200)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.unique(image_files.decode(data)).tolist() == [50]


def test_channels_can_be_asked_for():
    grey = encoded(Image.fromarray(GREY))
    assert image_files.decode(grey, channels=3).shape == (5, 7, 3)
    np.testing.assert_array_equal(image_files.decode(grey, channels=3)[..., 1], GREY)
    assert image_files.decode(encoded(Image.fromarray(COLOUR)), channels=1).shape == (5, 7, 1)


def test_names_of_images():
    assert (
        image_files.is_picture("a.JPG")
        and image_files.is_picture("b/c.jpeg")
        and image_files.is_picture("d.TiFf")
        and image_files.is_picture("e.jfif")
    )
    assert not any(map(image_files.is_picture, ["a.txt", "._a.jpg", "b/.hidden.png", "jpg", "a.eps"]))


@pytest.mark.parametrize("mode", ["L", "P"])
def test_indices_are_values_and_not_brightness(mode):
    indices = np.array([[0, 11, 3], [255, 1, 2]], dtype="uint8")
    image = Image.fromarray(indices, mode=mode)
    if mode == "P":
        image.putpalette(range(255, -1, -1))
    decoded = image_files.decode_index(encoded(image))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, indices)


def test_indices_of_one_and_of_sixteen_bits():
    bits = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(image_files.decode_index(encoded(Image.fromarray(bits))), bits.astype(int))
    deep = np.array([[0, 300], [65535, 7]], dtype="uint16")
    decoded = image_files.decode_index(encoded(Image.fromarray(deep)))
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, deep)


@pytest.mark.parametrize("palette", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_indices_of_few_bits_are_not_scaled(bits, palette):
    values = np.arange(3 * 2**bits).reshape(3, -1) % 2**bits
    decoded = image_files.decode_index(index_png(values, bits, palette=palette))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, values)


def test_indices_are_not_read_from_files_that_change_values():
    for kind in ("JPEG", "PPM"):
        with pytest.raises(
            InputError, match=f"a mask must be a PNG. Received: x.png, which is a {kind} file"
        ):
            image_files.decode_index(encoded(Image.fromarray(GREY), kind), name="x.png")


def test_indices_and_colors_are_not_rotated():
    for kind in ("PNG", "TIFF"):
        data = encoded(Image.fromarray(GREY), kind, exif=exif(6))
        np.testing.assert_array_equal(image_files.decode_index(data), GREY)
        data = encoded(Image.fromarray(COLOUR), kind, exif=exif(8))
        np.testing.assert_array_equal(image_files.decode_stored_colors(data), COLOUR)


def test_stored_colors_of_every_mode():
    alpha = np.full((5, 7, 1), 9, "uint8")
    data = encoded(Image.fromarray(np.concatenate([COLOUR, alpha], axis=-1)))
    np.testing.assert_array_equal(image_files.decode_stored_colors(data), COLOUR)
    data = encoded(Image.fromarray(np.concatenate([GREY[..., None], alpha], axis=-1), mode="LA"))
    np.testing.assert_array_equal(image_files.decode_stored_colors(data), GREY[..., None].repeat(3, -1))
    image = Image.fromarray(GREY % 3, mode="P")
    image.putpalette([1, 2, 3, 40, 50, 60, 7, 8, 9])
    expected = np.array([[1, 2, 3], [40, 50, 60], [7, 8, 9]])[GREY % 3]
    np.testing.assert_array_equal(image_files.decode_stored_colors(encoded(image)), expected)
    with pytest.raises(InputError, match="8-bit pixels. Received: deep.png, whose pixels are I;16"):
        image_files.decode_stored_colors(encoded(Image.fromarray(GREY.astype("uint16"))), name="deep.png")


def test_colored_masks_are_refused(tmp_path):
    path = tmp_path / "street.png"
    Image.fromarray(COLOUR).save(path)
    with pytest.raises(InputError, match=r"index PNG .* Received: .*street\.png, whose pixels are RGB"):
        image_files.decode_index(str(path))


def test_decode_inverts_encode_png():
    for array in (COLOUR, GREY, GREY[..., None]):
        np.testing.assert_array_equal(
            np.squeeze(image_files.decode(image_files.encode_png(array))), np.squeeze(array)
        )


def test_floating_point_pixels_are_refused():
    data = encoded(Image.fromarray(GREY.astype("float32")), "TIFF")
    with pytest.raises(InputError, match="deep.tiff has floating-point pixels"):
        image_files.decode(data, name="deep.tiff")


def test_wide_integers_are_refused():
    data = encoded(Image.fromarray(np.array([[0, 70000]], dtype="int32")), "TIFF")
    with pytest.raises(InputError, match="has 32-bit pixels"):
        image_files.decode(data, name="deep.tiff")


def test_missing_files_and_files_that_are_not_images_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent\.png: No such file"):
        image_files.decode(str(tmp_path / "absent.png"))
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(InputError, match=r"cannot read .*text\.jpg: not an image"):
        image_files.inspect(str(tmp_path / "text.jpg"))
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot read .*empty\.png"):
        image_files.decode(str(tmp_path / "empty.png"))


def test_decompression_bombs_are_refused(monkeypatch):
    data = encoded(Image.fromarray(COLOUR))
    monkeypatch.setattr(image_files, "_MAX_PIXELS", 34)
    with pytest.raises(
        InputError, match="bomb.png is too large: an image may have 34 pixels. Received: 7 x 5"
    ):
        image_files.decode(data, name="bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(InputError, match="bomb.png is too large: .*decompression bomb"):
        image_files.inspect(data, name="bomb.png")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_damaged_files_raise_only_input_errors(kind):
    data = encoded(Image.fromarray(RNG.integers(0, 256, size=(24, 24, 3), dtype="uint8")), kind)
    draw = np.random.RandomState(1)
    for trial in range(120):
        damaged = bytearray(data)
        if trial % 2:
            damaged = damaged[: draw.randint(len(damaged))]
        else:
            for _ in range(draw.randint(1, 8)):
                damaged[draw.randint(min(len(damaged), 400))] = draw.randint(256)
        try:
            assert image_files.decode(bytes(damaged), name="x").dtype == np.uint8
        except InputError as error:
            assert "x" in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_truncated_files_are_refused(kind):
    data = encoded(Image.fromarray(RNG.integers(0, 256, size=(64, 64, 3), dtype="uint8")), kind)
    with pytest.raises(InputError, match="cannot read half"):
        image_files.decode(data[: len(data) // 2], name="half")


def test_threads_read_the_same():
    data = encoded(Image.fromarray(COLOUR))
    results = []
    threads = [threading.Thread(target=lambda: results.append(image_files.decode(data))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 16
    for result in results:
        np.testing.assert_array_equal(result, COLOUR)
