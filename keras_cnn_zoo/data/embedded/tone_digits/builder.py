"""`tone_digits` as a TensorFlow Datasets builder: importing this module registers the name."""

import numpy as np
import tensorflow_datasets as tfds

from keras_cnn_zoo.data.embedded.tone_digits import tones

_DESCRIPTION = (
    "Digits as a telephone dials them: two tones at once with the frequencies of ITU-T Q.23, up to 1.5 % "
    "off, 60 to 250 ms long, somewhere in a clip of noise and hum at 8,000 samples a second."
)
_CITATION = (
    "@techreport{itut1988q23, author={{ITU-T}}, title={Recommendation Q.23: Technical features of "
    "push-button telephone sets}, year={1988}}"
)
_SPLITS = {"train": "train", "validation": "val", "test": "test"}


class ToneDigits(tfds.core.GeneratorBasedBuilder):
    """Builder of `tone_digits`."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        features = {
            "audio": tfds.features.Audio(file_format="wav", dtype=np.int16, sample_rate=tones.RATE),
            "label": tfds.features.ClassLabel(names=list(tones.CLASSES)),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("audio", "label"),
            homepage="https://www.itu.int/rec/T-REC-Q.23",
            citation=_CITATION,
            # The order of the clips is part of the data set.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(split) for name, split in _SPLITS.items()}

    def _generate_examples(self, split):
        made = tones.tones(split)
        for index, (clip, label) in enumerate(zip(made.clips, made.labels, strict=True)):
            yield index, {"audio": clip, "label": int(label)}
