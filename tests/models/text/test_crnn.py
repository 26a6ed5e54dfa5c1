"""CRNN against the paper's table, its labels, and greedy and beam decoding."""

import itertools

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import CRNN
from keras_cnn_zoo.models.text.greedy_reading import GreedyReading

CASES = [
    dict(
        cls=CRNN,
        build=lambda: CRNN(
            3,
            input_shape=(32, 24, 1),
            variant="small",
            width=0.0625,
            sequence="convolution",
            activation="elu",
            dropout=0.2,
            class_names=("a", "b", "ç"),
            name="reader",
        ),
        input_shape=(4, 32, 24, 1),
    ),
    dict(
        cls=CRNN,
        build=lambda: CRNN(2, input_shape=(32, 20, 1), variant="original", width=0.03, sequence="lstm"),
        input_shape=(2, 32, 20, 1),
    ),
    dict(
        cls=CRNN,
        build=lambda: CRNN(2, input_shape=(32, 16, 3), variant="small", width=0.06, sequence="gru"),
        input_shape=(2, 32, 16, 3),
    ),
    dict(
        cls=CRNN,
        build=lambda: CRNN(2, input_shape=(32, 16, 1), variant="small", width=0.06, sequence="none"),
        input_shape=(2, 32, 16, 1),
    ),
]


@pytest.fixture(scope="module")
def model():
    return CRNN(width=0.0625)


def test_parameter_count_equals_the_papers():
    # Table 1: convolutions, with batch normalization (four numbers per channel) after the fifth and sixth.
    channels, sizes = (1, 64, 128, 256, 256, 512, 512, 512), (3, 3, 3, 3, 3, 3, 2)
    layers = zip(channels, channels[1:], sizes, strict=False)
    total = sum(size * size * before * after + after for before, after, size in layers) + 2 * (4 - 1) * 512
    # LSTM: four gates, two directions, and 256 features between the layers, as in the authors' program.
    total += 2 * 4 * (512 * 256 + 256 * 256 + 256) + (512 * 256 + 256)
    total += 2 * 4 * (256 * 256 + 256 * 256 + 256) + (512 * 37 + 37)
    assert CRNN(36, variant="original").count_params() == total == 8_327_717


def test_geometry_equals_the_papers_table():
    model = CRNN(36, variant="original", width=0.05)
    shapes = {
        f"pooling_{index}": model.get_layer(f"pooling_{index}").output.shape[1:3] for index in (1, 2, 4, 6)
    }
    assert shapes == {
        "pooling_1": (16, 50),
        "pooling_2": (8, 25),
        "pooling_4": (4, 25),
        "pooling_6": (2, 25),
    }
    assert model.output_shape == (None, 24, 37) and model.columns == 24


def test_columns_are_in_reading_order(model):
    bare = CRNN(width=0.0625, sequence="none")
    x = np.zeros((1, 32, 100, 1), "float32")
    base = keras.ops.convert_to_numpy(bare(x))[0]
    x[0, :, :6] = 3.0
    moved = np.abs(keras.ops.convert_to_numpy(bare(x))[0] - base).max(axis=-1)
    changed = np.flatnonzero(moved > 1e-6)
    assert changed[0] == 0 and changed[-1] < 12


def test_labels(model):
    labels = model.encode(["07", "az", "aa"])
    assert labels.shape == (3, 24) and labels.dtype == np.int32
    np.testing.assert_array_equal(labels[:, :3], [[1, 8, 0], [11, 36, 0], [11, 11, 0]])
    assert not labels[:, 3:].any()


def logits_of(model, texts):
    """Returns logits of the texts, with a blank after each character."""
    logits = np.full((len(texts), model.columns, model.num_classes + 1), -20.0)
    logits[..., 0] = 0.0
    for row, text in zip(logits, texts, strict=True):
        for place, character in enumerate(text):
            row[2 * place, 1 + model.class_names.index(character)] = 20.0
    return logits


@pytest.mark.parametrize("strategy", ["greedy", "beam"])
def test_decode_returns_the_written_text(model, strategy):
    texts = ["exit", "", "aab", "0", "123456789012"]
    answers = model.decode(logits_of(model, texts), strategy)
    assert [answer["text"] for answer in answers] == texts
    assert all(0.9 < answer["score"] <= 1.0 for answer in answers)


def test_greedy_and_beam_decoding_may_differ():
    model = CRNN(1, input_shape=(32, 12, 1), width=0.05, class_names=("x",))
    logits = np.log([[[0.6, 0.4], [0.6, 0.4]]])
    assert model.decode(logits) == [{"text": "", "score": pytest.approx(0.36)}]
    assert model.decode(logits, "beam", beam_width=3) == [{"text": "x", "score": pytest.approx(0.64)}]


def test_greedy_decoding_in_a_network_equals_decode():
    model = CRNN(4, input_shape=(32, 40, 1), width=0.05)
    logits = np.random.default_rng(0).normal(scale=2.0, size=(40, 9, 5)).astype("float32")
    ids, score = (keras.ops.convert_to_numpy(part) for part in GreedyReading()(logits))
    assert ids.shape == (40, 9) and ids.dtype == np.int32
    for row, number, answer in zip(ids, score, model.decode(logits), strict=True):
        kept = [index for index in row if index >= 0]
        assert "".join(model.class_names[index] for index in kept) == answer["text"]
        assert list(row[len(kept) :]) == [-1] * (9 - len(kept))
        assert number == pytest.approx(answer["score"], rel=1e-4)


