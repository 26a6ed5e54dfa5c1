"""The base class of the embedded sets as TensorFlow Datasets builders."""

import abc

import tensorflow_datasets as tfds

_SPLITS = {"train": "train", "validation": "val", "test": "test"}


class EmbeddedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder whose examples are computed, not downloaded.

    A subclass sets `DESCRIPTION`, `HOMEPAGE`, and `CITATION`. Its `_generate_examples` takes "train", "val",
    or "test".
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    @abc.abstractmethod
    def example_features(self):
        """Returns a dict from key to feature, and the supervised keys or None."""

    def _info(self):
        features, supervised_keys = self.example_features()
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=supervised_keys,
            homepage=self.HOMEPAGE,
            citation=self.CITATION,
            # The order of the examples is part of the data set.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(split) for name, split in _SPLITS.items()}
