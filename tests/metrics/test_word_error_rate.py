"""WordErrorRate against jiwer and an edit distance; what it shares with CharacterErrorRate is tested
there."""

import numpy as np
import pytest

from keras_cnn_zoo.metrics import CharacterErrorRate, WordErrorRate

jiwer = pytest.importorskip("jiwer")


def distance(first, second):
    """Returns the Levenshtein distance of two lists, row by row."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        before, row = row, [i]
        for j, b in enumerate(second, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


CASES = [
    dict(
        cls=WordErrorRate,
        init_kwargs={"mask_index": 2},
        updates=[
            # Each id is a word. 1 4 against 1 3: one substitution; 0 0 5 against 0 5: one deletion
            (np.array([[1, 4, 2, 2], [0, 0, 5, -1]]), np.array([[1, 2, 3, 2], [0, 2, 5, 2]])),
            # 7 against 7 7 7: two insertions
            (np.array([[7, 2, 2, 2]]), np.array([[7, 7, 7, -1]])),
        ],
        expected=4 / 6,
    ),
    dict(
        cls=WordErrorRate,
        init_kwargs={},
        updates=[(["the cat sat"], ["a cat sat down"]), (["", "stop"], ["go", "stop"])],
        expected=(2 + 1) / 4,
    ),
]


def rate(y_true, y_pred, sample_weight=None, **arguments):
    metric = WordErrorRate(**arguments)
    metric.update_state(y_true, y_pred, sample_weight)
    return float(metric.result())


def random_texts(count, seed, words=("stop", "go", "é", "漢字", "a")):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words, rng.integers(0, 8))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_equals_jiwer_on_random_texts_in_batches(seed):
    truths, guesses = random_texts(40, seed), random_texts(40, seed + 100)
    metric = WordErrorRate()
    for start in range(0, 40, 7):
        metric.update_state(truths[start : start + 7], guesses[start : start + 7])
    assert float(metric.result()) == pytest.approx(jiwer.wer(truths, guesses), rel=1e-6)


def test_equals_the_edit_distance_of_the_words():
    truths, guesses = random_texts(30, 0), random_texts(30, 1)
    pairs = [(truth.split(), guess.split()) for truth, guess in zip(truths, guesses, strict=True)]
    errors = sum(distance(*pair) for pair in pairs)
    assert rate(truths, guesses) == pytest.approx(errors / sum(len(truth) for truth, _ in pairs), rel=1e-6)


def test_a_single_word_is_right_or_wrong():
    truths, guesses = ["exit", "hotel", "42", "bus"], ["exit", "hotels", "", "sub"]
    assert rate(truths, guesses) == pytest.approx(3 / 4)


def test_spaces_around_and_between_do_not_count():
    assert rate([" exit  only "], ["exit only"]) == 0.0 == jiwer.wer([" exit  only "], ["exit only"])


def test_ids_are_words_here_and_characters_there():
    truth, guess = np.array([[1, 2, 3, -1]]), np.array([[1, 3, 3, -1]])
    characters = CharacterErrorRate()
    characters.update_state(truth, guess)
    assert rate(truth, guess) == pytest.approx(1 / 3) == pytest.approx(float(characters.result()))
    # The words have no letters in common that could be compared.
    assert rate(np.array([[10, 11]]), np.array([[10, 12]])) == pytest.approx(1 / 2)


def test_by_default_class_zero_is_a_word():
    assert rate(np.array([[0, 5]]), [[5]]) == pytest.approx(0.5)
    assert rate(np.array([[0, 5]]), [[5]], mask_index=0) == 0.0


def test_sample_weights_multiply_edits_and_lengths():
    assert rate(["a b", "c d"], ["x b", "y z"], [2.0, 1.0]) == pytest.approx((2 * 1 + 2) / (2 * 2 + 2))


def test_nothing_and_empty_texts():
    metric = WordErrorRate()
    assert float(metric.result()) == 0.0
    metric.update_state([], [])
    assert float(metric.result()) == 0.0
    assert rate(["", ""], ["", "a b c"]) == 3.0
    assert rate(["a b"], [""]) == 1.0


def test_reset_forgets():
    metric = WordErrorRate()
    metric.update_state(["a b"], ["x y"])
    metric.reset_state()
    metric.update_state(["a b c d"], ["a b c x"])
    assert float(metric.result()) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "truth, guess, message",
    [
        (["a"], ["a", "b"], "`y_true` and `y_pred` must have the same number of texts. Received: 1 and 2"),
        (["a"], np.zeros((1, 5, 4)), r"`y_pred` must contain strings, or .* Received: .*\(5, 4\)"),
        (3, ["a"], "`y_true` must be a batch of strings or of sequences of class ids. Received: y_true=3"),
    ],
)
def test_refuses_other_texts(truth, guess, message):
    with pytest.raises(ValueError, match=message):
        rate(truth, guess)


def test_refuses_weights_of_another_length():
    with pytest.raises(
        ValueError, match="`sample_weight` must have one weight per text. Received: 3 weights"
    ):
        rate(["a"], ["b"], [1, 2, 3])


@pytest.mark.parametrize("mask_index", [-1, 1.5, "blank"])
def test_refuses_a_mask_index_that_is_not_a_class(mask_index):
    with pytest.raises(ValueError, match="`mask_index` must be a non-negative integer or None. Received:"):
        WordErrorRate(mask_index=mask_index)