def test_images_are_made_gray_and_stretched(model):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, size=(20, 70, 3)).astype("uint8")
    batch = model.preprocess([colour, rng.integers(0, 256, size=(50, 31)).astype("uint8")])
    assert batch.shape == (2, 32, 100, 1) and batch.dtype == np.float32
    grey = colour @ np.array([[0.299], [0.587], [0.114]], "float32")
    resized = keras.ops.image.resize(
        grey, (32, 100), interpolation="bilinear", antialias=True, data_format="channels_last"
    )
    np.testing.assert_allclose(batch[0] * 127.5 + 127.5, keras.ops.convert_to_numpy(resized), atol=1e-2)


def test_a_constant_image_stays_constant(model):
    np.testing.assert_allclose(model.preprocess(np.full((11, 231), 255, "uint8")), 1.0, atol=1e-5)


def all_paths_loss(logits, labels):
    """Returns -log of the sum over all paths of the labels, by enumeration."""
    exponentials = np.exp(np.asarray(logits, "float64"))
    probabilities = exponentials / exponentials.sum(-1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        text = [index for index, _ in itertools.groupby(path) if index]
        if text == list(labels):
            total += np.prod([probabilities[column, index] for column, index in enumerate(path)])
    return -np.log(total)


def test_keras_loss_is_the_sum_over_all_paths():
    # On every backend, because the loss of this task is Keras'.
    logits = np.random.default_rng(0).normal(size=(3, 5, 3)).astype("float32")
    labels = np.array([[1, 2, 0, 0, 0], [2, 2, 0, 0, 0], [1, 0, 0, 0, 0]], "int32")
    expected = [all_paths_loss(row, label[label > 0]) for row, label in zip(logits, labels, strict=True)]
    loss = keras.losses.CTC(reduction=None)(labels, logits)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(loss), expected, rtol=1e-4)


def four_words():
    """Returns a small network with Keras' loss, images of noise, and their labels."""
    keras.utils.set_random_seed(0)
    model = CRNN(4, input_shape=(32, 24, 1), width=0.125, class_names=tuple("abcd"))
    x = np.random.default_rng(0).normal(size=(4, 32, 24, 1)).astype("float32")
    return model, x, model.encode(["a", "bc", "dd", "cab"])


def test_training_learns_a_few_words():
    model, x, y = four_words()
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.CTC())
    losses = [float(model.train_on_batch(x, y)) for _ in range(40)]
    assert np.isfinite(losses).all() and losses[-1] < 0.3 * losses[0]


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="XLA is for TensorFlow and JAX")
def test_a_step_compiled_by_xla_gives_the_same_loss():
    losses = []
    for jit in (True, "auto"):
        model, x, y = four_words()
        model.compile(keras.optimizers.SGD(1e-2), keras.losses.CTC(), jit_compile=jit)
        losses.append([float(model.train_on_batch(x, y)) for _ in range(2)])
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_the_alphabet():
    assert CRNN(width=0.05).class_names == tuple("0123456789abcdefghijklmnopqrstuvwxyz")
    assert CRNN(10, width=0.05).class_names == tuple("0123456789")
    assert CRNN(2, width=0.05, class_names=["é", "漢"]).encode(["漢é"])[0, :2].tolist() == [2, 1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"variant": "huge"}, "`variant` must be one of 'original', 'small'"),
        ({"width": 0}, "`width` must be a finite number above 0"),
        ({"sequence": "transformer"}, "`sequence` must be one of 'lstm', 'gru', 'convolution', 'none'"),
        ({"input_shape": (48, 100, 1)}, r"`input_shape` must be \(32, width, channels\)"),
        ({"input_shape": (32, 50, 1)}, "the width 8, 12, 16"),
        ({"input_shape": (32, None, 1)}, "`input_shape` must be a positive integer or 3 of them"),
        ({"input_shape": (32, 4, 1)}, r"`input_shape` must be \(32, width, channels\)"),
        ({"dropout": 1.0}, "`dropout` must be a finite number"),
        ({"activation": 3}, "`activation` must be a keras.Layer"),
        ({"num_classes": 37}, "`class_names` must be 37 distinct characters. Received: class_names=None"),
        ({"num_classes": 2, "class_names": ("a", "bc")}, "`class_names` must be 2 distinct characters"),
        ({"num_classes": 2, "class_names": ("a", "a")}, "`class_names` must be None or 2 distinct strings"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        CRNN(**{"width": 0.05, **arguments})


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "`texts` must be words of the characters 0123456789abc.*Received: texts=''"),
        ("a-b", "`texts` must be words of the characters .*Received: texts='a-b'"),
        ("Exit", "`texts` must be words of the characters .*Received: texts='Exit'"),
        ("a" * 13, "`texts` must fit into 24 columns, .* 100 pixels wide. Received: 'aa.*needs 25"),
    ],
)
def test_texts_that_cannot_be_labels_are_refused(model, text, message):
    with pytest.raises(ValueError, match=message):
        model.encode(["fine", text])


def test_decode_refuses_another_strategy(model):
    logits = np.zeros((1, 24, 37))
    with pytest.raises(ValueError, match="`strategy` must be one of 'greedy', 'beam'. Received: strategy="):
        model.decode(logits, "best")
    with pytest.raises(ValueError, match="`beam_width` must be a positive integer"):
        model.decode(logits, "beam", beam_width=0)
