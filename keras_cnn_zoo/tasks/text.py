"""Text recognition: a picture of a word to its characters."""

import keras
import numpy as np

from keras_cnn_zoo import models
from keras_cnn_zoo.data.batches import Batches
from keras_cnn_zoo.data.embedded.rendered_words import RenderedWords
from keras_cnn_zoo.data.embedded.rendered_words.degradation import retaken
from keras_cnn_zoo.data.files.images import decode
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.metrics import CharacterErrorRate
from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.characters import ALPHABET
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

SIZE = (32, 100)


class Text(Task):
    """Words to strings; metrics `word_accuracy`, the share of words without a fault, and `cer`.

    Training pictures are cropped, slanted, lit and blurred a little differently each time. Where the alphabet
    is 0-9 and a-z, most of each batch are words that are drawn while the network trains, in the fonts of the
    extra `text` (or the few that matplotlib has); an epoch is one pass over the real ones.

    Args:
        synthetic: share of drawn words in a training batch, in [0, 1).
    """

    name = "text"
    models = {"crnn": models.CRNN}
    default_model = "crnn"
    metric = "word_accuracy"
    recipe = Recipe(
        epochs=40, batch_size=128, learning_rate=2e-3, fine_tune_learning_rate=5e-4, weight_decay=1e-2
    )

    def __init__(self, synthetic=0.8):
        self.synthetic = validation.probability("synthetic", synthetic, allow_one=False)

    def input_shape(self, source, image_size=None):
        # Grey whatever the pictures are: colour tells nothing of what is written.
        return (*(SIZE if image_size is None else image_size), 1)

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False, image_size=None):
        if not training:
            return super().batches(model, source, split, batch_size=batch_size, seed=seed)
        size = batch_size or self.recipe.batch_size
        examples = source.split(split)
        texts = _texts(examples)
        for name, text in zip(examples.names, texts, strict=True):
            _encoded(model, [text], name)
        share = self.synthetic if tuple(source.class_names) == ALPHABET else 0.0
        words = None
        if share and round(size * share):
            words = RenderedWords(
                source.class_names,
                given=sorted(set(texts)),
                size=model.input_shape[1:3],
                columns=model.columns,
            )
            say(f"{share:.0%} of each batch are words drawn in {len(words.families)} font families")

        def prepare(examples, batch_seed):
            return self._training_batch(model, examples, size if words else 0, words, batch_seed)

        real = max(1, size - round(size * share))
        return Batches(examples, prepare, batch_size=real, seed=seed, training=True)

    def _training_batch(self, model, examples, size, words, seed):
        """The examples, and drawn words up to `size`."""
        shape = model.input_shape[1:3]
        images = [
            retaken(example["image"], shape, np.random.default_rng((*seed, 0, position)))[..., None]
            for position, example in enumerate(examples)
        ]
        texts = [example["text"] for example in examples]
        if len(examples) < size:
            for example in words(size - len(examples), (*seed, 1)):
                images.append(example["image"])
                texts.append(example["text"])
        return model.preprocess(images), _encoded(model, texts)

    def prepare(self, model, source, examples, seed=None):
        if seed is not None:
            return self._training_batch(model, examples, 0, None, seed)
        images = model.preprocess([example["image"] for example in examples])
        return images, _encoded(model, [example["text"] for example in examples])

    def loss(self):
        return keras.losses.CTC()

    def evaluate(self, model, source, split="test", *, batch_size=None):
        examples = source.split(split)
        size = batch_size or 250
        truths, answers = [], []
        for start in range(0, len(examples), size):
            batch = examples[start : start + size]
            held = [batch[position] for position in range(len(batch))]
            truths.extend(example["text"] for example in held)
            answers.extend(answer["text"] for answer in _read(model, [example["image"] for example in held]))
        return _measured(truths, answers)

    def baseline(self, source, split="test"):
        """Always answering the text that is most frequent in training."""
        train = source.splits["train"] if len(source.splits["train"]) else source.split(split)
        seen, counts = np.unique(_texts(train), return_counts=True)
        truths = _texts(source.split(split))
        return _measured(truths, [str(seen[counts.argmax()])] * len(truths))

    def read_input(self, path, model):
        """A picture in the colours of its file, for the answer to be shown on."""
        return decode(path)

    def describe(self, model, item):
        answer = _read(model, [item])[0]
        title = f"{answer['text'] or '(nothing)'}  {answer['score']:.0%}"
        return answer, {".png": sheets.captioned(item, title)}

    def draw(self, model, source, split="test", count=16):
        examples = sheets.sample(source.split(split), count)
        answers = _read(model, [example["image"] for example in examples])
        titles = [
            (f"{answer['text'] or '(nothing)'}, true: {example['text']}", answer["text"] == example["text"])
            for answer, example in zip(answers, examples, strict=True)
        ]
        return sheets.grid([example["image"] for example in examples], titles)


def _texts(split):
    return [split[position]["text"] for position in range(len(split))]


def _read(model, images):
    return model.decode(model.predict_on_batch(model.preprocess(images)))


def _encoded(model, texts, name=None):
    """Labels of `texts`, or an `InputError` that names the example."""
    try:
        return model.encode(texts)
    except ValueError as error:
        where = "" if name is None else f"{name}: "
        raise InputError(f"{where}{error}; --image-size {SIZE[0]}xWIDTH gives more columns") from error


def _measured(truths, answers):
    errors = CharacterErrorRate()
    errors.update_state(truths, answers)
    right = sum(truth == answer for truth, answer in zip(truths, answers, strict=True))
    return {"word_accuracy": right / len(truths), "cer": float(errors.result())}
