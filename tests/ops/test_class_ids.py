"""Labels of every dtype become int32 class ids, or are refused."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo.ops.class_ids import as_labels, class_ids
from keras_cnn_zoo.testing.checks.xla import compiled
from keras_cnn_zoo.testing.probe import wide_dtype

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
needs_xla = pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch runs eagerly")
LARGE = (2**31, 2**31 + 5, 2**32 - 1, 2**32 + 3, 3_000_000_001, -(2**31) - 1, -(2**32))


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor)


def tensor_of(values, dtype):
    """Returns a tensor of a dtype; on JAX, 64 bits become 32."""
    if dtype == "bfloat16":
        return ops.convert_to_tensor(values, dtype="bfloat16")
    return ops.convert_to_tensor(np.array(values, dtype))


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize("make", [tensor_of, lambda values, dtype: np.array(values, dtype)])
def test_every_dtype_gives_ids(dtype, make):
    if dtype == "bfloat16" and make is not tensor_of:
        pytest.skip("NumPy has no bfloat16")
    found = class_ids(make([0, 3, 100], dtype), 101)
    assert keras.backend.standardize_dtype(found.ids.dtype) == "int32" and found.refused is None
    assert as_numpy(found.ids).tolist() == [0, 3, 100] and as_numpy(found.counted).all()


def test_flags_and_lists_are_labels():
    assert as_numpy(class_ids(np.array([True, False]), 2).ids).tolist() == [1, 0]
    assert as_numpy(class_ids([0, 2, -1], 3).ids).tolist() == [0, 2, -1]


@pytest.mark.parametrize("label", [0, 2**24, 2**24 + 1, 2**31 - 1])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "float64"])
def test_large_ids_are_exact(label, dtype):
    assert as_numpy(class_ids(np.array([label], dtype)).ids).tolist() == [label]
    if dtype != "float64" or wide_dtype() == "float64":
        assert as_numpy(class_ids(tensor_of([label], dtype)).ids).tolist() == [label]


@pytest.mark.parametrize("label", LARGE)
def test_integers_of_more_than_32_bits_are_refused(label):
    message = (
        "`y_true` must contain class ids, whole numbers from 0 to 2\\^31 - 1; -1 leave.* Received: y_true"
    )
    with pytest.raises(ValueError, match=message):
        class_ids(np.array([0, label]))
    if wide_dtype() == "float64":
        with pytest.raises(ValueError, match=message):
            class_ids(tensor_of([0, label], "int64"))
    if 0 < label < 2**32:
        with pytest.raises(ValueError, match=message):
            class_ids(tensor_of([0, label], "uint32"))


@pytest.mark.parametrize("label", [0.5, -1.5, np.nan, np.inf, -np.inf, 2.0**31, 1e20])
@pytest.mark.parametrize("make", [np.array, ops.convert_to_tensor])
def test_numbers_that_are_not_whole_are_refused(label, make):
    with pytest.raises(
        ValueError, match="whole numbers from 0 to 9; -1 leave an example out. Received: y_true"
    ):
        class_ids(make(np.array([1.0, label], "float32")), 10)


@pytest.mark.parametrize("label", [-2, 10, 255, 2**24, 2**31 - 1, -(2**31)])
def test_labels_outside_of_the_classes_are_refused(label):
    message = (
        f"`labels` must contain class ids, .* 0 to 9; -1 and 200 leave .* Received: labels with {label}$"
    )
    with pytest.raises(ValueError, match=message):
        class_ids(np.array([[1, label], [label, 200]]), 10, ignore_class=200, name="labels")


def test_many_refused_labels_are_counted():
    with pytest.raises(ValueError, match="with 3, 4, 5, 6, 7 and 4 more$"):
        class_ids(np.arange(12), 3)


@pytest.mark.parametrize("ignore_class", [255, 1, -1, -100, 2**40])
def test_some_labels_do_not_count(ignore_class):
    given = [0, 1, -1] + [ignore_class] * (abs(ignore_class) < 2**31)
    found = class_ids(np.array(given), 2, ignore_class=ignore_class)
    assert as_numpy(found.counted).tolist() == [label not in (-1, ignore_class) for label in given]


def test_values_are_marked():
    found = class_ids(np.array([1, -1, 0]), 2)
    assert as_numpy(found.mark(ops.convert_to_tensor([2.0, 3.0, 4.0]))).tolist() == [2.0, 0.0, 4.0]


@needs_xla
@pytest.mark.parametrize("dtype", ["int32", "uint32", "float32", "bfloat16"])
def test_compiled_code_gives_nan(dtype):
    def marked(labels):
        return class_ids(labels, 10).mark(ops.ones(labels.shape, dtype="float32"))

    wrong = {"float32": [0.5, np.nan], "bfloat16": [0.5, np.nan], "uint32": [2**32 - 1, 2**31 + 4]}
    values = [0, 9, 10, *wrong.get(dtype, [-2, 2**31 - 1])]
    actual = as_numpy(compiled(marked)(tensor_of(values, dtype)))
    np.testing.assert_array_equal(actual, [1, 1, np.nan, np.nan, np.nan])


@needs_xla
def test_compiled_code_leaves_minus_one_out():
    actual = compiled(lambda labels: class_ids(labels, 3).mark(ops.ones((2,), dtype="float32")))(
        tensor_of([-1, 2], "int32")
    )
    assert as_numpy(actual).tolist() == [0.0, 1.0]


def test_a_variable_is_read():
    variable = keras.Variable(np.array([1, 2]), dtype="int32", trainable=False)
    assert as_numpy(as_labels(variable)).tolist() == [1, 2]


def test_symbolic_labels():
    found = class_ids(keras.Input((), dtype="int32"), 4)
    assert found.ids.shape == (None,) and found.refused is not None
