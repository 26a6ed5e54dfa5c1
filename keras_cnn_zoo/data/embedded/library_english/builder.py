"""`library_english` as a TensorFlow Datasets builder: importing this module registers the name."""

import tensorflow_datasets as tfds

from keras_cnn_zoo.data.embedded.builder import EmbeddedBuilder
from keras_cnn_zoo.data.embedded.library_english.sentences import CLASSES, sentences


class LibraryEnglish(EmbeddedBuilder):
    """Builder of `library_english`."""

    DESCRIPTION = (
        "Sentences from the docstrings of Python's standard library; the class is the package that a "
        "sentence documents. Which sentences belong to it is fixed by their hashes."
    )
    CITATION = "@misc{python, author={{Python Software Foundation}}, title={The Python Standard Library}}"
    HOMEPAGE = "https://docs.python.org/3/library/"

    def example_features(self):
        features = {
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=list(CLASSES)),
        }
        return features, ("text", "label")

    def _generate_examples(self, split):
        made = sentences()
        for index, (text, label) in enumerate(zip(made.texts[split], made.labels[split], strict=True)):
            yield index, {"text": text, "label": label}
