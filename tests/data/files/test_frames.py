import numpy as np
import pytest

from keras_cnn_zoo.data.files.frames import PictureFrames
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
