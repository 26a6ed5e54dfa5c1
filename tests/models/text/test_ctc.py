"""Greedy and beam decoding against an enumeration of all paths, and against Keras."""

import itertools

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.text import ctc
from keras_cnn_zoo.utils.characters import columns_needed


def collapsed(path):
    """Returns a path without repeats and then without blanks."""
    return tuple(index for index, _ in itertools.groupby(path) if index != 0)


def all_texts(probabilities):
    """Returns the probability of every text, the sum over its paths."""
    columns, classes = probabilities.shape
    texts = {}
    for path in itertools.product(range(classes), repeat=columns):
        text = collapsed(path)
        chance = float(np.prod([probabilities[column, index] for column, index in enumerate(path)]))
        texts[text] = texts.get(text, 0.0) + chance
    return texts


def log_probs(seed, columns=5, classes=4, spread=1.5):
    logits = np.random.default_rng(seed).normal(scale=spread, size=(columns, classes))
    return ctc.log_probabilities(logits)


def beam(scores, width):
    """Returns what beam search finds for one example."""
    ((found, score),) = ctc.beam_search(scores[None], width)
    return found, score


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_most_probable_text(seed):
    scores = log_probs(seed)
    texts = all_texts(np.exp(scores))
    best = max(texts, key=texts.get)
    found, score = beam(scores, 1000)
    assert found == best
    assert score == pytest.approx(texts[best], rel=1e-5)
    assert sum(texts.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(8))
def test_the_best_path_is_the_most_probable_path(seed):
    scores = log_probs(seed)
    probabilities = np.exp(scores)
    paths = itertools.product(range(4), repeat=5)
    best = max(paths, key=lambda path: np.prod([probabilities[c, i] for c, i in enumerate(path)]))
    found, score = ctc.best_path(scores)
    assert found == collapsed(best)
    assert score == pytest.approx(np.prod([probabilities[c, i] for c, i in enumerate(best)]))


def test_a_narrow_beam_never_overestimates_the_probability():
    for seed in range(6):
        scores = log_probs(seed, spread=0.5)
        texts = all_texts(np.exp(scores))
        for width in (1, 2, 4):
            found, score = beam(scores, width)
            assert 0 < score <= texts[found] * (1 + 1e-5)


def test_the_examples_of_a_batch_do_not_depend_on_each_other():
    scores = np.stack([log_probs(seed) for seed in range(4)])
    alone = [beam(one, 10) for one in scores]
    for (found, score), (own, chance) in zip(ctc.beam_search(scores, 10), alone, strict=True):
        assert found == own and score == pytest.approx(chance, rel=1e-5)


def test_a_text_of_many_paths_wins_over_the_best_path():
    # Two columns: blank 0.6, a 0.4. The best path is empty (0.36), "a" has three paths (0.64).
    scores = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    assert ctc.best_path(scores) == ((), pytest.approx(0.36))
    assert beam(scores, 5) == ((1,), pytest.approx(0.64))


def test_a_blank_separates_equal_characters():
    hard = np.full((5, 3), -30.0)
    for column, index in enumerate((1, 0, 1, 1, 2)):
        hard[column, index] = 0.0
    scores = ctc.log_probabilities(hard)
    assert ctc.best_path(scores)[0] == beam(scores, 3)[0] == (1, 1, 2)


@pytest.mark.parametrize("seed", range(4))
def test_best_path_equals_keras(seed):
    logits = np.random.default_rng(seed).normal(size=(3, 9, 6)).astype("float32")
    decoded, _ = keras.ops.ctc_decode(logits, np.full(3, 9), strategy="greedy", mask_index=0)
    decoded = keras.ops.convert_to_numpy(decoded)[0]
    for row, scores in zip(decoded, ctc.log_probabilities(logits), strict=True):
        assert ctc.best_path(scores)[0] == tuple(int(index) for index in row if index > 0)


def test_huge_and_equal_scores():
    assert np.isfinite(ctc.log_probabilities(np.array([[1e6, -1e6, 0.0]]))).all()
    flat = ctc.log_probabilities(np.zeros((3, 4)))
    assert ctc.best_path(flat)[1] == pytest.approx(1 / 64)
    assert ctc.best_path(ctc.log_probabilities(np.zeros((1, 1)))) == ((), 1.0)


@pytest.mark.parametrize(
    "labels, needed", [("", 0), ("a", 1), ("ab", 2), ("aa", 3), ("aabb", 6), ([1, 1, 1], 5)]
)
def test_columns_needed(labels, needed):
    assert columns_needed(labels) == needed


def test_columns_needed_is_where_the_loss_becomes_finite():
    for text in ([1, 2], [1, 1], [2, 2, 2]):
        needed = columns_needed(text)
        for columns, finite in ((needed, True), (needed - 1, False)):
            loss = keras.ops.ctc_loss(
                np.array([text], "int32"),
                np.zeros((1, columns, 3), "float32"),
                np.array([len(text)], "int32"),
                np.array([columns], "int32"),
                mask_index=0,
            )
            loss = float(keras.ops.convert_to_numpy(loss)[0])
            assert (np.isfinite(loss) and loss < 100) == finite
