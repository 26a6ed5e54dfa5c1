import numpy as np
import pytest

from keras_cnn_zoo.data.files.frames import PictureFrames, in_frame_order
from keras_cnn_zoo.data.files.images import encode_png
from keras_cnn_zoo.utils.errors import InputError

pytest.importorskip("PIL")


def test_frames_are_decoded_on_access_in_color():
    arrays = [np.full((4, 5, channels), 10 * channels, "uint8") for channels in (1, 3, 3)]
    frames = PictureFrames([encode_png(array) for array in arrays])
    assert len(frames) == 3 and frames[0].shape == (4, 5, 3) and (frames[-1] == 30).all()
    assert len(frames[1:]) == 2 and (frames[1:][0] == 30).all()
    assert len(list(frames)) == 3
    with pytest.raises(IndexError):
        frames[3]


def test_a_damaged_frame_is_named():
    frames = PictureFrames([b"nothing"], ["bag, frame 7"])
    with pytest.raises(InputError, match="cannot read bag, frame 7: not an image"):
        frames[0]


def test_frames_are_in_the_order_of_their_numbers():
    names = ["10.jpg", "9.jpg", "11.jpg", "8.jpg"]
    assert in_frame_order(names, "x") == ["8.jpg", "9.jpg", "10.jpg", "11.jpg"]
    names = ["b_2_10.png", "b_2_9.png", "b_10_1.png", "a.png", "B_2_011.JPG"]
    assert in_frame_order(names, "x") == ["a.png", "b_2_9.png", "b_2_10.png", "B_2_011.JPG", "b_10_1.png"]
    assert in_frame_order(["0002.png", "0001.png"], "x") == ["0001.png", "0002.png"]


@pytest.mark.parametrize("names", [["1.jpg", "2.jpg", "01.jpg"], ["3.jpg", "3.png"], ["a1.jpg", "A1.jpg"]])
def test_two_images_of_one_frame_are_refused(names):
    with pytest.raises(InputError, match=r"img must have one image per frame. Received: .* and "):
        in_frame_order(names, "img")
