"""Language: one class per text."""

import functools
import os

import keras
import numpy as np

from keras_cnn_zoo import models
from keras_cnn_zoo.data.readers.texts import check_text, numbered_lines
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.drawing import texts as text_drawing
from keras_cnn_zoo.models.language import build_vocabulary, tokenize
from keras_cnn_zoo.models.language.tokenization import FIRST_WORD
from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

# Shortest and longest text that a new network looks at, in words.
LENGTHS = (8, 256)
_LINE = " line "


class Language(Task):
    """Texts to classes; metric `accuracy`, the share of right answers.

    A new network knows the words of the training texts and looks at as many words as 99 % of them have, 256
    at most. `predict` takes text files and answers for each line.

    Args:
        vocabulary_size: largest number of words that a network knows.
        min_count: words that occur less often in the training texts stay unknown.
        windows: lengths of the n-grams of a new network. Without pretrained vectors short ones did better
            on the movie reviews than the paper's 3, 4 and 5 (see `applications/language`).
        filters: number of filters of each window at width 1.
    """

    name = "language"
    models = {"textcnn": models.TextCNN}
    default_model = "textcnn"
    metric = "accuracy"
    recipe = Recipe(epochs=12, batch_size=50, learning_rate=2e-3, fine_tune_learning_rate=1e-3)

    def __init__(self, vocabulary_size=30_000, min_count=1, windows=(1, 2), filters=200):
        self.vocabulary_size = vocabulary_size
        self.min_count = min_count
        self.windows = windows
        self.filters = filters

    def model_arguments(self, source, image_size=None):
        if image_size is not None:
            raise InputError("--image-size is for pictures: language has none")
        lengths = [len(tokenize(example["text"])) for example in source.split("train")]
        return {
            "num_classes": len(source.class_names),
            "vocabulary": self._vocabulary(source),
            "windows": self.windows,
            "filters": self.filters,
            "sequence_length": int(np.clip(np.ceil(np.quantile(lengths, 0.99)), *LENGTHS)),
            "class_names": source.class_names,
        }

    def adapt(self, preset, source):
        """The model of a preset with the words and classes of `source`; words of both keep their vectors."""
        model = models.from_preset(preset)
        same_classes = tuple(model.class_names or ()) == tuple(source.class_names)
        known = set(model.vocabulary)
        room = max(0, self.vocabulary_size - len(known))
        new = tuple(word for word in self._vocabulary(source) if word not in known)[:room]
        if same_classes and not new:
            return model
        config = {**model.get_config(), "vocabulary": [*model.vocabulary, *new]}
        if not same_classes:
            say(f"the preset's head is replaced for the {len(source.class_names)} classes of {source.name}")
            config |= {"num_classes": len(source.class_names), "class_names": list(source.class_names)}
        say(f"{len(new)} words of {source.name} are new to the preset, which knew {len(known)}")
        adapted = type(model).from_config(config)
        count = len(known) + FIRST_WORD
        for layer, before in zip(adapted.layers, model.layers, strict=True):
            if layer.name in model.head_names and not same_classes:
                continue
            for variable, old in zip(layer.weights, before.weights, strict=True):
                value = keras.ops.convert_to_numpy(variable).copy()
                value[: count if isinstance(layer, keras.layers.Embedding) else None] = old
                variable.assign(value)
        return adapted

    def _vocabulary(self, source):
        texts = (example["text"] for example in source.split("train"))
        return build_vocabulary(texts, size=self.vocabulary_size, min_count=self.min_count)

    def prepare(self, model, source, examples, seed=None):
        labels = np.array([int(example["label"]) for example in examples], dtype="int32")
        return model.preprocess([example["text"] for example in examples]), labels

    def loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def evaluate(self, model, source, split="test", *, batch_size=None):
        metric = keras.metrics.SparseCategoricalAccuracy()
        for ids, labels in self.batches(model, source, split, batch_size=batch_size or 256):
            metric.update_state(labels, model.predict_on_batch(ids))
        return {"accuracy": float(metric.result())}

    def baseline(self, source, split="test"):
        """Always answering the class that is most frequent in training."""
        train = source.splits["train"] if len(source.splits["train"]) else source.split(split)
        answer = np.bincount(train.labels, minlength=len(source.class_names)).argmax()
        return {"accuracy": float(np.mean(source.split(split).labels == answer))}

    def expand_inputs(self, inputs):
        """Each line of the text files, as "FILE line NUMBER"; a folder stands for the files in it."""
        return [
            f"{path}{_LINE}{number}"
            for path in super().expand_inputs(inputs)
            for number, _ in _lines(path, os.stat(path).st_mtime_ns)
        ]

    def read_input(self, path, model):
        """One line of a text file."""
        file, _, number = path.rpartition(_LINE)
        text = _lines(file, os.stat(file).st_mtime_ns)[int(number) - 1][1]
        check_text(path, text)
        return text

    def describe(self, model, item):
        answer = model.explain([item])[0]
        title = f"{answer['class_name']}  {answer['probability']:.0%}"
        return {"text": item, **answer}, {".png": text_drawing.sentence(answer, title)}

    def draw(self, model, source, split="test", count=8):
        shown = []
        examples = sheets.sample(source.split(split), count)
        answers = model.explain([example["text"] for example in examples])
        for example, answer in zip(examples, answers, strict=True):
            truth = source.class_names[int(example["label"])]
            title = f"{answer['class_name']} ({answer['probability']:.0%}), true: {truth}"
            shown.append(text_drawing.sentence(answer, title, right=answer["class_name"] == truth))
        return text_drawing.sheet(shown)


@functools.lru_cache(maxsize=1)
def _lines(path, modified):
    """The numbered lines of a file as it was when `modified`: read once, not once a line."""
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder, not a text file")
    try:
        return numbered_lines(path, "utf-8")
    except InputError as error:
        # `predict` has no --encoding.
        raise InputError(str(error).partition(". Name its")[0]) from error
