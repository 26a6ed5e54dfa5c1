import pytest

from keras_cnn_zoo.data.files import yaml_files
from keras_cnn_zoo.data.files.text import find_class_names
from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.utils.errors import InputError

pytest.importorskip("yaml")


def names(text):
    return yaml_files.class_names(yaml_files.parse(text, "d.yaml"), "d.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "names: [no, 'on', 1.10]",
        "names:\n- no\n- on\n- 1.10\n",
        "names:\n  0: no\n  1: on\n  2: 1.10\n",
        "nc: 3\nnames: {2: 1.10, 0: no, 1: on}",
    ],
)
def test_names_are_texts_in_order(text):
    assert names(text) == ("no", "on", "1.10")


@pytest.mark.parametrize("text", ["train: x", "names:", "names: null", "names: []", "names: ~"])
def test_no_names(text):
    assert names(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: cat", "names must be a list or a dict of class names. Received: 'cat'"),
        ("names: [cat, '']", "names must be a list or a dict"),
        ("names: [[cat], dog]", "names must be a list or a dict"),
        ("names: {0: cat, 2: dog}", "names must number the classes 0 to 1. Received: 0, 2"),
        ("names: {a: cat, b: dog}", "names must number the classes 0 to 1. Received: a, b"),
        ("names: {0: cat, 0: dog}", "must have each key once. Received twice: '0'"),
        ("names: [cat, cat]", "names a class twice. Received: 'cat'"),
        ("nc: 3\nnames: [cat, dog]", "nc must be the number of names, 2. Received: '3'"),
        ("nc: [2]\nnames: [cat, dog]", "nc must be the number of names"),
        ("names: [cat", "is not YAML"),
        ("{[a]: b}", "is not YAML"),
        ("&a [*a", "is not YAML"),
        ("- cat\n- dog", "must have lines `key: value`"),
        ("", "must have lines `key: value`"),
        ("\x00", "is not YAML"),
    ],
)
def test_other_documents_are_refused_in_one_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        names(text)
    assert "\n" not in str(caught.value) and "d.yaml" in str(caught.value)


def test_no_object_is_made_from_a_tag():
    assert yaml_files.parse("a: !!python/object/apply:os.getcwd []", "d.yaml") == {"a": []}


def test_data_yaml_names_the_classes_of_any_data(tmp_path):
    (tmp_path / "data.yaml").write_bytes(b"\xef\xbb\xbfnames: [cat, dog]\n")
    assert find_class_names(str(tmp_path), ReadOptions("classification")) == ("cat", "dog")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    assert find_class_names(str(tmp_path), ReadOptions("classification")) == ("a", "b")
