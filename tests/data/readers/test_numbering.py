from keras_cnn_zoo.data.readers.numbering import example_names


def test_names_count_from_zero():
    assert example_names("val", 3) == ["val/0", "val/1", "val/2"]
    assert example_names("val", 0) == []
