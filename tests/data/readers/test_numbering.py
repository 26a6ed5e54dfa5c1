from keras_cnn_zoo.data.readers.numbering import distinct_names, example_names


def test_names_count_from_zero():
    assert example_names("val", 3) == ["val/0", "val/1", "val/2"]
    assert example_names("val", 0) == []


def test_repeated_names_are_numbered_and_files_in_two_splits_are_reported():
    names, notes = distinct_names({"train": ["a", "b", "b"], "val": ["c"], "test": ["a", "c", "d", "b"]})
    assert names == {"train": ["a", "b", "b (2)"], "val": ["c"], "test": ["a (2)", "c (2)", "d", "b (3)"]}
    assert notes == ("3 files are in more than one split: a (train, test), b (train, test), c (val, test)",)
    assert distinct_names({"train": ["a"], "test": ["b"]})[1] == ()
