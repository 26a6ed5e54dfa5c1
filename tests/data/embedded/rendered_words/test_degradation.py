import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.rendered_words.degradation import photograph, retaken

pytest.importorskip("PIL")


def halves(height=40, width=200):
    """Returns an image with a dark left and a light right half."""
    scene = np.full((height, width), 60, "uint8")
    scene[:, width // 2 :] = 200
    return scene


def test_the_crop_keeps_left_and_right():
    scene = np.pad(halves(), 30, mode="edge")
    for seed in range(40):
        view = photograph(scene, (30, 30, 230, 70), (32, 100), np.random.default_rng(seed))
        assert view.shape == (32, 100) and view.dtype == np.uint8
        assert view[:, :30].mean() < 100 < 160 < view[:, 70:].mean()


def test_crops_keep_up_and_down():
    scene = np.pad(halves(200, 40).T.copy(), 30, mode="edge")
    assert scene.shape == (100, 260)
    scene = np.where(np.arange(100)[:, None] < 50, 60, 200).astype("uint8") * np.ones((1, 260), "uint8")
    for seed in range(40):
        view = photograph(scene, (30, 30, 230, 70), (32, 100), np.random.default_rng(seed))
        assert view[:8].mean() < 110 < 150 < view[-8:].mean()


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (3, 2, 1), (32, 100, 3), (700, 2800, 3), (10, 900, 1), (90, 8, 3)]
)
def test_images_of_any_size_are_retaken(shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, size=shape).astype("uint8")
    for seed in range(5):
        view = retaken(image, (32, 100), np.random.default_rng(seed))
        assert view.shape == (32, 100) and view.dtype == np.uint8


def test_retaken_images_are_a_function_of_the_generator():
    image = np.repeat(halves()[..., None], 3, axis=-1)
    views = [retaken(image, (32, 100), np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(*views)
    assert not np.array_equal(views[0], retaken(image, (32, 100), np.random.default_rng(8)))


def test_negatives_occur_and_order_stays():
    image = halves()[..., None]
    differences = [
        float(view[:, 70:].mean()) - float(view[:, :30].mean())
        for view in (retaken(image, (32, 100), np.random.default_rng(seed)) for seed in range(60))
    ]
    assert 0.15 < np.mean(np.array(differences) < 0) < 0.5 and np.abs(differences).min() > 15
