"""Docstrings become Markdown without raw markup, for every public name."""

import html

import pytest

from docs.generate import check, docstrings, reference

markdown = pytest.importorskip("markdown")

NAMES = {path: item for names in reference.items().values() for path, item in names.items()}
EXTENSIONS = ["def_list", "fenced_code", "tables"]

DOCSTRING = """Pools windows.

    A paragraph with `code`.

    Reference: Doe, 2024,
    "Pooling".

    Args:
        size, strides: Integers.
            A second line.
        **kwargs: `name`, ...

    Input shape:
        `(batch, channels)`.

    Raises:
        ValueError: for a bad size.

    >>> print(1)
    1

    More.
    """

EXPECTED = """\
Pools windows.

A paragraph with `code`.

**Reference:** Doe, 2024,
"Pooling".

**Arguments**

`size`, `strides`
:   Integers.
    A second line.

`**kwargs`
:   `name`, ...

**Input shape**

`(batch, channels)`.

**Errors**

`ValueError`
:   for a bad size.

**Example**

```pycon
>>> print(1)
1
```

More.
"""


def as_html(text):
    return f"<article>{markdown.markdown(text, extensions=EXTENSIONS)}</article>"


def test_sections_become_headings_and_lists():
    assert docstrings.markdown(DOCSTRING) == EXPECTED


def test_an_example_inside_a_section_becomes_code():
    text = "Adds.\n\nExample:\n    Words.\n\n    >>> 1 + 1\n    2\n"
    assert docstrings.markdown(text) == "Adds.\n\nWords.\n\n**Example**\n\n```pycon\n>>> 1 + 1\n2\n```\n"


def test_text_before_the_first_entry_is_kept():
    assert list(docstrings.entries("Any of these.\nrate: A number.")) == [
        (None, "Any of these."),
        ("rate", "A number."),
    ]


@pytest.mark.parametrize("path", NAMES)
def test_no_docstring_shows_raw_markup(path):
    text = docstrings.markdown(NAMES[path].__doc__)
    page = check.Page(as_html(text))
    assert check.faults_of_text(page) == []
    # What looks like a tag would disappear.
    assert html.unescape(as_html(text)).count("<") == as_html(text).count("<") + text.count("<")
