import keras
import numpy as np
import pytest

from keras_cnn_zoo import models
from keras_cnn_zoo.models import TextCNN

WORDS = ("good", "bad", "film", "a", "the", "plot", ",", "!", "'s", "n't")
# Word ids up to 11, and sentences of nine words to one, so that some are shorter than every window.
IDS = np.array(
    [
        [2, 3, 4, 5, 6, 7, 8, 9, 10],
        [11, 2, 1, 4, 0, 0, 0, 0, 0],
        [3, 0, 0, 0, 0, 0, 0, 0, 0],
        [6, 5, 4, 3, 2, 11, 10, 0, 0],
    ],
    dtype="int32",
)

CASES = [
    dict(
        cls=TextCNN,
        build=lambda: TextCNN(
            3,
            vocabulary=WORDS,
            sequence_length=9,
            variant="multichannel",
            width=0.08,
            embedding_size=7,
            windows=(2, 3),
            filters=50,
            dropout=0.3,
            word_dropout=0.1,
            embedding_dropout=0.1,
            max_norm=2.0,
            character_tokens=False,
            class_names=("a", "b", "c"),
            name="reader",
        ),
        input_shape=(4, 9),
        inputs=IDS,
    ),
    *(
        dict(
            cls=TextCNN,
            build=lambda variant=variant: TextCNN(
                2, vocabulary=WORDS, sequence_length=9, variant=variant, width=0.1, embedding_size=8
            ),
            input_shape=(4, 9),
            inputs=IDS,
        )
        for variant in ("rand", "static", "non-static")
    ),
]


def small(**arguments):
    return TextCNN(
        **{
            "num_classes": 2,
            "vocabulary": WORDS,
            "sequence_length": 9,
            "embedding_size": 6,
            "filters": 5,
            "class_names": ("no", "yes"),
            **arguments,
        }
    )


def array(value):
    return keras.ops.convert_to_numpy(value).astype("float64")


def naive_maxima(model, ids):
    """Computes equations (2) to (4) of the paper by loops, for each window size and filter."""
    words = [word for word in ids if word]
    tables = [model.get_layer("embedding").embeddings]
    if model.variant == "multichannel":
        tables.append(model.get_layer("embedding_static").embeddings)
    vectors = [np.concatenate([array(table)[word] for table in tables]) for word in words]
    while len(vectors) < max(model.windows):
        vectors.append(np.zeros_like(vectors[0]))
    maxima = []
    for window in model.windows:
        layer = model.get_layer(f"convolution_{window}")
        kernel, bias = array(layer.kernel), array(layer.bias)
        for number in range(kernel.shape[-1]):
            found = []
            for start in range(max(1, len(words) - window + 1)):
                total = bias[number]
                for step in range(window):
                    total += np.sum(kernel[step, :, number] * vectors[start + step])
                found.append(max(total, 0.0))
            maxima.append(max(found))
    return np.array(maxima)


@pytest.mark.parametrize("variant", TextCNN.variants)
def test_forward_equals_the_papers_equations(variant):
    model = small(variant=variant)
    for layer in model.layers:
        if layer.name.startswith("convolution"):
            # With a positive bias, a window over padding could be the maximum.
            layer.bias.assign(np.linspace(-0.2, 0.6, 5))
    logits = model.get_layer("logits")
    expected = [naive_maxima(model, row) @ array(logits.kernel) + array(logits.bias) for row in IDS]
    np.testing.assert_allclose(array(model(IDS)), expected, atol=1e-5)


def test_padding_changes_nothing():
    short, long = small(sequence_length=9), small(sequence_length=20)
    long.set_weights(short.get_weights())
    texts = ["good film", "the bad plot's a good film !", "good"]
    np.testing.assert_allclose(short(short.preprocess(texts)), long(long.preprocess(texts)), atol=1e-6)


