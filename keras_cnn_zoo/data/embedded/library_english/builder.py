"""`library_english` as a TensorFlow Datasets builder: importing this module registers the name."""

import tensorflow_datasets as tfds

from keras_cnn_zoo.data.embedded.library_english.sentences import CLASSES, sentences

_DESCRIPTION = (
    "Sentences from the docstrings of Python's standard library; the class is the package that a sentence "
    "documents. Which sentences belong to it is fixed by their hashes."
)
_CITATION = "@misc{python, author={{Python Software Foundation}}, title={The Python Standard Library}}"
_SPLITS = {"train": "train", "validation": "val", "test": "test"}


class LibraryEnglish(tfds.core.GeneratorBasedBuilder):
    """Builder of `library_english`."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        features = {
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=list(CLASSES)),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("text", "label"),
            homepage="https://docs.python.org/3/library/",
            citation=_CITATION,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(split) for name, split in _SPLITS.items()}

    def _generate_examples(self, split):
        made = sentences()
        for index, (text, label) in enumerate(zip(made.texts[split], made.labels[split], strict=True)):
            yield index, {"text": text, "label": label}
