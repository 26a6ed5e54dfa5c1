"""`tone_digits` as a TensorFlow Datasets builder: importing this module registers the name."""

import numpy as np
import tensorflow_datasets as tfds

from keras_cnn_zoo.data.embedded.builder import EmbeddedBuilder
from keras_cnn_zoo.data.embedded.tone_digits import tones


class ToneDigits(EmbeddedBuilder):
    """Builder of `tone_digits`."""

    DESCRIPTION = (
        "Digits as a telephone dials them: two tones at once with the frequencies of ITU-T Q.23, up to 1.5 % "
        "off, 60 to 250 ms long, at a random time in a clip of noise and hum at 8,000 samples per second."
    )
    CITATION = (
        "@techreport{itut1988q23, author={{ITU-T}}, title={Recommendation Q.23: Technical features of "
        "push-button telephone sets}, year={1988}}"
    )
    HOMEPAGE = "https://www.itu.int/rec/T-REC-Q.23"

    def example_features(self):
        features = {
            "audio": tfds.features.Audio(file_format="wav", dtype=np.int16, sample_rate=tones.RATE),
            "label": tfds.features.ClassLabel(names=list(tones.CLASSES)),
        }
        return features, ("audio", "label")

    def _generate_examples(self, split):
        made = tones.tones(split)
        for index, (clip, label) in enumerate(zip(made.clips, made.labels, strict=True)):
            yield index, {"audio": clip, "label": int(label)}
