"""The embedded tone-dialed digits, the default data of the speech task."""

from keras_cnn_zoo.data.embedded.tone_digits import tones
from keras_cnn_zoo.data.readers.numbering import example_names
from keras_cnn_zoo.data.source import SPLIT_NAMES, Found, Split
from keras_cnn_zoo.ops.host.waveforms import as_float

TASKS = ("speech",)


def read(path, options):
    """Returns the `Found` of the clips; `path` is None."""
    splits = {name: _split(name) for name in SPLIT_NAMES}
    return Found(splits=splits, class_names=tones.CLASSES, channels=None)


def _split(name):
    made = tones.tones(name)

    def read_example(position):
        return {
            "audio": as_float(made.clips[position]),
            "sample_rate": tones.RATE,
            "label": int(made.labels[position]),
        }

    return Split(example_names(name, len(made.clips)), read_example, labels=made.labels)
