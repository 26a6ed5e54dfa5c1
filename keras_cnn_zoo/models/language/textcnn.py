"""TextCNN: one layer of convolutions over word vectors, and the n-grams that decided."""

import keras
import numpy as np
from keras import layers, ops

from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.classifier import Classifier
from keras_cnn_zoo.models.language.tokenization import FIRST_WORD, PADDING, UNKNOWN, Words
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.arrays import to_numpy

# From variant to its tables of word vectors: name, and whether training changes them.
CHANNELS = {
    "rand": {"embedding": True},
    "static": {"embedding": False},
    "non-static": {"embedding": True},
    "multichannel": {"embedding": True, "embedding_static": False},
}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class TextCNN(Classifier):
    """Sentence classifier: convolutions over word vectors, their maxima over time, and one dense layer.

    A filter of window h gives max_t relu(w . x_{t:t+h-1} + b) over the n - h + 1 windows inside a sentence of
    n words. A shorter sentence has one window, padded with zeros. The variants differ in the word vectors:
    "rand" learns them from random ones, "static" keeps pretrained ones, "non-static" fine-tunes them, and
    "multichannel" has both as two channels. `set_word_vectors` sets pretrained vectors. This package has
    none, and without them "static" keeps random vectors.

    Reference:
        Kim, "Convolutional Neural Networks for Sentence Classification", 2014, arXiv:1408.5882.

    Differs from the paper: each filter of "multichannel" has separate weights for each channel, like a filter
    on the colors of an image. Word dropout and dropout of embedding dimensions are additions, off by default.

    Args:
        num_classes: number of classes, a positive integer.
        vocabulary: sequence of distinct words as `tokenize` returns them. Word id 0 is padding, 1 is any
            unknown word, and the ids of the vocabulary start at 2.
        sequence_length: number of words that are used. Longer texts are cut.
        variant: "rand", "static", "non-static", or "multichannel".
        width: scales the number of filters.
        embedding_size: size of a word vector.
        windows: lengths of the n-grams, distinct positive integers.
        filters: number of filters of each window at width 1.
        dropout: share of the maxima dropped in training, in [0, 1).
        word_dropout: share of the words dropped in training, in [0, 1).
        embedding_dropout: share of the embedding dimensions dropped from a whole sentence in training, in
            [0, 1).
        max_norm: largest L2 norm of the weights of a class in the softmax layer, or None for no limit.
        character_tokens: whether each character of a script without spaces between words, such as Chinese, is
            a word, as in `tokenize`. The vocabulary must be built in the same way. Models saved before this
            argument existed load with False.
        class_names: names of the classes, or None.
        **kwargs: `name` and `trainable`.

    Call arguments:
        inputs: int32 tensor of word ids, as `preprocess` returns them, with padding only at the end.

    Input shape:
        (batch, sequence_length).

    Output shape:
        (batch, num_classes), logits.

    Raises:
        ValueError: for an unknown variant, a vocabulary with a word twice, or another bad argument.

    >>> from keras_cnn_zoo.models import TextCNN
    >>> model = TextCNN(2, vocabulary=("good", "bad", "film"), sequence_length=6)
    >>> ids = model.preprocess(["A good film!"])
    >>> print(ids[0])
    [1 2 4 1 0 0]
    >>> print(tuple(model(ids).shape))
    (1, 2)
    """

    task = "language"
    input_name = "words"
    variants = tuple(CHANNELS)
    # There is no image to normalize. These are the ids of padding and of unknown words.
    preprocessing = {"padding": PADDING, "unknown": UNKNOWN}
    usage = "answer = model.decode(model(model.preprocess(texts)))"

    def __init__(
        self,
        num_classes,
        *,
        vocabulary,
        sequence_length=64,
        variant="rand",
        width=1.0,
        embedding_size=300,
        windows=(3, 4, 5),
        filters=100,
        dropout=0.5,
        word_dropout=0.0,
        embedding_dropout=0.0,
        max_norm=3.0,
        character_tokens=True,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        vocabulary = _check_vocabulary(vocabulary)
        sequence_length = validation.positive_integer("sequence_length", sequence_length)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        embedding_size = validation.positive_integer("embedding_size", embedding_size)
        windows = _check_windows(windows)
        filters = validation.positive_integer("filters", filters)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        word_dropout = validation.probability("word_dropout", word_dropout, allow_one=False)
        embedding_dropout = validation.probability("embedding_dropout", embedding_dropout, allow_one=False)
        if max_norm is not None:
            max_norm = validation.finite_number("max_norm", max_norm, above=0)
        character_tokens = validation.boolean("character_tokens", character_tokens)
        class_names = self.check_class_names(num_classes, class_names)
        if sequence_length < max(windows):
            requirement = f"at least {max(windows)}, the longest of `windows`"
            validation.fail("sequence_length", requirement, sequence_length)

        # === Functional model ===
        inputs = keras.Input((sequence_length,), dtype="int32", name="words")
        is_word = ops.not_equal(inputs, PADDING)
        x = _word_vectors(inputs, is_word, CHANNELS[variant], len(vocabulary) + FIRST_WORD, embedding_size)
        if word_dropout:
            x = layers.Dropout(word_dropout, noise_shape=(None, sequence_length, 1), name="word_dropout")(x)
        if embedding_dropout:
            x = layers.SpatialDropout1D(embedding_dropout, name="embedding_dropout")(x)
        maxima = []
        for window in windows:
            maps = layers.Conv1D(
                scaled(filters, width),
                window,
                activation="relu",
                data_format="channels_last",
                name=f"convolution_{window}",
            )(x)
            # ReLU is never negative, so a window set to zero never exceeds one inside the sentence.
            inside = ops.expand_dims(ops.cast(_inside(is_word, window), maps.dtype), -1)
            maxima.append(ops.max(maps * inside, axis=1))
        x = layers.Concatenate(name="maxima")(maxima) if len(maxima) > 1 else maxima[0]
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        constraint = None if max_norm is None else keras.constraints.MaxNorm(max_norm, axis=0)
        outputs = layers.Dense(num_classes, kernel_constraint=constraint, dtype="float32", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        self._words = Words(vocabulary, character_tokens=character_tokens)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model of a config that `get_config` returned, or an earlier version's."""
        return super().from_config({"character_tokens": False, **config}, custom_objects)

    def preprocess(self, texts):
        """Returns texts as an int32 batch of word ids (batch, sequence_length).

        Args:
            texts: a string, or a list of strings. Words beyond `sequence_length` are cut off. A text without
                words counts as one unknown word.

        Raises:
            ValueError: for an empty list, or a value that is not a string.
        """
        return self._words.encode(_as_texts(texts), self.sequence_length)

    def _input_facts(self):
        return {
            "kind": "words",
            "axes": ["batch", "words"],
            "fit": f"{PADDING} after the last word of a shorter text; a longer one is cut",
            "padding": PADDING,
            "unknown": UNKNOWN,
            "first_word": FIRST_WORD,
            "character_tokens": self.character_tokens,
            "vocabulary": list(self.vocabulary),
        }

    def explain(self, texts):
        """Returns the classes of texts, and for each window the n-gram that contributed most.

        A filter contributes to the n-gram at its maximum: that maximum times the weight of the predicted
        class minus the mean weight of the others. The n-gram with the largest sum is reported.

        Args:
            texts: as for `preprocess`.

        Returns:
            The list that `decode` returns, each dict with `words`, the words that were used, and `ngrams`, a
            list of dicts of `window`, `start` (position in `words`), `words`, and `contribution` (in units of
            the logits).
        """
        texts = _as_texts(texts)
        ids = self.preprocess(texts)
        outputs = [self.get_layer(f"convolution_{window}").output for window in self.windows]
        network = keras.Model(self.input, [self.output, *outputs])
        logits, *maps = map(to_numpy, network(ids, training=False))
        kernel = to_numpy(self.get_layer("logits").kernel)
        answers = self.decode(logits)
        for row, (text, answer) in enumerate(zip(texts, answers, strict=True)):
            answer["words"] = self._words.tokenize(text)[: self.sequence_length]
            weights = _decision_weights(kernel, answer["class_id"])
            parts = np.split(weights, len(self.windows))
            count = int(np.count_nonzero(ids[row] != PADDING))
            answer["ngrams"] = [
                _deciding_ngram(window, found[row], part, answer["words"], count)
                for window, found, part in zip(self.windows, maps, parts, strict=True)
            ]
        return answers

    def set_word_vectors(self, vectors):
        """Sets pretrained vectors in the table of word vectors, in both tables of "multichannel".

        Args:
            vectors: dict from word to vector, as `read_word_vectors` returns it. Missing words keep their
                vectors. Or an array (words, embedding_size) in the order of `vocabulary`.

        Returns:
            The number of words of the vocabulary that got a vector.

        Raises:
            ValueError: if a vector does not have `embedding_size` finite numbers.
        """
        if not isinstance(vectors, dict):
            vectors = np.asarray(vectors)
            if vectors.ndim != 2 or len(vectors) != len(self.vocabulary):
                raise ValueError(
                    f"`vectors` must be a dict or an array of {len(self.vocabulary)} rows, one for each "
                    f"word. Received: array of shape {vectors.shape}"
                )
            vectors = dict(zip(self.vocabulary, vectors, strict=True))
        table = to_numpy(self.get_layer("embedding").embeddings).copy()
        found = 0
        for number, word in enumerate(self.vocabulary, start=FIRST_WORD):
            if word not in vectors:
                continue
            vector = np.asarray(vectors[word], dtype="float32")
            if vector.shape != (self.embedding_size,) or not np.isfinite(vector).all():
                raise ValueError(
                    f"`vectors` must have {self.embedding_size} finite numbers for each word. "
                    f"Received: shape {vector.shape} for {word!r}"
                )
            table[number] = vector
            found += 1
        for name in CHANNELS[self.variant]:
            self.get_layer(name).embeddings.assign(table)
        return found


def _as_texts(texts):
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, (list, tuple)) or not texts or not all(isinstance(text, str) for text in texts):
        shown = repr(texts)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        raise ValueError(f"`texts` must be a string or a list of strings. Received: texts={shown}")
    return list(texts)


def _check_vocabulary(vocabulary):
    """Returns the words as a tuple. Messages show only the bad word, not the whole vocabulary."""
    if not isinstance(vocabulary, (list, tuple)) or not vocabulary:
        validation.fail("vocabulary", "a sequence of distinct words", vocabulary)
    seen = set()
    for word in vocabulary:
        # A preset may not have a string with ">", and `tokenize` removes it.
        if not isinstance(word, str) or word.split() != [word] or ">" in word or word in seen:
            raise ValueError(
                '`vocabulary` must be a sequence of distinct words without spaces or ">". '
                f"Received: the word {word!r}{' twice' if word in seen else ''}"
            )
        seen.add(word)
    return tuple(vocabulary)


def _check_windows(windows):
    if (
        not isinstance(windows, (list, tuple))
        or not windows
        or any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in windows)
        or len(set(windows)) < len(windows)
    ):
        validation.fail("windows", "a sequence of distinct positive integers", windows)
    return tuple(windows)


