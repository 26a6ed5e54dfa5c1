import numpy as np
import pytest

from keras_cnn_zoo.ops.host.tiles import spans


@pytest.mark.parametrize(("length", "tile"), [(100, 40), (101, 40), (41, 40), (6000, 512), (33, 32), (70, 2)])
def test_tiles_overlap_and_own_every_position_once(length, tile):
    found = spans(length, tile)
    assert found[0].start == 0 and found[-1].stop == length
    owners = np.zeros(length, int)
    for span in found:
        assert span.stop - span.start == tile and span.start <= span.first < span.last <= span.stop
        owners[span.first : span.last] += 1
    assert (owners == 1).all()
    for one, other in zip(found, found[1:], strict=False):
        assert one.stop - other.start >= tile // 4
        # The border is in the middle of what they share.
        assert abs((one.stop - one.last) - (other.first - other.start)) <= 1


@pytest.mark.parametrize("length", [1, 31, 32])
def test_a_short_axis_is_one_tile(length):
    (span,) = spans(length, 32)
    assert (span.start, span.stop, span.first, span.last) == (0, length, 0, length)
