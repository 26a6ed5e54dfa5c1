"""Docs, docstrings, comments, error messages, and test names follow the prose rules of CONTRIBUTING.md."""

import re

import pytest

from tests.policy import prose, sources

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
# Files of earlier versions stay as they were written.
RECORDED = "recorded"
# One sentence per rule, in the order of `prose.RULES`.
BAD_SENTENCES = (
    "The tracker takes 30 frames a second",
    "Each trial has a schedule of its own",
    "The name stands in the config",
    "This is no mask",
    "A ReLU behind each convolution",
    "The default where nobody asks",
    "The size hangs on the stride",
    "The choice is said aloud",
    "This mends the shape",
    "A rule that bites",
    "The layer is held to the contract",
    "The value is held by a test",
    "The model wants a mask",
    "The mask beside the image",
    "Pooling is the trade of this layer",
    "The row is dropped without a word",
    "The loss is the house's",
    "An honest baseline",
    "The label tells the two apart",
    "The search came to nothing",
    "The colour of the box",
)
GOOD_SENTENCES = (
    "The tracker takes 30 frames per second",
    "There is no test split",
    "The word list says `colour` and `a step`",
    "Use labelled:PATH, or pass licence=None",
    "BCCD stands for blood cell count and detection",
)
PLACES = {
    "docstring": ("part.py", lambda text: f'def part():\n    """{text}."""\n'),
    "comment": ("part.py", lambda text: f"# {text}.\n"),
    "error_message": ("part.py", lambda text: f'raise ValueError("{text}.")\n'),
    "test_name": (
        "part.py",
        lambda text: f"def test_{re.sub(r'[^0-9a-z]+', '_', text.lower())}():\n    pass\n",
    ),
    "page": ("page.md", lambda text: f"# Title\n\n{text}.\n"),
}


def faults(path):
    """Returns a line for each breach of a rule in a Python file or page, and none for other files."""
    check = {".py": prose.faults_in_python, ".md": prose.faults_in_markdown}.get(path.suffix)
    return check(path) if check else []


def faults_in_place(place, text, folder):
    """Returns the breaches in a file of `folder` that contains `text` in one of `PLACES`."""
    name, written = PLACES[place]
    (folder / name).write_text(written(text), encoding="utf-8")
    return faults(folder / name)


@pytest.mark.parametrize("top", [*sources.CODE_FOLDERS, *PAGES])
def test_prose_follows_the_rules(top):
    paths = [path for path in sources.tracked_files() if path.relative_to(sources.ROOT).parts[0] == top]
    assert paths
    found = [line for path in paths if RECORDED not in path.parts for line in faults(path)]
    assert found == [], f"{len(found)} breaches of the rules:\n" + "\n".join(found)


def test_every_rule_has_a_bad_sentence():
    matched = [
        re.search(pattern, text, re.IGNORECASE) is not None
        for (pattern, _), text in zip(prose.RULES, BAD_SENTENCES, strict=True)
    ]
    assert all(matched), matched


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", BAD_SENTENCES)
def test_bad_sentences_are_found(text, place, tmp_path):
    advice = prose.RULES[BAD_SENTENCES.index(text)][1]
    assert any(line.endswith(f": {advice}") for line in faults_in_place(place, text, tmp_path))


@pytest.mark.parametrize("place", ["docstring", "comment", "error_message", "page"])
@pytest.mark.parametrize("text", GOOD_SENTENCES)
def test_good_sentences_are_not_found(text, place, tmp_path):
    assert faults_in_place(place, text, tmp_path) == []


def test_a_docstring_must_not_start_with_what(tmp_path):
    (line,) = faults_in_place("docstring", "What the layer returns", tmp_path)
    assert "starts with a verb" in line


def test_code_blocks_of_pages_are_not_checked(tmp_path):
    assert faults_in_place("page", "Run this:\n\n```\nwants a colour\n```\n\nIt is done", tmp_path) == []
