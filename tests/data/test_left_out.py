from keras_cnn_zoo.data.left_out import counted, first_few, left_out


def test_one_thing_is_singular():
    assert counted(1, "file") == "1 file" and counted(0, "file") == "0 files"
    assert counted(1234, "image") == "1,234 images"


def test_the_first_names_are_shown_and_the_others_counted():
    assert first_few(["a"]) == "a" and first_few("abc") == "a, b, c"
    assert first_few("abcde") == "a, b, c, and 2 more"
    assert first_few("abc", 2) == "a, b, and 1 more"


def test_what_is_left_out_is_counted_and_the_first_are_named():
    assert left_out([], "image", "without annotation") == ()
    assert left_out(["a"], "image", "in no table") == ("left out 1 image in no table: a",)
    assert left_out("abcd", "file", "of noise") == ("left out 4 files of noise: a, b, c, and 1 more",)
