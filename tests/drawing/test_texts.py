import numpy as np
import pytest

pytest.importorskip("PIL")

from keras_cnn_zoo.drawing import texts as text_drawing


def answer(count, start=0, window=2):
    words = [f"word{number}" for number in range(count)]
    ngram = {"window": window, "start": start, "words": words[start : start + window], "contribution": 1.25}
    return {"words": words, "ngrams": [ngram]}


def colored(picture):
    """Pixels that are neither gray nor red text."""
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    return np.argwhere(pixels.max(-1) - pixels.min(-1) > 100)


def test_long_texts_are_wrapped_and_the_ngram_is_underlined_at_its_place():
    short, long = (text_drawing.sentence(answer(count), "good") for count in (3, 60))
    assert short.width == long.width == text_drawing.WIDTH and long.height > short.height + 60
    first = colored(text_drawing.sentence(answer(60), "good"))
    last = colored(text_drawing.sentence(answer(60, start=58), "good"))
    assert first[:, 0].min() < last[:, 0].min()


def test_a_text_without_words_can_be_shown():
    empty = {"window": 3, "start": 0, "words": [], "contribution": 0.0}
    picture = text_drawing.sentence({"words": [], "ngrams": [empty]}, "good", right=False)
    assert picture.height > 40


def test_a_sheet_holds_every_picture(tmp_path):
    figure = text_drawing.sheet([text_drawing.sentence(answer(count), "x") for count in (2, 50)])
    assert len(figure.axes) == 2
    figure.savefig(tmp_path / "sheet.png")


def test_a_line_that_is_too_long_is_cut():
    font = text_drawing._font()
    cut = text_drawing._cut("word " * 100, font, 200)
    assert cut.endswith(" ...") and font.getlength(cut) <= 200
    assert text_drawing._cut("word", font, 200) == "word"
