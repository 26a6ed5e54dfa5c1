"""Text recognition: a picture of a word to its characters."""

import keras
import numpy as np

from keras_cnn_zoo import models
from keras_cnn_zoo.data.augmentation.levels import LEVELS
from keras_cnn_zoo.data.embedded.rendered_words import RenderedWords
from keras_cnn_zoo.data.embedded.rendered_words.degradation import retaken
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.metrics import CharacterErrorRate
from keras_cnn_zoo.tasks.argument import AUGMENT, IMAGE_SIZE, checked_level, checked_size
from keras_cnn_zoo.tasks.base import Task
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.characters import ALPHABET
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

SIZE = (32, 100)


class Text(Task):
    """Images of words to strings; metrics `word_accuracy`, the fraction of words without an error, and `cer`.

    Training images are cropped, slanted, lit, and blurred at random. If the alphabet is 0-9 and a-z, most of
    each batch are words drawn during training, in the fonts of the extra `text` (or the few that matplotlib
    has). An epoch is one pass over the real words.

    Args:
        synthetic: fraction of drawn words in a training batch, in [0, 1).
        image_size: (height, width) of a new network's images, or None for 32 x 100.
        augment: "none" for real words as they are, "light", "standard", or "strong". "light" halves the
            margins, the slant, and the change of light; "strong" raises them by half. Drawn words are the
            same at every level.
    """

    name = "text"
    summary = "the text on an image of a word"
    models = {"crnn": models.CRNN}
    default_model = "crnn"
    metric = "word_accuracy"
    recipe = Recipe(
        epochs=40,
        batch_size=128,
        learning_rate=2e-3,
        fine_tune_learning_rate=5e-4,
        weight_decay=1e-2,
        least_steps=500,
        patience=15,
    )
    fit_arguments = (IMAGE_SIZE, AUGMENT)

    def __init__(self, synthetic=0.8, *, image_size=None, augment="standard"):
        self.augment = checked_level(augment)
        self.image_size = checked_size(image_size)
        self.synthetic = validation.probability("synthetic", synthetic, allow_one=False)

    def input_shape(self, source):
        # Gray, whatever the images are: color says nothing about what is written.
        return (*(self.image_size or SIZE), 1)

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False):
        if training:
            examples = source.split(split)
            for name, text in zip(examples.names, _texts(examples), strict=True):
                _encoded(model, [text], name)
            words = self._drawn_words(model, source)
            if words is not None:
                families = len(words.families)
                say(f"{self.synthetic:.0%} of each batch are words drawn in {families} font families")
        return super().batches(model, source, split, batch_size=batch_size, seed=seed, training=training)

    def examples_per_batch(self, source):
        size = self.recipe.batch_size
        return max(1, size - round(size * self._share(source)))

    def _share(self, source):
        """Returns the fraction of drawn words: they are of one alphabet."""
        return self.synthetic if tuple(source.class_names) == ALPHABET else 0.0

    def _drawn_words(self, model, source):
        """Returns what draws words for a model, made once per data set; None where no word is drawn."""
        if not round(self.recipe.batch_size * self._share(source)):
            return None
        size, columns = model.input_shape[1:3], model.columns
        return source.once(
            ("drawn words", size, columns),
            lambda: RenderedWords(
                source.class_names,
                given=sorted(set(_texts(source.split("train")))),
                size=size,
                columns=columns,
            ),
        )

    def training_batch(self, model, source, examples, seed):
        shape, factor = model.input_shape[1:3], LEVELS[self.augment]
        images = [example["image"] for example in examples]
        if factor:
            images = [
                retaken(image, shape, np.random.default_rng((*seed, 0, position)), factor=factor)[..., None]
                for position, image in enumerate(images)
            ]
        texts = [example["text"] for example in examples]
        words, missing = self._drawn_words(model, source), self.recipe.batch_size - len(examples)
        if words is not None and missing > 0:
            for example in words(missing, (*seed, 1)):
                images.append(example["image"])
                texts.append(example["text"])
        return model.preprocess(images), _encoded(model, texts)

    def measuring_batch(self, model, source, examples):
        images = model.preprocess([example["image"] for example in examples])
        return images, _encoded(model, [example["text"] for example in examples])

    def loss(self):
        return keras.losses.CTC()

    def measure(self, source, pairs):
        truths, answers = [], []
        for example, answer in pairs:
            truths.append(example["text"])
            answers.append(answer["text"])
        return _measured(truths, answers)

    def baseline(self, source, split="test"):
        """Returns the metrics of the text that is most frequent in training."""
        train = source.splits["train"] if len(source.splits["train"]) else source.split(split)
        seen, counts = np.unique(_texts(train), return_counts=True)
        truths = _texts(source.split(split))
        return _measured(truths, [str(seen[counts.argmax()])] * len(truths))

    def describe(self, model, item, answer):
        title = f"{answer['text'] or '(nothing)'}  {answer['score']:.0%}"
        return answer, {".png": sheets.captioned(item, title)}

    def draw_truth(self, source, split="train", count=16):
        examples = sheets.sample(source.split(split), count)
        return sheets.grid([one["image"] for one in examples], [(one["text"], True) for one in examples])

    def draw(self, model, source, split="test", count=16):
        examples = sheets.sample(source.split(split), count)
        answers = self.answers(model, [self.item(example) for example in examples])
        titles = [
            (f"{answer['text'] or '(nothing)'}, true: {example['text']}", answer["text"] == example["text"])
            for answer, example in zip(answers, examples, strict=True)
        ]
        return sheets.grid([example["image"] for example in examples], titles)


def _texts(split):
    return [split[position]["text"] for position in range(len(split))]


def _encoded(model, texts, name=None):
    """Returns the labels of `texts`, or raises an `InputError` that names the example."""
    try:
        return model.encode(texts)
    except ValueError as error:
        where = "" if name is None else f"{name}: "
        raise InputError(f"{where}{error}; a wider `image_size` gives more columns") from error


def _measured(truths, answers):
    errors = CharacterErrorRate()
    errors.update_state(truths, answers)
    right = sum(truth == answer for truth, answer in zip(truths, answers, strict=True))
    return {"word_accuracy": right / len(truths), "cer": float(errors.result())}