def _word_vectors(inputs, is_word, channels, count, size):
    """Returns the word vectors (batch, words, size x channels), zero for padding."""
    tables = []
    for name, trainable in channels.items():
        # Kim's range, with about the variance of the word2vec vectors.
        uniform = keras.initializers.RandomUniform(-0.25, 0.25)
        tables.append(layers.Embedding(count, size, uniform, trainable=trainable, name=name)(inputs))
    x = layers.Concatenate(name="channels")(tables) if len(tables) > 1 else tables[0]
    return x * ops.expand_dims(ops.cast(is_word, x.dtype), -1)


def _inside(is_word, window):
    """Returns which windows (batch, windows) have only words. The first window always counts."""
    last = is_word[:, window - 1 :]
    return ops.concatenate([ops.ones_like(last[:, :1]), last[:, 1:]], axis=1)


def _decision_weights(kernel, chosen):
    """Returns the weights of class `chosen` minus the mean of the others: their effect on the decision."""
    if kernel.shape[1] == 1:
        return kernel[:, 0]
    return kernel[:, chosen] - np.delete(kernel, chosen, axis=1).mean(axis=1)


def _deciding_ngram(window, maps, weights, words, count):
    """Returns the n-gram that contributed most, from the `maps` (windows, filters) of one text."""
    maps = maps[: max(1, count - window + 1)]
    places = maps.argmax(axis=0)
    says = np.bincount(places, weights=maps.max(axis=0) * weights, minlength=len(maps))
    start = int(says.argmax())
    return {
        "window": window,
        "start": start,
        "words": words[start : start + window],
        "contribution": float(says[start]),
    }
