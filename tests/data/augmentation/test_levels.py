import pytest

from keras_cnn_zoo.data.augmentation.levels import LEVELS, scaled


def test_a_level_scales_the_logarithm_of_a_magnification():
    assert scaled((0.25, 4.0), "none") == (1.0, 1.0)
    assert scaled((0.25, 4.0), "light") == (0.5, 2.0)
    assert scaled((0.25, 4.0), "strong") == pytest.approx((0.125, 8.0))
    limits = (0.6, 1.6)
    assert scaled(limits, "standard") is limits and LEVELS["standard"] == 1
