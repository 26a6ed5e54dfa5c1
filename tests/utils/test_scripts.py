import pytest

from keras_cnn_zoo.utils.scripts import UNSPACED, has_unspaced


@pytest.mark.parametrize("text", ["好", "a好", "の", "カ", "ｶ", "ก", "ລາວ", "ខ្មែរ", "မြန်မာ", "\U00030000"])
def test_scripts_without_spaces(text):
    assert has_unspaced(text)


@pytest.mark.parametrize("text", ["", "abc é", "да", "한국어", "العربية", "हिन्दी", "。、「」", "฿", "123"])
def test_scripts_with_spaces_and_punctuation(text):
    assert not has_unspaced(text)


def test_a_letter_includes_its_marks():
    assert UNSPACED.findall("ที่ x") == ["ที่"]
