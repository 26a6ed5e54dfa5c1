import collections
import hashlib
import sys

import pytest

from keras_cnn_zoo.data.embedded.library_english import sentences as module


def listed():
    with open(module.FROZEN, encoding="ascii") as file:
        return [tuple(line.split()) for line in file]


def test_the_list_is_balanced_and_its_splits_are_disjoint():
    rows = listed()
    assert len({digits for *_, digits in rows}) == len(rows) == 1920
    counts = collections.Counter((split, name) for split, name, _ in rows)
    assert counts == {
        (split, name): count
        for split, count in (("train", 144), ("val", 48), ("test", 48))
        for name in module.CLASSES
    }


def test_every_sentence_has_the_hash_that_the_list_gives():
    made = module.sentences()
    assert made.listed == 1920 and made.missing == 1920 - sum(map(len, made.texts.values()))
    known = {(split, name, digits) for split, name, digits in listed()}
    for split, texts in made.texts.items():
        for text, label in zip(texts, made.labels[split], strict=True):
            digits = hashlib.sha256(text.encode()).hexdigest()[:16]
            assert (split, module.CLASSES[label], digits) in known
            assert text == " ".join(text.split()) and text[-1] in ".!?"


@pytest.mark.skipif(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)), reason="frozen on 3.11 to 3.13")
def test_listed_pythons_have_nearly_all_sentences():
    assert module.sentences().missing <= 40


def test_code_and_lists_are_not_sentences():
    docstring = (
        "Return the number of items that the queue holds now.  Wait\n"
        "until all of them have been taken out.\n\n"
        "too short.\n\n"
        "    Indented lines are an example of how one would call the function here.\n\n"
        ">>> The session of an interpreter is not a sentence of English at all.\n\n"
        "A paragraph whose end is missing is no whole sentence in any case"
    )
    assert list(module._split_sentences(docstring)) == [
        "Return the number of items that the queue holds now.",
        "Wait until all of them have been taken out.",
    ]


def test_a_library_without_sources_has_no_sentences(monkeypatch, tmp_path):
    monkeypatch.setattr(module.sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    assert all(module.candidates(name) == set() for name in module.CLASSES)
