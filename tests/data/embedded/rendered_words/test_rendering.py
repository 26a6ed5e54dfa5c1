import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.rendered_words import RenderedWords, fonts
from keras_cnn_zoo.utils.characters import ALPHABET
from tests.helpers import shortest

pytest.importorskip("PIL")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def words():
    return RenderedWords(ALPHABET, given=("exit", "hotel"))


def test_examples_are_gray_images_of_one_size(words):
    for example in words(60, (0, 1)):
        assert example["image"].shape == (32, 100, 1) and example["image"].dtype == np.uint8
        assert set(example["text"]) <= set(ALPHABET) and example["text"]
    assert RenderedWords("01", size=(32, 64))(2, (0,))[0]["image"].shape == (32, 64, 1)


def test_each_word_is_a_function_of_seed_and_position(words):
    first, again, other = words(8, (3, 1)), words(8, (3, 1)), words(8, (3, 2))
    for one, two in zip(first, again, strict=True):
        assert one["text"] == two["text"]
        np.testing.assert_array_equal(one["image"], two["image"])
    assert any(not np.array_equal(one["image"], two["image"]) for one, two in zip(first, other, strict=True))
    # A shorter draw is the beginning of a longer one: the batch size does not change earlier words.
    np.testing.assert_array_equal(words(3, (3, 1))[2]["image"], first[2]["image"])
    # Earlier draws have no effect: a new object gives the same words.
    fresh = RenderedWords(ALPHABET, given=("exit", "hotel"))
    np.testing.assert_array_equal(fresh(8, (3, 1))[7]["image"], first[7]["image"])


def test_most_words_contrast_with_their_background(words):
    contrasts = [float(np.ptp(np.percentile(e["image"], (5, 95)))) for e in words(200, (5,))]
    assert np.median(contrasts) > 60 and np.mean(np.array(contrasts) < 12) < 0.05


def test_dark_on_light_and_light_on_dark(words):
    borders = [float(np.median(example["image"][[0, -1]])) for example in words(200, (6,))]
    assert np.mean(np.array(borders) < 100) > 0.2 and np.mean(np.array(borders) > 155) > 0.2


def ink(coverage):
    return int((coverage > 127).sum())


def test_letters_are_set_from_left_to_right(words):
    rng = np.random.default_rng(0)
    for _ in range(20):
        state = rng.bit_generator.state
        line = words._set("il", rng)
        rng.bit_generator.state = state
        longer = words._set("ilil", rng)
        assert longer.shape[1] > 1.3 * line.shape[1] and ink(longer) > 1.5 * ink(line)


def test_mixed_case_alphabets_keep_the_case(words):
    cased = RenderedWords("aAbB")
    rng = np.random.default_rng(0)
    assert {cased._cased("aB", rng) for _ in range(20)} == {"aB"}
    drawn = {words._cased("exit", rng) for _ in range(200)}
    assert {"EXIT", "exit", "Exit"} <= drawn


def test_marks_are_drawn_but_not_in_the_text(words):
    rng = np.random.default_rng(0)
    drawn = [words._punctuated("exit", rng) for _ in range(400)]
    marked = [text for text in drawn if text != "exit"]
    assert 20 < len(marked) < 90
    assert all(len(text) == 5 and sum(c.isalnum() for c in text) == 4 for text in marked)


@pytest.mark.parametrize("text", ["i", ".", "w" * 24])
def test_tiny_and_long_words(words, text):
    from keras_cnn_zoo.data.embedded.rendered_words.degradation import photograph
    from keras_cnn_zoo.data.embedded.rendered_words.rendering import _painted

    for seed in range(30):
        rng = np.random.default_rng(seed)
        scene, box = _painted(words._set(text, rng), rng)
        assert photograph(scene, box, (32, 100), rng).shape == (32, 100)


@pytest.mark.slow
def test_one_core_renders_a_thousand_words_per_second(words):
    words(1500, (0, 0))
    assert 300 / shortest(lambda round_: words(300, (0, 1 + round_))) > 1000


def test_families_may_be_given(tmp_path):
    path = fonts.installed()[0][0]
    assert RenderedWords("01", families=[[path]])(1, (0,))[0]["image"].shape == (32, 100, 1)
