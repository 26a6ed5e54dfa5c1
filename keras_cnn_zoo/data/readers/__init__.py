"""The table of formats. A new format is a file beside this one and a line in `READERS`.

A reader is a function `read(path, options) -> Found`; it knows nothing of how missing splits are drawn.
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
)

Reader = collections.namedtuple("Reader", ["read", "tasks"])

# Task to the name of its embedded set and the reader.
EMBEDDED = {
    **{task: ("digit_scenes", Reader(digit_scenes.read, digit_scenes.TASKS)) for task in digit_scenes.TASKS},
    "language": ("library_english", Reader(library_english.read, library_english.TASKS)),
    "speech": ("tone_digits", Reader(tone_digits.read, tone_digits.TASKS)),
}
READERS = {
    "coco": Reader(stills.or_boxes(coco.read), (*coco.TASKS, "tracking")),
    "images": Reader(stills.or_pictures(images.read), (*images.TASKS, "tracking")),
    "labelled": Reader(labelled.read, labelled.TASKS),
    "lines": Reader(lines.read, lines.TASKS),
    "masks": Reader(masks.read, masks.TASKS),
    "npz": Reader(npz.read, npz.TASKS),
    "otb": Reader(otb.read, otb.TASKS),
    "tfds": Reader(tfds.read, tfds.TASKS),
    "voc": Reader(stills.or_boxes(voc.read), (*voc.TASKS, "tracking")),
    "wavs": Reader(wavs.read, wavs.TASKS),
    "words": Reader(words.read, words.TASKS),
}
