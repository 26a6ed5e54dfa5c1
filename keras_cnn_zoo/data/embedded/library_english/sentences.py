"""The data set `library_english`: sentences from the docstrings of this Python's standard library.

The set is frozen by hash. `frozen.tsv` lists the split, the class, and the first 16 digits of the sha256 of
each sentence, but no text. A listed sentence is the same in Python 3.10.13, 3.11.7, 3.12.1, and 3.13.0, and
occurs in one class only. Each class has the 240 with the smallest hashes: 144 train, 48 val, 48 test. Another
Python may lack some of them; `sentences` leaves those out and counts them.
"""

import ast
import dataclasses
import functools
import hashlib
import os
import re
import sysconfig

# From class to its package or module, without packages that distributions install separately, such as
# tkinter.
SOURCES = {
    "asyncio": "asyncio",
    "decimal": "_pydecimal.py",
    "email": "email",
    "http": "http",
    "importlib": "importlib",
    "logging": "logging",
    "unittest": "unittest",
    "xml": "xml",
}
CLASSES = tuple(SOURCES)
FROZEN = os.path.join(os.path.dirname(__file__), "frozen.tsv")
DIGITS = 16

_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_WORD = re.compile(r"[A-Za-z]{2,}")
_LENGTHS = range(6, 41)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclasses.dataclass(frozen=True)
class Sentences:
    """The sentences of the data set that this Python has.

    Args:
        texts: dict from split to a tuple of sentences.
        labels: dict from split to a tuple of class ids.
        missing: number of listed sentences that are not in this Python's library.
        listed: number of listed sentences.
    """

    texts: dict
    labels: dict
    missing: int
    listed: int


@functools.cache
def sentences():
    """Returns the listed `Sentences` of this Python, in the order of the list."""
    found = {name: {fingerprint(text): text for text in candidates(name)} for name in CLASSES}
    texts, labels = ({split: [] for split in ("train", "val", "test")} for _ in range(2))
    listed = missing = 0
    with open(FROZEN, encoding="ascii") as file:
        for line in file:
            split, name, digits = line.split()
            listed += 1
            text = found[name].get(digits)
            if text is None:
                missing += 1
                continue
            texts[split].append(text)
            labels[split].append(CLASSES.index(name))
    return Sentences(
        {split: tuple(of_split) for split, of_split in texts.items()},
        {split: tuple(of_split) for split, of_split in labels.items()},
        missing,
        listed,
    )


def fingerprint(text):
    """Returns the first digits of a sentence's sha256."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:DIGITS]


def candidates(name):
    """Returns the set of whole sentences of 6 to 40 words in the docstrings of a class's source files."""
    return {
        sentence
        for path in _source_files(name)
        for docstring in _docstrings(path)
        for sentence in _split_sentences(docstring)
    }


def _source_files(name):
    """Returns the Python files of a class, or none if the library is installed without its sources."""
    path = os.path.join(sysconfig.get_paths()["stdlib"], SOURCES[name])
    if path.endswith(".py"):
        return [path] if os.path.isfile(path) else []
    found = []
    for parent, folders, files in os.walk(path):
        folders[:] = sorted(folder for folder in folders if folder not in ("test", "tests", "__pycache__"))
        found += [os.path.join(parent, file) for file in sorted(files) if file.endswith(".py")]
    return found


def _docstrings(path):
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        docstring = ast.get_docstring(node) if isinstance(node, _DOCUMENTED) else None
        if docstring:
            yield docstring


def _split_sentences(docstring):
    for paragraph in _PARAGRAPH.split(docstring):
        # Paragraphs with indented lines or sessions are lists or code.
        if any(line.startswith((" ", "\t", ">>>")) for line in paragraph.split("\n")):
            continue
        for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
            whole = sentence[:1].isupper() and sentence[-1:] in (".", "!", "?")
            if whole and len(_WORD.findall(sentence)) in _LENGTHS:
                yield sentence
