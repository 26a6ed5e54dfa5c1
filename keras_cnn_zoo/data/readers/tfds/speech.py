"""Recordings of TensorFlow Datasets: a sound and a class."""

import numpy as np

from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.data.readers.tfds.opened import choose, keys_of
from keras_cnn_zoo.ops.host.waveforms import as_float, mono
from keras_cnn_zoo.utils.errors import InputError

WANTED = "a sound and a class"
# For a feature without a sample rate. TFDS itself plays such sounds at this rate.
USUAL_RATE = 16_000


def keys(name, features, held, supervised):
    """Returns the keys of sound and class, or None if one of them is missing."""
    audio = choose(keys_of(held, features.Audio), ("audio", *supervised))
    target = choose(keys_of(held, features.ClassLabel), ("label", *supervised))
    return None if audio is None or target is None else (audio, target)


def found(opened):
    """Returns the `Found` of what was opened."""
    audio, target = opened.keys
    class_names = opened.class_names(opened.features[target])
    rate, notes = opened.features[audio].sample_rate, opened.notes
    if not rate:
        rate = USUAL_RATE
        notes = (*notes, f"tfds:{opened.name} has no sample rate: {rate} is assumed")

    def look(row):
        opened.check_class(row, row[2], class_names)
        _waveform(opened.where(row), row[1])

    def example(row):
        audio = _waveform(opened.where(row), row[1])
        return {"audio": audio, "sample_rate": int(rate), "label": int(row[2])}

    return opened.survey(look).found(example, class_names, label=lambda row: int(row[2]), notes=notes)


def _waveform(where, samples):
    samples = np.asarray(samples)
    if not samples.size:
        raise InputError(f"{where} has no samples")
    if samples.dtype == np.int64:
        # TFDS stores 16-bit samples, and rarely 32-bit ones, in 64 bits.
        wide = np.abs(samples).max() > 2**15
        samples = samples.astype("int32" if wide else "int16")
    return sounds.check(mono(as_float(samples)), where)
