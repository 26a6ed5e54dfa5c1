import numpy as np
import pytest

from keras_cnn_zoo.utils import validation

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    "check, arguments, good, bad",
    [
        ("positive_integer", {}, [(1, 1), (np.int64(3), 3)], [0, -1, 1.0, True, "2", None, NAN, object()]),
        ("positive_integer", {"optional": True}, [(None, None), (2, 2)], [0, 1.5]),
        ("non_negative_integer", {}, [(0, 0)], [-1, 0.0, False, None]),
        ("integer", {}, [(-4, -4)], [1.0, True, "x"]),
        ("finite_number", {}, [(0.1, 0.1), (np.float32(0.5), 0.5), (-3, -3.0)], [INF, NAN, "1", True, None]),
        ("finite_number", {"minimum": 0, "below": 1}, [(0, 0.0), (0.99, 0.99)], [-1e-9, 1]),
        ("finite_number", {"above": 0, "maximum": 2}, [(2, 2.0)], [0, 2.1]),
        ("probability", {}, [(0, 0.0), (1, 1.0)], [-0.1, 1.1, NAN]),
        ("probability", {"allow_one": False}, [(0.9, 0.9)], [1]),
        ("boolean", {}, [(True, True), (False, False)], [1, 0, "yes", None]),
        ("one_of", {"allowed": ("a", 1)}, [("a", "a"), (1, 1)], ["b", True, 1.0, None]),
        (
            "positive_integers",
            {"length": 2},
            [(3, (3, 3)), ([1, 2], (1, 2))],
            [0, (1,), (1, 2, 3), (1, 0), "ab", (1.0, 2)],
        ),
        ("positive_integers", {"length": 2, "optional": True}, [(None, None)], [(None, 1)]),
        ("divisor", {"whole": 6, "description": "width 6"}, [(1, 1), (np.int64(3), 3)], [4, 0, 2.0, None]),
        ("data_format", {}, [("channels_first", "channels_first"), (None, "channels_last")], ["last", 1]),
    ],
)
def test_checks_return_good_values_and_refuse_bad_ones(check, arguments, good, bad):
    function = getattr(validation, check)
    for value, expected in good:
        result = function("width", value, **arguments)
        assert result == expected and type(result) is type(expected)
    for value in bad:
        with pytest.raises(ValueError, match=r"^`width` must be .*\. Received: width=") as caught:
            function("width", value, **arguments)
        assert str(caught.value).endswith(f"Received: width={value!r}")


def test_instance_names_the_required_type():
    assert validation.instance("layer", 3, int, "a number") == 3
    with pytest.raises(ValueError, match="`layer` must be a number. Received: layer='x'"):
        validation.instance("layer", "x", int, "a number")
