import numpy as np
import pytest

from keras_cnn_zoo.data.augmentation.animation import animate

pytest.importorskip("PIL")


def example(box):
    picture = np.random.default_rng(0).integers(100, 256, size=(150, 200, 3)).astype("uint8")
    return {"frames": [picture], "boxes": np.array([box], "float32"), "name": "still"}


def moving(box=(80, 60, 30, 24), seed=0, size=(120, 160)):
    ground = np.zeros((*size, 3), "uint8")
    return animate(example(box), ground, frames=15, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(120, 160), (300, 200), (64, 64)])
def test_the_boxes_contain_the_object(seed, size):
    sequence = moving(seed=seed, size=size)
    assert len(sequence["frames"]) == 15 and sequence["boxes"].shape == (15, 4)
    for frame, (x, y, width, height) in zip(sequence["frames"], sequence["boxes"], strict=True):
        assert frame.dtype == np.uint8 and max(frame.shape) == 256
        rows, columns = np.nonzero(frame.max(axis=-1) > 20)
        # On black, all bright pixels are the object, an ellipse rotated by 30 degrees or less.
        assert abs(columns.mean() - (x + width / 2)) < 3 and abs(rows.mean() - (y + height / 2)) < 3
        assert 0.5 < (columns.max() - columns.min()) / width < 1.6
        assert 0.5 < (rows.max() - rows.min()) / height < 1.6


def test_the_object_moves_and_stays_in_the_frame():
    boxes = moving()["boxes"]
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    assert np.ptp(middles, axis=0).max() > 15
    assert (middles > 0).all() and (middles < [256, 256]).all()


def test_results_depend_only_on_the_seed():
    one, other, third = moving(seed=3), moving(seed=3), moving(seed=4)
    np.testing.assert_array_equal(one["frames"], other["frames"])
    assert not np.array_equal(one["boxes"], third["boxes"])


def test_an_unknown_and_a_large_box_become_random_ones():
    for box in ([np.nan] * 4, (0, 0, 200, 150)):
        assert np.isfinite(moving(box)["boxes"]).all()
