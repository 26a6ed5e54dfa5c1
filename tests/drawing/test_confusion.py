import numpy as np
import pytest

pytest.importorskip("matplotlib")

from keras_cnn_zoo.drawing import confusion


def texts(figure):
    (axis,) = figure.axes
    return [text.get_text() for text in axis.texts]


def test_cells_are_percent_of_the_true_class(tmp_path):
    counts = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 999]])
    figure = confusion.matrix(counts, ("cat", "$x$ and $y", "owl"))
    assert texts(figure) == ["75", "25", "<1", "100"]
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["cat", "$x$ and $y", "owl"]
    figure.savefig(tmp_path / "confusion.png")
    shown = np.asarray(axis.images[0].get_array())
    np.testing.assert_allclose(shown[:2], [[0.75, 0.25, 0], [0, 0, 0]])


@pytest.mark.parametrize(("count", "numbers", "ticks"), [(21, 0, 21), (61, 0, None)])
def test_many_classes_have_no_numbers_and_no_names(count, numbers, ticks):
    names = [f"class {index}" for index in range(count)]
    figure = confusion.matrix(np.eye(count), names)
    (axis,) = figure.axes
    assert len(texts(figure)) == numbers
    assert ticks is None or len(axis.get_yticks()) == ticks
    assert names[0] in [label.get_text() for label in axis.get_yticklabels()] or ticks is None
