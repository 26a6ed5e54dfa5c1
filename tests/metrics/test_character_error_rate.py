"""CharacterErrorRate against jiwer and an edit distance."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.metrics import CharacterErrorRate

jiwer = pytest.importorskip("jiwer")


def distance(first, second):
    """Returns the Levenshtein distance from the full table."""
    table = [[i + j for j in range(len(second) + 1)] for i in range(len(first) + 1)]
    for i, a in enumerate(first, start=1):
        for j, b in enumerate(second, start=1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a != b))
    return table[-1][-1]


CASES = [
    dict(
        cls=CharacterErrorRate,
        init_kwargs={"mask_index": 2},
        updates=[
            # 1 4 against 1 3: one substitution; 0 0 5 against 0 5: one deletion
            (np.array([[1, 4, 2, 2], [0, 0, 5, -1]]), np.array([[1, 2, 3, 2], [0, 2, 5, 2]])),
            # 7 against 7 7 7: two insertions
            (np.array([[7, 2, 2, 2]]), np.array([[7, 7, 7, -1]])),
        ],
        expected=4 / 6,
    ),
    dict(
        cls=CharacterErrorRate,
        init_kwargs={},
        updates=[(["kitten"], ["sitting"]), (["", "flaw"], ["ab", "lawn"])],
        expected=(3 + 2 + 2) / 10,
    ),
]


def rate(y_true, y_pred, sample_weight=None, **arguments):
    metric = CharacterErrorRate(**arguments)
    metric.update_state(y_true, y_pred, sample_weight)
    return float(metric.result())


def random_texts(count, seed, alphabet="abc é漢 "):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(alphabet), rng.integers(0, 12))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_equals_jiwer_on_random_texts_in_batches(seed):
    truths, guesses = random_texts(40, seed), random_texts(40, seed + 100)
    metric = CharacterErrorRate()
    for start in range(0, 40, 7):
        metric.update_state(truths[start : start + 7], guesses[start : start + 7])
    assert float(metric.result()) == pytest.approx(jiwer.cer(truths, guesses), rel=1e-6)


def test_equals_the_edit_distance_table():
    truths, guesses = random_texts(30, 0, "abcd"), random_texts(30, 1, "abcd")
    errors = sum(distance(*pair) for pair in zip(truths, guesses, strict=True))
    assert rate(truths, guesses) == pytest.approx(errors / sum(map(len, truths)), rel=1e-6)


def test_class_ids_equal_their_texts():
    truths, guesses = random_texts(20, 2, "abcd"), random_texts(20, 3, "abcd")

    def ids(texts, padding):
        rows = np.full((len(texts), 12), padding)
        for row, text in zip(rows, texts, strict=True):
            row[: len(text)] = [1 + "abcd".index(letter) for letter in text]
        return rows

    expected = jiwer.cer(truths, guesses)
    assert rate(ids(truths, -1), ids(guesses, -1)) == pytest.approx(expected, rel=1e-6)
    padded, lists = ids(truths, 0).astype("float32"), guesses_as_lists(ids(guesses, 0))
    assert rate(padded, ids(guesses, -1), mask_index=0) == pytest.approx(expected, rel=1e-6)
    assert rate(padded, lists, mask_index=0) == pytest.approx(expected, rel=1e-6)


def guesses_as_lists(rows):
    """Returns ragged sequences instead of a padded array."""
    return [[int(item) for item in row if item] for row in rows]


def test_all_forms_of_strings_are_equivalent():
    for form in (
        ["abç", "d"],
        ("abç", b"d"),
        np.array(["abç", "d"]),
        np.array(["abç".encode(), b"d"], dtype=object),
        np.array([["abç"], ["d"]], dtype=object),
    ):
        assert rate(["abc", "d"], form) == pytest.approx(0.25)
    assert rate("abc", "abd") == pytest.approx(1 / 3)


def test_scores_of_a_ctc_model_are_decoded_by_keras():
    scores = np.full((1, 5, 4), -9.0, "float32")
    for step, label in enumerate([1, 1, 0, 1, 3]):
        scores[0, step, label] = 9.0
    decoded = keras.ops.ctc_decode(scores, np.array([5]), mask_index=0)[0][0]
    assert rate(np.array([[1, 1, 3, 0]]), decoded, mask_index=0) == 0.0
    assert rate(np.array([[1, 2, 3, 0]]), decoded, mask_index=0) == pytest.approx(1 / 3)


def test_mask_index_decides_what_is_a_character():
    truth, guess = np.array([[0, 5, -1]]), np.array([[5, -1, -1]])
    assert rate(truth, guess, mask_index=0) == 0.0
    assert rate(truth, guess, mask_index=None) == pytest.approx(0.5)


def test_by_default_class_zero_is_a_character():
    assert rate(np.array([[0, 5, -1]]), np.array([[5, -1, -1]])) == pytest.approx(0.5)
    assert rate(np.array([[0, 0, 1, 0]]), [[0, 0, 1]]) == pytest.approx(0.25)


def test_a_saved_config_keeps_its_mask_index():
    # Written when 0 was the default.
    config = {"name": "character_error_rate", "dtype": "float32", "mask_index": 0}
    assert CharacterErrorRate.from_config(config).mask_index == 0


def test_sample_weights_multiply_edits_and_lengths():
    assert rate(["ab", "cd"], ["xb", "yz"], [2.0, 1.0]) == pytest.approx((2 * 1 + 1 * 2) / (2 * 2 + 1 * 2))
    assert rate(["ab", "cd"], ["xb", "yz"], [0.0, 0.0]) == 0.0


def test_nothing_and_empty_texts():
    metric = CharacterErrorRate()
    assert float(metric.result()) == 0.0
    metric.update_state([], [])
    assert float(metric.result()) == 0.0
    assert rate(["", ""], ["", "abc"]) == 3.0 == jiwer.cer(["", ""], ["", "abc"])
    assert rate(["abc"], [""]) == 1.0


def test_reset_forgets():
    metric = CharacterErrorRate()
    metric.update_state(["abc"], ["xyz"])
    metric.reset_state()
    metric.update_state(["abcd"], ["abcx"])
    assert float(metric.result()) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "truth, guess, message",
    [
        (["a"], ["a", "b"], "`y_true` and `y_pred` must have the same number of texts. Received: 1 and 2"),
        (
            ["a"],
            np.zeros((1, 5, 4)),
            r"`y_pred` must contain strings, or .* Decode scores first. Received: .*\(5, 4\)",
        ),
        (np.array([[0.5, 1.0]]), ["a"], "`y_true` must contain strings, or sequences of class ids"),
        (3, ["a"], "`y_true` must be a batch of strings or of sequences of class ids. Received: y_true=3"),
        ([3], ["a"], "`y_true` must contain strings, or sequences of class ids"),
    ],
)
def test_refuses_other_texts(truth, guess, message):
    with pytest.raises(ValueError, match=message):
        rate(truth, guess)


def test_refuses_weights_of_another_length():
    with pytest.raises(
        ValueError, match="`sample_weight` must have one weight per text. Received: 3 weights for 1"
    ):
        rate(["a"], ["b"], [1, 2, 3])


@pytest.mark.parametrize("mask_index", [-1, 1.5, "blank"])
def test_refuses_a_mask_index_that_is_not_a_class(mask_index):
    with pytest.raises(
        ValueError, match="`mask_index` must be a non-negative integer or None. Received: mask_index="
    ):
        CharacterErrorRate(mask_index=mask_index)


class Identity(keras.Model):
    """Predicts its input."""

    def call(self, inputs):
        return inputs


def test_fit_needs_run_eagerly():
    model = Identity()
    ids = np.array([[1, 2], [3, 0]], "float32")
    if keras.backend.backend() != "jax":  # JAX traces metrics before it runs them
        model.compile(loss="mse", metrics=[CharacterErrorRate()], run_eagerly=True)
        assert model.evaluate(ids, ids, verbose=0, return_dict=True)["character_error_rate"] == 0.0
    if keras.backend.backend() != "torch":  # PyTorch steps are always eager
        model.compile(loss="mse", metrics=[CharacterErrorRate()])
        with pytest.raises(RuntimeError, match="`CharacterErrorRate` compares texts on the host"):
            model.evaluate(ids, ids, verbose=0)
