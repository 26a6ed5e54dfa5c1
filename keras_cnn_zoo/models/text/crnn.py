"""CRNN: convolutions, a sequence of columns, and characters decoded by CTC."""

import keras
import numpy as np
from keras import layers

from keras_cnn_zoo.models import deployment
from keras_cnn_zoo.models.base import ZooModel, scaled
from keras_cnn_zoo.models.text import ctc
from keras_cnn_zoo.models.text.greedy_reading import GreedyReading
from keras_cnn_zoo.utils import prototypes, validation
from keras_cnn_zoo.utils.arrays import to_numpy
from keras_cnn_zoo.utils.characters import ALPHABET, columns_needed

HEIGHT = 32
SEQUENCES = ("lstm", "gru", "convolution", "none")
# Windows of the pooling after a convolution, counted from 0. The last two keep the width.
POOLINGS = {0: (2, 2), 1: (2, 2), 3: (2, 1), 5: (2, 1)}
VARIANTS = {
    # Shi et al., table 1; batch normalization after the fifth and sixth convolution.
    "original": {
        "filters": (64, 128, 256, 256, 512, 512, 512),
        "normalized": (4, 5),
        "sequence": "lstm",
        "units": 256,
    },
    # For CPUs: half the channels, no normalization of the two largest maps, convolutions over the columns.
    "small": {
        "filters": (32, 64, 128, 128, 256, 256, 256),
        "normalized": (2, 3, 4, 5, 6),
        "sequence": "convolution",
        "units": 256,
    },
}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class CRNN(ZooModel):
    """Recognizer of words: an image of one word in, its characters out.

    Seven convolutions reduce the height of 32 pixels to 1 and the width to a quarter. A sequence network
    relates the columns to each other. Each column gets a score for every character and for "nothing new here"
    (the blank, class 0). Train with `keras.losses.CTC()` on the labels of `encode`; `decode` reads the
    columns. Images are stretched to the network's width, as in the paper: letters of short words become wide.

    Reference:
        Shi, Bai, Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition and Its
        Application to Scene Text Recognition", 2015, arXiv 1507.05717.

    Differs from the paper: the width is fixed, so that everything compiles, while the paper tests wide images
    at their own aspect ratio. Variant "small" has half the channels, batch normalization after all but the
    first two convolutions, and two residual 1D convolutions over five columns instead of the LSTMs. It trains
    several times faster on a CPU.

    Args:
        num_classes: number of characters without the blank, a positive integer.
        input_shape: (32, width, channels). The width is a multiple of 4 and at least 8. There are
            width / 4 - 1 columns, which limits the length of a text.
        variant: "original" (8.3 M parameters with 36 characters) or "small".
        width: scales the channels of every stage.
        sequence: "lstm" or "gru" (two bidirectional layers), "convolution", "none", or None for the variant's
            own.
        activation: name or layer after each convolution.
        dropout: share of the features dropped in training before the scores, in [0, 1).
        class_names: the characters, one each; None for the first `num_classes` of 0-9 and a-z.
        **kwargs: `name` and `trainable`.

    Call arguments:
        inputs: float tensor, images as `preprocess` returns them.

    Input shape:
        (batch, 32, width, channels).

    Output shape:
        (batch, width / 4 - 1, num_classes + 1), logits; 0 is the blank, i is `class_names[i - 1]`.

    Raises:
        ValueError: for an unknown variant or sequence, another height, or a bad argument.

    >>> from keras_cnn_zoo.models import CRNN
    >>> model = CRNN(36, input_shape=(32, 100, 1), variant="original")
    >>> model.output_shape
    (None, 24, 37)
    """

    task = "text"
    variants = tuple(VARIANTS)

    def __init__(
        self,
        num_classes=36,
        *,
        input_shape=(HEIGHT, 100, 1),
        variant="small",
        width=1.0,
        sequence=None,
        activation="relu",
        dropout=0.0,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        input_shape = _check_input_shape(input_shape)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        if sequence is None:
            sequence = VARIANTS[variant]["sequence"]
        validation.one_of("sequence", sequence, SEQUENCES)
        activation = prototypes.activation("activation", activation)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        class_names = _check_characters(num_classes, class_names)

        # === Functional model ===
        filters = [scaled(count, width) for count in VARIANTS[variant]["filters"]]
        units = scaled(VARIANTS[variant]["units"], width)
        inputs = keras.Input(input_shape)
        x = inputs
        for index, count in enumerate(filters):
            last = index == len(filters) - 1
            x = _convolution(
                x,
                layers.Conv2D,
                count,
                2 if last else 3,
                "valid" if last else "same",
                index in VARIANTS[variant]["normalized"],
                activation,
                f"convolution_{index + 1}",
            )
            if index in POOLINGS:
                window = POOLINGS[index]
                x = layers.MaxPooling2D(
                    window, strides=window, data_format="channels_last", name=f"pooling_{index + 1}"
                )(x)
        # One row is left: its pixels are the columns.
        x = layers.Reshape(x.shape[2:], name="columns")(x)
        x = _sequence(x, sequence, units, activation)
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        outputs = layers.Dense(num_classes + 1, dtype="float32", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

    @property
    def class_names(self):
        """The characters as a tuple."""
        return super().class_names or ALPHABET[: self.num_classes]

    @property
    def columns(self):
        """Number of columns of the output."""
        return self.output_shape[1]

    def deployable(self):
        """Returns a network for export: from 0..255 float images of the input size to `ids` and `score`.

        `ids` are positions in `class_names`, padded with -1. `score` is the probability of the path.
        """
        inputs = keras.Input(self.input_shape[1:], name="images")
        logits = self(deployment.normalized(self, inputs))
        ids, score = GreedyReading(dtype="float32", name="reading")(logits)
        return deployment.wrapped(self, inputs, {"ids": ids, "score": score})

    def deployable_facts(self):
        """Returns facts on the inputs and outputs of `deployable`, as a dict of JSON values."""
        return {
            "inputs": {"images": deployment.image_facts(self, "stretch")},
            "outputs": {
                "ids": {
                    "axes": ["batch", "characters"],
                    "meaning": "position of each character in `class_names`, -1 after the last one",
                },
                "score": {"axes": ["batch"], "meaning": "probability of the path"},
            },
        }

    def encode(self, texts):
        """Returns texts as the labels that `keras.losses.CTC` takes.

        Args:
            texts: list of strings of the network's characters.

        Returns:
            An int32 array (batch, columns): class ids from 1, padded with 0.

        Raises:
            ValueError: for an empty text, a character outside the alphabet, or a text that needs too many
                columns.
        """
        index = {character: position for position, character in enumerate(self.class_names, start=1)}
        labels = np.zeros((len(texts), self.columns), dtype="int32")
        for row, text in zip(labels, texts, strict=True):
            unknown = [character for character in text if character not in index]
            if unknown or not text:
                validation.fail("texts", f"words of the characters {''.join(self.class_names)}", text)
            needed = columns_needed(text)
            if needed > self.columns:
                raise ValueError(
                    f"`texts` must fit into {self.columns} columns, those of images {self.input_shape[2]} "
                    f"pixels wide. Received: {text!r}, which needs {needed} (one per character, and one "
                    "between equal ones)"
                )
            row[: len(text)] = [index[character] for character in text]
        return labels

    def decode(self, outputs, strategy="greedy", *, beam_width=10):
        """Returns logits as a list of dicts of `text` and `score`.

        Args:
            outputs: logits (batch, columns, num_classes + 1).
            strategy: "greedy" reads the most probable path, and `score` is its probability. "beam" sums over
                all paths of a text (prefix beam search), and `score` is the text's probability.
            beam_width: number of texts kept after each column, a positive integer.
        """
        validation.one_of("strategy", strategy, ("greedy", "beam"))
        validation.positive_integer("beam_width", beam_width)
        log_probs = ctc.log_probabilities(to_numpy(outputs))
        if strategy == "greedy":
            found = map(ctc.best_path, log_probs)
        else:
            found = ctc.beam_search(log_probs, beam_width)
        return [
            {"text": "".join(self.class_names[index - 1] for index in ids), "score": score}
            for ids, score in found
        ]


def _convolution(x, layer, filters, kernel_size, padding, normalized, activation, name):
    x = layer(
        filters,
        kernel_size,
        padding=padding,
        # A normalization right after the convolution cancels the bias.
        use_bias=not normalized,
        kernel_initializer="he_normal",
        data_format="channels_last",
        name=name,
    )(x)
    if normalized:
        x = prototypes.apply(prototypes.normalization("normalization", "batch"), x, f"{name}_normalization")
    return prototypes.apply(activation, x, f"{name}_activation")


def _sequence(x, kind, units, activation):
    """Returns features of the columns (batch, columns, channels) that depend on neighboring columns."""
    if kind == "none":
        return x
    if kind == "convolution":
        for index in (1, 2):
            name = f"sequence_{index}"
            y = _convolution(x, layers.Conv1D, x.shape[-1], 5, "same", True, activation, name)
            x = layers.Add(name=f"{name}_sum")([x, y])
        return x
    recurrent = {"lstm": layers.LSTM, "gru": layers.GRU}[kind]
    # Bidirectional copies these through their configs, which Keras identifies by `id` while it loads a file.
    # Both are created first: if the first were freed, the second could get its address and thus its copies.
    first, second = recurrent(units, return_sequences=True), recurrent(units, return_sequences=True)
    x = layers.Bidirectional(first, name="sequence_1")(x)
    # The authors' program joins both directions before the second layer.
    x = layers.Dense(units, name="sequence_1_join")(x)
    return layers.Bidirectional(second, name="sequence_2")(x)


def _check_input_shape(input_shape):
    shape = validation.positive_integers("input_shape", input_shape, 3)
    if shape[0] != HEIGHT or shape[1] % 4 or shape[1] < 8:
        validation.fail("input_shape", f"({HEIGHT}, width, channels), the width 8, 12, 16, ...", input_shape)
    return shape


def _check_characters(num_classes, class_names):
    if class_names is None and num_classes <= len(ALPHABET):
        return ALPHABET[:num_classes]
    names = ZooModel.check_class_names(num_classes, class_names)
    if names is None or any(len(name) != 1 for name in names):
        validation.fail("class_names", f"{num_classes} distinct characters", class_names)
    return names
