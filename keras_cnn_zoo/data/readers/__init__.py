"""The table of formats. A new format is a file beside this one and a line in `READERS`.

A reader is a function `read(path, options) -> Found`; it knows nothing of how missing splits are drawn.
"""

import collections

from keras_cnn_zoo.data.readers import digit_scenes, images, masks, npz, tfds

Reader = collections.namedtuple("Reader", ["read", "tasks"])

EMBEDDED = Reader(digit_scenes.read, digit_scenes.TASKS)
READERS = {
    "images": Reader(images.read, images.TASKS),
    "masks": Reader(masks.read, masks.TASKS),
    "npz": Reader(npz.read, npz.TASKS),
    "tfds": Reader(tfds.read, tfds.TASKS),
}
