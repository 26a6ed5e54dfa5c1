"""The tracker with a fake network, whose response is computed here instead of by weights."""

import numpy as np
import pytest

from keras_cnn_zoo.models import SiamFC
from keras_cnn_zoo.models.tracking import Tracker
from keras_cnn_zoo.models.tracking.tracker import exemplar_side, upsampling_matrix


class Matching:
    """A fake network: minus the difference of the exemplar and each position of the search image."""

    exemplar_size, stride, response_size = 31, 2, 17
    search_shape = (63, 63, 1)

    def normalize(self, images):
        return np.asarray(images, "float64") / 255

    def embed(self, exemplar):
        return exemplar

    def respond(self, features, search):
        size = (self.exemplar_size, self.exemplar_size)
        logits = []
        for picture in search[..., 0]:
            windows = np.lib.stride_tricks.sliding_window_view(picture, size)[:: self.stride, :: self.stride]
            logits.append(-10 * np.square(windows - features[0, ..., 0]).mean(axis=(2, 3)))
        return np.stack(logits)[..., None]


def frame(x, y, edge=20.0, size=(120, 160)):
    """Returns a gray frame with an antialiased bright square around (x, y)."""

    def cover(middle, length):
        pixels = np.arange(length)
        return np.clip(
            np.minimum(pixels + 1, middle + edge / 2) - np.maximum(pixels, middle - edge / 2), 0, 1
        )

    ink = cover(y, size[0])[:, None] * cover(x, size[1])
    return np.rint(40 + 200 * ink)[..., None].astype("uint8")


def test_follows_a_square_that_moves():
    tracker = Tracker(Matching())
    tracker.start(frame(60, 50), (50, 40, 20, 20))
    for step in range(1, 12):
        box = tracker.update(frame(60 + 4 * step, 50 - 2 * step))
        middle = box[:2] + box[2:] / 2
        np.testing.assert_allclose(middle, [60 + 4 * step, 50 - 2 * step], atol=1.5)
        assert 15 < box[2] < 26


def test_follows_a_square_that_grows_and_shrinks():
    tracker = Tracker(Matching(), scale_penalty=1.0, window_influence=0.05)
    tracker.start(frame(80, 60), (70, 50, 20, 20))
    for edge in np.linspace(20, 32, 30):
        grown = tracker.update(frame(80, 60, edge))
    assert grown[2] == pytest.approx(32, rel=0.15)
    for edge in np.linspace(32, 20, 30):
        shrunk = tracker.update(frame(80, 60, edge))
    assert shrunk[2] == pytest.approx(20, rel=0.15)


def test_a_still_object_stays():
    tracker = Tracker(Matching())
    tracker.start(frame(60, 50), (50, 40, 20, 20))
    np.testing.assert_allclose(tracker.update(frame(60, 50)), [50, 40, 20, 20], atol=0.5)


def test_the_box_keeps_its_shape_and_its_limits():
    tracker = Tracker(Matching(), scale_penalty=1.0)
    tracker.start(frame(80, 60), (75, 40, 10, 40))
    for edge in np.linspace(20, 119, 24):
        box = tracker.update(frame(80, 60, edge))
    assert box[3] / box[2] == pytest.approx(4)
    assert box[2] <= 50 + 1e-9


def test_the_center_never_leaves_the_frame():
    tracker = Tracker(Matching())
    tracker.start(frame(150, 110), (140, 100, 20, 20))
    for step in range(10):
        box = tracker.update(frame(150 + 4 * step, 110 + 4 * step))
        middle = box[:2] + box[2:] / 2
        assert (middle <= [160, 120]).all() and (middle >= 0).all()


def test_one_scale_and_no_window_take_the_peak():
    tracker = Tracker(Matching(), scales=1, window_influence=0.0)
    tracker.start(frame(60, 50), (50, 40, 20, 20))
    box = tracker.update(frame(70, 50))
    np.testing.assert_allclose(box, [60, 40, 20, 20], atol=1.0)


def test_each_call_of_tracker_returns_a_new_tracker():
    model = SiamFC(variant="small", width=0.1)
    tracker = model.tracker(scales=5, scale_step=1.025)
    np.testing.assert_allclose(tracker.scales, 1.025 ** np.arange(-2, 3))
    tracker.start(frame(60, 50), (50, 40, 20, 20))
    np.testing.assert_array_equal(tracker.box, [50, 40, 20, 20])
    box = tracker.update(frame(62, 50))
    assert box.shape == (4,) and np.isfinite(box).all() and 0 <= tracker.probability <= 1


def test_the_context_equals_the_papers():
    # (w + 2p)(h + 2p) = A^2 with p = (w + h) / 4.
    width, height = 40.0, 90.0
    margin = (width + height) / 4
    assert exemplar_side((width, height)) == pytest.approx(
        np.sqrt((width + 2 * margin) * (height + 2 * margin))
    )
    assert exemplar_side((8, 8), context=0) == 8


def test_upsampling_keeps_positions_constants_and_slopes():
    matrix = upsampling_matrix(9, 4)
    assert matrix.shape == (33, 9)
    np.testing.assert_allclose(matrix[::4], np.eye(9), atol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
    # A straight line stays straight away from the ends.
    np.testing.assert_allclose((matrix @ np.arange(9.0))[4:-4], np.arange(33)[4:-4] / 4, atol=1e-12)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"scales": 2}, "`scales` must be an odd number. Received: scales=2"),
        ({"scales": 0}, "`scales` must be a positive integer"),
        ({"scale_step": 1.0}, "`scale_step` must be a finite number above 1"),
        ({"scale_penalty": 1.5}, "`scale_penalty` must be a finite number"),
        ({"scale_damping": -0.1}, "`scale_damping` must be a finite number"),
        ({"window_influence": float("nan")}, "`window_influence` must be a finite number"),
        ({"upsampling": 0}, "`upsampling` must be a positive integer"),
        ({"context": -1}, "`context` must be a finite number"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        Tracker(Matching(), **arguments)


@pytest.mark.parametrize(
    "box, message",
    [
        ((10, 10, 0, 5), "`box` must be x, y, width, and height, the last two above 0"),
        ((10, np.nan, 5, 5), "`box` must be x, y, width, and height"),
        ((10, 10, 5), "`box` must be x, y, width, and height"),
        ((200, 10, 5, 5), "`box` must be with its center inside the frame of 160 x 120 pixels"),
    ],
)
def test_refuses_a_box_without_an_area(box, message):
    with pytest.raises(ValueError, match=message):
        Tracker(Matching()).start(frame(60, 50), box)


def test_refuses_frames_with_other_channels_and_an_update_before_start():
    tracker = Tracker(Matching())
    with pytest.raises(ValueError, match="`start` must be called before `update`"):
        tracker.update(frame(60, 50))
    with pytest.raises(ValueError, match=r"`frame` must be \(height, width, 1\). Received: .*\(5, 5, 4\)"):
        tracker.start(np.zeros((5, 5, 4), "uint8"), (1, 1, 2, 2))
