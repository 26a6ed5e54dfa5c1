"""Data sets: the embedded ones, readers of the field's folder formats, and batches for `fit`."""

import contextlib

from keras_cnn_zoo.data.loading import load
from keras_cnn_zoo.data.source import Source, Split

# TensorFlow Datasets finds a builder by its name once the class exists. The package is an extra: if it is
# missing, only `load("tfds:...")` fails.
with contextlib.suppress(ImportError):
    from keras_cnn_zoo.data.embedded.digit_scenes import builder as _builder  # noqa: F401
    from keras_cnn_zoo.data.embedded.library_english import builder as _library_english  # noqa: F401
    from keras_cnn_zoo.data.embedded.tone_digits import builder as _tone_digits  # noqa: F401

__all__ = ["Source", "Split", "load"]
