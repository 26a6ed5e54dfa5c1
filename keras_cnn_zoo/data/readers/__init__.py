"""The table of formats. A new format is a file next to this one and a line in `READERS`.

A reader is a file with `TASKS`, the tasks that it serves, and `read(path, options)`, which returns a `Found`.
It does not draw missing splits. The reader of an embedded set has the name of the set.
"""

import collections

from keras_cnn_zoo.data.readers import (
    coco,
    digit_scenes,
    images,
    labelled,
    library_english,
    lines,
    masks,
    npz,
    otb,
    stills,
    tfds,
    tone_digits,
    voc,
    wavs,
    words,
    yolo,
)

Reader = collections.namedtuple("Reader", ["read", "tasks"])


def _reader(module, extended=None):
    """Returns the `Reader` of a file, extended by tracking if a function of `stills` is given."""
    if extended is None:
        return Reader(module.read, module.TASKS)
    return Reader(extended(module.read), (*module.TASKS, *stills.TASKS))


# From task to the name of its embedded set and the reader.
EMBEDDED = {
    task: (module.__name__.rpartition(".")[2], _reader(module))
    for module in (digit_scenes, library_english, tone_digits)
    for task in module.TASKS
}
READERS = {
    "coco": _reader(coco, stills.or_boxes),
    "images": _reader(images, stills.or_pictures),
    # The name that earlier versions had is next to the American one.
    "labeled": _reader(labelled),
    "labelled": _reader(labelled),
    "lines": _reader(lines),
    "masks": _reader(masks),
    "npz": _reader(npz),
    "otb": _reader(otb),
    "tfds": _reader(tfds),
    "voc": _reader(voc, stills.or_boxes),
    "wavs": _reader(wavs),
    "words": _reader(words),
    "yolo": _reader(yolo, stills.or_boxes),
}
