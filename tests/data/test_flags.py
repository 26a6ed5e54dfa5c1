import pytest

from keras_cnn_zoo.data.flags import as_flag
from keras_cnn_zoo.utils.errors import InputError


@pytest.mark.parametrize(
    "value", [None, False, 0, 0.0, "", " ", "0", "0.0", "00", "False", "false", "no", "Unspecified", "None"]
)
def test_these_are_false(value):
    assert as_flag(value, "difficult") is False


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", " 1 ", "1.0", "true", "TRUE", "yes"])
def test_these_are_true(value):
    assert as_flag(value, "difficult") is True


@pytest.mark.parametrize("value", [2, -1, 0.5, "2", "maybe", "nan", float("nan"), [], [0], {}, "1 0"])
def test_other_values_are_refused_in_one_line(value):
    with pytest.raises(InputError, match="a.xml: difficult must be 0 or 1. Received: ") as caught:
        as_flag(value, "a.xml: difficult")
    assert "\n" not in str(caught.value)