def test_parameter_counts_by_hand():
    convolutions = sum(window * 300 * 100 + 100 for window in (3, 4, 5))
    head = 300 * 2 + 2
    for variant, trainable, channels in (("rand", 1, 1), ("static", 0, 1), ("non-static", 1, 1)):
        model = TextCNN(2, vocabulary=WORDS, variant=variant)
        assert model.count_params() == 12 * 300 * channels + convolutions + head
        counted = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        assert counted == 12 * 300 * trainable + convolutions + head
    both = TextCNN(2, vocabulary=WORDS, variant="multichannel")
    assert both.count_params() == 2 * 12 * 300 + 2 * (convolutions - 300) + 300 + head


def test_the_softmax_weights_stay_within_max_norm():
    model = small(max_norm=0.5)
    model.compile(keras.optimizers.SGD(5.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(5):
        model.train_on_batch(IDS, np.array([0, 1, 0, 1]))
    norms = np.linalg.norm(array(model.get_layer("logits").kernel), axis=0)
    assert norms.max() == pytest.approx(0.5, abs=1e-3)
    assert small(max_norm=None).get_layer("logits").kernel_constraint is None


@pytest.mark.parametrize("variant", TextCNN.variants)
def test_training_changes_only_the_variants_trainable_tables(variant):
    model = small(variant=variant, dropout=0.0)
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    before = {name: array(model.get_layer(name).embeddings) for name in names}
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.train_on_batch(IDS, np.array([0, 1, 0, 1]))
    moved = {
        name: not np.array_equal(before[name], array(model.get_layer(name).embeddings)) for name in names
    }
    assert (
        moved
        == {
            "rand": {"embedding": True},
            "static": {"embedding": False},
            "non-static": {"embedding": True},
            "multichannel": {"embedding": True, "embedding_static": False},
        }[variant]
    )


def test_word_vectors_reach_every_table():
    model = small(variant="multichannel")
    before = array(model.get_layer("embedding").embeddings)
    given = {"film": np.arange(6.0), "unheard": np.ones(6), "good": [1.0] * 6}
    assert model.set_word_vectors(given) == 2
    table = array(model.get_layer("embedding").embeddings)
    np.testing.assert_array_equal(table, array(model.get_layer("embedding_static").embeddings))
    np.testing.assert_array_equal(table[4], np.arange(6.0))
    np.testing.assert_array_equal(table[3], before[3])
    rows = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype("float32")
    assert model.set_word_vectors(rows) == len(WORDS)
    np.testing.assert_array_equal(array(model.get_layer("embedding").embeddings)[2:], rows)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({"film": [1.0, 2.0]}, r"have 6 finite numbers for each word. Received: shape \(2,\) for 'film'"),
        ({"film": [np.nan] * 6}, "6 finite numbers"),
        (np.zeros((3, 6)), r"an array of 10 rows.*shape \(3, 6\)"),
    ],
)
def test_word_vectors_of_another_shape_are_refused(vectors, message):
    with pytest.raises(ValueError, match=message):
        small().set_word_vectors(vectors)


def test_explanation_names_the_ngram_of_a_detector():
    model = small(windows=(2,), filters=2, embedding_size=len(WORDS) + 2)
    model.get_layer("embedding").embeddings.assign(np.eye(len(WORDS) + 2))
    kernel = np.zeros((2, len(WORDS) + 2, 2))
    good, film, bad = (WORDS.index(word) + 2 for word in ("good", "film", "bad"))
    kernel[0, good, 0] = kernel[1, film, 0] = 1.0  # "good film"
    kernel[0, bad, 1] = kernel[1, film, 1] = 1.0  # "bad film"
    model.get_layer("convolution_2").kernel.assign(kernel)
    model.get_layer("convolution_2").bias.assign([-1.0, -1.0])
    model.get_layer("logits").kernel.assign([[-1.0, 2.0], [3.0, -1.0]])
    yes, no = model.explain(["The plot , a GOOD film !", "a bad film"])
    assert (yes["class_name"], no["class_name"]) == ("yes", "no")
    assert yes["words"] == ["the", "plot", ",", "a", "good", "film", "!"]
    # The maximum of the detector is 1, and its weights for the two classes are 2 and -1.
    (found,) = yes["ngrams"]
    assert found == {"window": 2, "start": 4, "words": ["good", "film"], "contribution": pytest.approx(3.0)}
    assert no["ngrams"][0]["words"] == ["bad", "film"]
    assert no["ngrams"][0]["contribution"] == pytest.approx(4.0)


