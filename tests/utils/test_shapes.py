"""Shapes that agree if their known sizes are equal."""

import pytest

from keras_cnn_zoo.utils import shapes


@pytest.mark.parametrize(
    "one, other, expected",
    [
        ((2, 3), (2, 3), True),
        ((None, 3), (2, 3), True),
        ((2, None), (None, 3), True),
        ((), (), True),
        ((2, 3), (2, 4), False),
        ((2, 1), (2, 3), False),
        ((2,), (2, 1), False),
        ((None,), (None, None), False),
    ],
)
def test_shapes_agree_if_their_known_sizes_are_equal(one, other, expected):
    assert shapes.agree(one, other) is expected
    assert shapes.agree(other, one) is expected
