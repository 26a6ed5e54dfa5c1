import numpy as np
import pytest

from keras_cnn_zoo.data.augmentation.pairs import PairMaker, Strengths, View, as_image, has_target, random_box
from tests.helpers import shortest

Image = pytest.importorskip("PIL.Image")

STILL = Strengths(
    shift=0,
    scale=0,
    stretch=0,
    turn=0,
    color=0,
    blur=0,
    gray=0,
    flip=0,
    occlusion=0,
    transplant=0,
    own_box=1,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def textured(height=200, width=240):
    noise = rng(1).integers(0, 256, size=(height // 8, width // 8, 3)).astype("uint8")
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def still(box=(100, 80, 30, 24), picture=None):
    return {"frames": [textured() if picture is None else picture], "boxes": np.array([box]), "name": "still"}


def difference(first, second):
    return np.abs(first.astype("float64") - second).mean()


def test_a_still_pair_is_the_same_object_at_the_same_scale():
    exemplar, search, shift = PairMaker(63, 127, strengths=STILL)(still(), rng())
    assert exemplar.shape == (63, 63, 3) and search.shape == (127, 127, 3) and exemplar.dtype == np.uint8
    assert (shift == 0).all()
    inner = search[32:95, 32:95]
    assert difference(inner[2:-2, 2:-2], exemplar[2:-2, 2:-2]) < 12


def test_the_shift_of_a_pair_is_the_position_of_the_object():
    maker = PairMaker(63, 127, strengths=Strengths(**{**vars(STILL), "shift": 0.9}))
    for seed in range(6):
        exemplar, search, (right, down) = maker(still(), rng(seed))
        best = min(
            ((y, x) for y in range(65) for x in range(65)),
            key=lambda corner: difference(
                search[corner[0] : corner[0] + 63 : 4, corner[1] : corner[1] + 63 : 4], exemplar[::4, ::4]
            ),
        )
        assert abs(best[0] - 32 - down) <= 2.5 and abs(best[1] - 32 - right) <= 2.5


def test_the_exemplar_contains_the_box_with_half_its_edge_on_each_side():
    picture = np.zeros((200, 240, 3), "uint8")
    picture[80:110, 100:130] = 255
    exemplar, _, _ = PairMaker(64, 128, strengths=STILL)(still((100, 80, 30, 30), picture), rng())
    # A square box with its context is twice as wide: half of the exemplar, a quarter of its area.
    assert (exemplar > 127).mean() == pytest.approx(0.25, abs=0.04)
    assert (exemplar[20:44, 20:44] > 200).all()


def test_beyond_the_image_is_its_mean_color():
    picture = np.zeros((60, 60, 3), "uint8")
    picture[..., 1] = 100
    exemplar, search, _ = PairMaker(63, 127, strengths=STILL)(still((0, 0, 20, 20), picture), rng())
    assert (search == [0, 100, 0]).all() and (exemplar == [0, 100, 0]).all()


@pytest.mark.parametrize(
    "change, place",
    [
        ({"shift": (10, -5)}, (10, -5)),
        ({"turn": 90}, (0, 20)),
        ({"scale": 1.5}, (30, 0)),
        ({"flip": True}, (-20, 0)),
        ({"stretch": 1.44}, (24, 0)),
    ],
)
def test_every_change_moves_a_point_as_documented(change, place):
    # The point is 20 pixels right of the center of the box, at a scale of 1.
    picture = np.zeros((101, 101, 3), "uint8")
    view = View(as_image(picture), (40.5, 40.5, 20, 20), 101, 40, 1.0)
    assert view.unit == pytest.approx(1.0)
    if "shift" in change:
        picture[50, 50] = 255
    else:
        picture[50, 70] = 255
    cut = np.asarray(view.cut(as_image(picture), **change)).astype("float64")[..., 0]
    down, right = (np.indices(cut.shape) * cut).sum(axis=(1, 2)) / cut.sum() - 50
    np.testing.assert_allclose((right, down), place, atol=0.6)


def test_two_frames_of_a_sequence_with_their_own_boxes():
    frames = [np.full((90, 120, 3), 30, "uint8") for _ in range(6)]
    boxes = np.array([[20 + 8 * t, 30, 20, 20] for t in range(6)], "float32")
    for frame, (x, y, w, h) in zip(frames, boxes.astype(int), strict=True):
        frame[y : y + h, x : x + w] = 220
    boxes[3] = np.nan
    example = {"frames": frames, "boxes": boxes, "name": "moving"}
    for seed in range(8):
        exemplar, search, _ = PairMaker(63, 127, strengths=STILL)(example, rng(seed))
        assert (exemplar[24:39, 24:39] > 180).all() and (search[56:71, 56:71] > 180).all()


def test_small_candidates_of_a_still_are_chosen():
    picture = np.zeros((200, 240, 3), "uint8")
    picture[10:40, 10:40] = (255, 0, 0)
    picture[150:180, 200:230] = (0, 255, 0)
    example = still((10, 10, 30, 30), picture)
    example["candidates"] = np.array([[10, 10, 30, 30], [200, 150, 30, 30], [0, 0, 240, 200]], "float32")
    seen = {
        tuple((PairMaker(63, 127, strengths=STILL)(example, rng(seed))[0][31, 31] > 127).tolist())
        for seed in range(12)
    }
    assert seen == {(True, False, False), (False, True, False)}


def test_a_transplanted_object_keeps_its_center_on_a_new_background():
    strengths = Strengths(**{**vars(STILL), "transplant": 1.0})
    other = np.zeros((80, 80, 3), "uint8")
    own, search, _ = PairMaker(63, 127, strengths=strengths)(still(), rng(), other)
    assert (search[:20] == 0).all() and (search[-20:] == 0).all()
    assert search[58:69, 58:69].mean() > 30


def test_results_depend_only_on_the_seed():
    maker, other = PairMaker(63, 127), textured(90, 100)
    first, second = (maker(still(), rng(5), other) for _ in range(2))
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    assert not np.array_equal(first[1], maker(still(), rng(6), other)[1])


def test_tiny_and_gray_images_and_unknown_boxes_give_pairs():
    example = {
        "frames": [rng().integers(0, 256, (7, 9, 1)).astype("uint8")],
        "boxes": np.full((1, 4), np.nan),
    }
    exemplar, search, shift = PairMaker(63, 127)(example, rng())
    assert exemplar.shape == (63, 63, 3) and search.shape == (127, 127, 3) and np.isfinite(shift).all()


def test_random_boxes_lie_inside_and_avoid_flat_places():
    picture = np.full((100, 160, 3), 90, "uint8")
    picture[:, 80:] = textured(104, 80)[:100]
    boxes = np.array([random_box(as_image(picture), rng(seed)) for seed in range(60)])
    assert (boxes[:, :2] >= 0).all() and (boxes[:, :2] + boxes[:, 2:] <= [160 + 1e-9, 100 + 1e-9]).all()
    assert np.mean(boxes[:, 0] + boxes[:, 2] > 80) > 0.85


def test_has_target():
    boxes = [[0, 0, 5, 5], [np.nan] * 4, [3, 3, 0, 5], [-4, -4, 2, 2], [0, 0, np.inf, 2]]
    assert has_target(boxes).tolist() == [True, False, False, True, False]


@pytest.mark.slow
def test_one_core_makes_150_pairs_per_second():
    maker, example, other = PairMaker(63, 127), still(), textured()
    maker(example, rng(), other)

    def twenty(round_):
        for seed in range(20):
            maker(example, rng(20 * round_ + seed), other)

    assert 20 / shortest(twenty) > 150