def test_explanations_never_contain_padding():
    model = small()
    for answer in model.explain(["good", "good film", "...", "the bad plot's a good film !"]):
        for ngram in answer["ngrams"]:
            assert ngram["start"] + len(ngram["words"]) <= max(len(answer["words"]), 1)
            assert len(ngram["words"]) == min(ngram["window"], len(answer["words"]))
    one = small(num_classes=1, class_names=None)
    assert len(one.explain("good film")[0]["ngrams"]) == 3


def test_files_and_presets_contain_the_vocabulary(tmp_path):
    model = small(variant="multichannel")
    texts = ["A good film", "unheard of"]
    expected = array(model(model.preprocess(texts)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(loaded(loaded.preprocess(texts))), expected)
    model.save_to_preset(tmp_path / "preset")
    loaded = models.from_preset(tmp_path / "preset")
    assert loaded.vocabulary == WORDS and loaded.class_names == ("no", "yes")
    np.testing.assert_allclose(array(loaded(loaded.preprocess(texts))), expected, atol=2e-3)


def test_decode_names_the_class():
    answer = small().decode(np.array([[0.0, np.log(3.0)]]))[0]
    assert answer["class_name"] == "yes" and answer["probability"] == pytest.approx(0.75)


@pytest.mark.parametrize("texts", [[], [3], [None, "a"], 7])
def test_values_that_are_not_texts_are_refused(texts):
    with pytest.raises(ValueError, match="`texts` must be a string or a list of strings. Received: texts="):
        small().preprocess(texts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"vocabulary": ()}, "`vocabulary` must be a sequence of distinct words"),
        ({"vocabulary": "words"}, "`vocabulary` must be a sequence of distinct words"),
        ({"vocabulary": ("a", "b", "a")}, "`vocabulary` .* Received: the word 'a' twice"),
        ({"vocabulary": ("a b",)}, "`vocabulary` .* Received: the word 'a b'"),
        ({"vocabulary": ("a>b",)}, "`vocabulary` .* Received: the word 'a>b'"),
        ({"vocabulary": ("a", 3)}, "`vocabulary` .* Received: the word 3"),
        ({"sequence_length": 0}, "`sequence_length` must be a positive integer"),
        ({"sequence_length": 4}, "`sequence_length` must be at least 5, the longest of `windows`"),
        ({"variant": "nonstatic"}, "`variant` must be one of 'rand', 'static', 'non-static', 'multichannel'"),
        ({"width": 0}, "`width` must be a finite number above 0"),
        ({"embedding_size": 2.5}, "`embedding_size` must be a positive integer"),
        ({"windows": (3, 3)}, "`windows` must be a sequence of distinct positive integers"),
        ({"windows": 3}, "`windows` must be a sequence of distinct positive integers"),
        ({"filters": -1}, "`filters` must be a positive integer"),
        ({"dropout": 1.0}, "`dropout` must be a finite number"),
        ({"word_dropout": -0.1}, "`word_dropout` must be a finite number"),
        ({"embedding_dropout": 1.0}, "`embedding_dropout` must be a finite number"),
        ({"max_norm": 0}, "`max_norm` must be a finite number above 0"),
        ({"character_tokens": 1}, "`character_tokens` must be True or False"),
        ({"class_names": ("a", "a")}, "`class_names` must be None or 2 distinct"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_a_model_without_a_recorded_rule_keeps_its_words():
    vocabulary = ("好电影", "好")
    config = small(vocabulary=vocabulary).get_config()
    assert config["character_tokens"] is True
    np.testing.assert_array_equal(TextCNN.from_config(config).preprocess("好电影")[0, :3], [3, 1, 1])
    del config["character_tokens"]
    old = TextCNN.from_config(config)
    np.testing.assert_array_equal(old.preprocess("好电影")[0, :3], [2, 0, 0])
    assert old.explain("好电影")[0]["words"] == ["好电影"]
    assert TextCNN.from_config(old.get_config()).character_tokens is False
