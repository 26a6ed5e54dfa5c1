import numpy as np
import pytest

from keras_cnn_zoo.data.augmentation.policies import Mixing, RandAugment


@pytest.mark.parametrize("channels", [1, 3])
def test_every_operation_occurs_and_images_stay_in_range(channels):
    policy = RandAugment(channels)
    assert len(policy.layers) == (10 if channels == 3 else 9)
    image = np.random.default_rng(0).integers(0, 256, (20, 24, channels)).astype("float32")
    images = np.repeat(image[None], 40, axis=0)
    first, again, other = (policy(images, seed=(1, 2, last)) for last in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert first.shape == images.shape and first.dtype == "float32"
    assert first.min() >= 0 and first.max() <= 255
    # One image becomes many: draws are per image, not per batch.
    assert len(np.unique(first.reshape(40, -1), axis=0)) > 25
    assert (first != other).any() and (images[0] == image).all()


def test_the_draws_of_one_operation_are_independent():
    # An integer seed gives Keras' layers the same number for both directions.
    from keras_cnn_zoo.data.augmentation.policies import _generator

    (translation,) = (layer for layer in RandAugment(1).layers if type(layer).__name__ == "RandomTranslation")
    drawn = translation.get_random_transformation(
        {"images": np.zeros((50, 8, 8, 1), "float32")},
        training=True,
        seed=_generator(np.random.default_rng(0)),
    )
    down, right = np.array(drawn["translations"]).T
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.5


def test_mixing_takes_only_its_seed():
    rng = np.random.default_rng(0)
    images, labels = rng.random((6, 8, 8, 1)).astype("float32"), np.eye(6, dtype="float32")
    mixing, seeds = Mixing(), range(6)
    first = [mixing(images, labels, seed=(0, seed)) for seed in seeds]
    again = [Mixing()(images, labels, seed=(0, seed)) for seed in reversed(seeds)][::-1]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert any((one[1] != labels).any() for one in first) and any((one[1] == labels).all() for one in first)
