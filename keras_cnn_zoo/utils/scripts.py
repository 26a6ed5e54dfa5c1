"""Scripts that are written without spaces between words: Chinese, Japanese, Thai, Lao, Khmer, and Burmese."""

import re
import unicodedata

_CHINESE_AND_JAPANESE = (
    *("\u3005-\u3007", "\u3021-\u3029", "\u3041-\u3096", "\u309d-\u309f", "\u30a1-\u30fa", "\u30fc-\u30ff"),
    *("\u3105-\u312f", "\u31a0-\u31bf", "\u31f0-\u31ff", "\u3400-\u4dbf", "\u4e00-\u9fff", "\uf900-\ufaff"),
    *("\uff66-\uff9f", "\U00020000-\U000323af"),
)
# Thai, Lao, Burmese, and Khmer, whose vowels and tones are marks on a letter.
_WITH_MARKS = (range(0x0E00, 0x0F00), range(0x1000, 0x10A0), range(0x1780, 0x1800))
_OF_MARKS = [chr(code) for codes in _WITH_MARKS for code in codes]
MARKS = "".join(c for c in _OF_MARKS if unicodedata.category(c).startswith("M"))
_LETTERS = "".join((*_CHINESE_AND_JAPANESE, *(c for c in _OF_MARKS if c.isalnum())))
# A letter with its marks.
UNSPACED = re.compile(f"[{_LETTERS}][{MARKS}]*")


def has_unspaced(text):
    """Returns whether a text has letters of a script without spaces between words."""
    return UNSPACED.search(text) is not None
