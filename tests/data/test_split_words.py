import pytest

from keras_cnn_zoo.data import split_words
from keras_cnn_zoo.utils.errors import InputError


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Train", "VALID", "Testing"], {"train": "Train", "val": "VALID", "test": "Testing"}),
        (["dev", "training", "extra"], {"train": "training", "val": "dev"}),
        (["validation"], {"val": "validation"}),
        (["trains", "tests", "x"], {}),
    ],
)
def test_split_words_are_matched_in_any_case(names, found):
    assert split_words.by_split(names, "data") == found


def test_two_names_for_one_split_are_refused():
    with pytest.raises(InputError, match="data has two names for the val split: dev and valid"):
        split_words.by_split(["dev", "train", "valid"], "data")


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("instances_train2017", {"train"}),
        ("COCOTrain", {"train"}),
        ("VALID-set", {"val"}),
        ("test-dev2017", {"test"}),
        ("train_val", {"train", "val"}),
        ("trainval", set()),
        ("latest", set()),
        ("contests", set()),
        ("", set()),
    ],
)
def test_splits_are_words_of_a_name(name, splits):
    assert split_words.splits_in(name) == splits


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Train", ("train", set())),
        ("train_set", ("train", set())),
        ("TrainData", ("train", set())),
        ("TRAINdata", ("train", set())),
        ("Testset2", ("test", set())),
        ("tests", ("test", set())),
        ("Images-Valid", ("val", set())),
        ("my train files", ("train", {"my"})),
        ("train_station", ("train", {"station"})),
        ("cat", (None, set())),
        ("trainer", (None, set())),
        ("latest", (None, set())),
    ],
)
def test_a_name_may_mean_a_split_and_say_more(name, meaning):
    assert split_words.probable_meaning(name) == meaning
    assert split_words.probable_split(name) == meaning[0]


def test_a_split_may_be_misspelled():
    assert split_words.misspelled_split("trian") == "train"
    assert split_words.misspelled_split("Validtion") == "val"
    assert split_words.misspelled_split("cat") is None
