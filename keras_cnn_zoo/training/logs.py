"""TensorBoard logs, if TensorFlow is installed."""

import keras

from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.packages import is_installed


def tensorboard(folder):
    """Returns a list with the TensorBoard callback of a run, or an empty one without TensorFlow."""
    if not is_installed("tensorflow"):
        say("TensorFlow is not installed: no TensorBoard logs are written")
        return []
    return [keras.callbacks.TensorBoard(folder.file("tensorboard"), write_graph=False)]
