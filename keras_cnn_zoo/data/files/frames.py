"""The frames of a sequence, decoded on access."""

import collections.abc

from keras_cnn_zoo.data.files import images as image_files


class PictureFrames(collections.abc.Sequence):
    """A sequence of images, each decoded on access and not cached.

    Args:
        files: Paths, or bytes of encoded images.
        names: Names of the images in messages; the paths if None.
    """

    def __init__(self, files, names=None):
        self.files = list(files)
        self.names = self.files if names is None else list(names)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return PictureFrames(self.files[index], self.names[index])
        return image_files.decode(self.files[index], name=self.names[index], channels=3)
