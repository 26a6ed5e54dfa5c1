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
from keras_cnn_zoo.tasks.argument import AUGMENT, CLASS_BALANCE, checked_level
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.tasks.single_label import SingleLabel, caption, labels_of, verdict
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.scripts import has_unspaced

# Shortest and longest text that a new network reads, in words.
LENGTHS = (8, 256)
_LINE = " line "


class Language(SingleLabel):
    """Texts to classes; metric `accuracy`, the fraction of right answers.

    A new network knows the words of the training texts. It reads as many words as 99 % of them have, at most
    256. `predict` takes text files and answers for each line.

    Args:
        vocabulary_size: largest number of words that a network knows.
        min_count: words that occur less often in the training texts stay unknown.
        windows: lengths of the n-grams of a new network. Without pretrained vectors, short ones did better
            on the movie reviews than the paper's 3, 4, and 5 (see `applications/language`).
        filters: number of filters per window at width 1.
        augment: "none" or "standard", which are the same: texts are not changed.
        class_balance: exponent of the class weights: a text of a class with frequency f has a weight
            proportional to f^-class_balance in the loss. 0 gives all texts the same weight.
    """

    name = "language"
    summary = "one class per text"
    models = {"textcnn": models.TextCNN}
    default_model = "textcnn"
    recipe = Recipe(
        epochs=12,
        batch_size=50,
        learning_rate=2e-3,
        fine_tune_learning_rate=1e-3,
        least_steps=200,
        patience=15,
    )

    fit_arguments = (AUGMENT, CLASS_BALANCE)

    def __init__(
        self,
        vocabulary_size=30_000,
        min_count=1,
        windows=(1, 2),
        filters=200,
        *,
        augment="standard",
        class_balance=0.0,
    ):
        self.augment = checked_level(augment)
        if augment not in ("none", "standard"):
            raise InputError(
                f"`augment` must be none or standard: texts are not augmented. Received: {augment!r}"
            )
        self.class_balance = validation.finite_number("class_balance", class_balance, minimum=0)
        self.vocabulary_size = validation.positive_integer("vocabulary_size", vocabulary_size)
        self.min_count = validation.positive_integer("min_count", min_count)
        self.windows = windows
        self.filters = filters

    def model_arguments(self, source):
        lengths = [len(tokenize(example["text"])) for example in source.split("train")]
        return {
            "num_classes": len(source.class_names),
            "vocabulary": self._vocabulary(source),
            "windows": self.windows,
            "filters": self.filters,
            "sequence_length": int(np.clip(np.ceil(np.quantile(lengths, 0.99)), *LENGTHS)),
            "class_names": source.class_names,
        }

    def adapt(self, preset, source, *, weights=None):
        """Returns the model of a preset with the words and classes of `source`; known words stay."""
        model = models.from_preset(preset, weights=weights)
        same_classes = tuple(model.class_names or ()) == tuple(source.class_names)
        known = set(model.vocabulary)
        room = max(0, self.vocabulary_size - len(known))
        # An old model keeps its words, unless none of them is of a script without spaces.
        characters = model.character_tokens or not any(map(has_unspaced, known))
        found = self._vocabulary(source, character_tokens=characters)
        new = tuple(word for word in found if word not in known)[:room]
        if same_classes and not new:
            return model
        config = {
            **model.get_config(),
            "vocabulary": [*model.vocabulary, *new],
            "character_tokens": characters,
        }
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

    def _vocabulary(self, source, **options):
        texts = (example["text"] for example in source.split("train"))
        return build_vocabulary(texts, size=self.vocabulary_size, min_count=self.min_count, **options)

    def measuring_batch(self, model, source, examples):
        return model.preprocess([example["text"] for example in examples]), labels_of(examples)

    def training_batch(self, model, source, examples, seed):
        return self.weighted(source, *self.measuring_batch(model, source, examples))

    def item(self, example):
        return example["text"]

    def answers(self, model, items, *, batch_size=None):
        """Returns what `TextCNN.explain` tells of each text: the class, and the n-grams that decided."""
        size = batch_size or self.batch_size
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        return [answer for part in parts for answer in model.explain(part)]

    def expand_inputs(self, inputs):
        """Returns each line of the text files as "FILE line NUMBER"; a folder means the files in it."""
        found = []
        for path in super().expand_inputs(inputs):
            try:
                numbers = [number for number, _ in _lines(path, os.stat(path).st_mtime_ns)]
            except (InputError, OSError):
                # A file that cannot be read is one input, for `check_input` to refuse.
                numbers = [1]
            found.extend(f"{path}{_LINE}{number}" for number in numbers)
        return found

    def check_input(self, path, **options):
        return len(self.read_input(path, None))

    def read_input(self, path, model):
        """Returns one line of a text file."""
        file, _, number = path.rpartition(_LINE)
        lines = _lines(file, os.stat(file).st_mtime_ns)
        if int(number) > len(lines):
            raise InputError(f"{path} is gone: the file was changed and has {len(lines)} lines now")
        text = lines[int(number) - 1][1]
        check_text(path, text)
        return text

    def describe(self, model, item, answer):
        return {"text": item, **answer}, {".png": text_drawing.sentence(answer, caption(answer))}

    def draw_truth(self, source, split="train", count=8):
        shown = []
        for example in sheets.sample(source.split(split), count):
            words = tokenize(example["text"])[: LENGTHS[1]]
            label = source.class_names[int(example["label"])]
            shown.append(text_drawing.sentence({"words": words, "ngrams": []}, label))
        return text_drawing.sheet(shown)

    def draw(self, model, source, split="test", count=8):
        examples = sheets.sample(source.split(split), count)
        shown = []
        answers = self.answers(model, [self.item(example) for example in examples])
        for example, answer in zip(examples, answers, strict=True):
            title, right = verdict(answer, source.class_names[int(example["label"])])
            shown.append(text_drawing.sentence(answer, title, right=right))
        return text_drawing.sheet(shown)


@functools.lru_cache(maxsize=1)
def _lines(path, modified):
    """Returns the numbered lines of a file as it was at `modified`; reads it once, not once per line."""
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder, not a text file")
    try:
        return numbered_lines(path, "utf-8")
    except InputError as error:
        # `predict` has no argument `encoding`.
        raise InputError(str(error).partition(". Name its")[0]) from error
