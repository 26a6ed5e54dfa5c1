"""Recordings of TensorFlow Datasets: a sound and a class."""

import numpy as np

from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.data.readers.tfds.opened import choose
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.ops.host.waveforms import as_float, mono
from keras_cnn_zoo.utils.errors import InputError

WANTED = "a sound and a class"
# What a feature without a rate of its own most likely has: TFDS itself plays it at that.
USUAL_RATE = 16_000


def keys(name, features, held, supervised):
    """Keys of sound and class, or None where there are none."""
    recordings = [key for key, feature in held.items() if isinstance(feature, features.Audio)]
    targets = [key for key, feature in held.items() if isinstance(feature, features.ClassLabel)]
    audio = choose(recordings, ("audio", *supervised))
    target = choose(targets, ("label", *supervised))
    return None if audio is None or target is None else (audio, target)


def found(opened):
    """The examples of what was opened."""
    audio, target = opened.keys
    class_names = opened.class_names(opened.features[target])
    rate, notes = opened.features[audio].sample_rate, opened.notes
    if not rate:
        rate = USUAL_RATE
        notes = (*notes, f"tfds:{opened.name} tells no sample rate: taken as {rate}")

    def look(row):
        opened.check_class(row[0], row[2], class_names)
        _waveform(opened.name, row)

    kept, _, skipped = opened.survey(look)

    def split(rows):
        def read_example(position):
            row = rows[position]
            return {"audio": _waveform(opened.name, row), "sample_rate": int(rate), "label": int(row[2])}

        return Split([row[0] for row in rows], read_example, labels=[int(row[2]) for row in rows])

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, class_names, None, notes, tuple(skipped))


def _waveform(name, row):
    where, samples = f"tfds:{name}: {row[0]}", np.asarray(row[1])
    if not samples.size:
        raise InputError(f"{where} holds no samples")
    if samples.dtype == np.int64:
        # TFDS keeps 16-bit samples, and rarely 32-bit ones, in 64 bits.
        wide = np.abs(samples).max() > 2**15
        samples = samples.astype("int32" if wide else "int16")
    return sounds.check(mono(as_float(samples)), where)
