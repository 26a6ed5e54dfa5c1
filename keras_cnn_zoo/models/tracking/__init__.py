"""Models that track the object in a box of the first frame."""

from keras_cnn_zoo.models.tracking.siamfc import SiamFC
from keras_cnn_zoo.models.tracking.tracker import Tracker

__all__ = [
    "SiamFC",
    "Tracker",
]
