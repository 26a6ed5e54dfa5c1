import pytest

from keras_cnn_zoo.models.detection.anchors import anchor_counts, anchor_generator


def test_default_sizes_and_counts():
    anchors = anchor_generator(None, (0.5, 2), strides=[8, 16], default=[[64], [128]])
    assert anchors.sizes == [[64.0], [128.0]] and anchors.anchors_per_cell == [2, 2]
    # Cells that are only partly in the image count.
    assert anchor_counts(anchors, (20, 32)) == [3 * 4 * 2, 2 * 2 * 2]


@pytest.mark.parametrize("sizes", [(8,), (8, 0), (8, ()), "big", 5])
def test_refuses_sizes(sizes):
    with pytest.raises(ValueError, match="`anchor_sizes` must be None or positive numbers for each of 2"):
        anchor_generator(sizes, (1,), strides=[8, 16], default=[[64], [128]])
