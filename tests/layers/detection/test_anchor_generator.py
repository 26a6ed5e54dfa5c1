"""AnchorGenerator against loops over the paper's description."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import AnchorGenerator

ROOT = 2**0.5


def reference(
    inputs,
    weights,
    sizes,
    strides,
    aspect_ratios=(0.5, 1.0, 2.0),
    offset=0.5,
    bounding_box_format="xyxy",
    data_format="channels_last",
):
    maps = [inputs[key] for key in sorted(inputs)] if isinstance(inputs, dict) else [inputs]
    anchors = []
    for each, own, stride in zip(maps, sizes, strides, strict=True):
        for row in range(each.shape[1]):
            for column in range(each.shape[2]):
                for size in own if isinstance(own, (list, tuple)) else [own]:
                    for ratio in aspect_ratios:
                        area = size**2
                        width = (area / ratio) ** 0.5
                        height = area / width
                        x, y = (column + offset) * stride, (row + offset) * stride
                        anchors.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    anchors = np.array(anchors)
    if bounding_box_format == "rel_yxyx":
        height, width = (length * strides[0] for length in maps[0].shape[1:3])
        anchors = anchors[:, [1, 0, 3, 2]] / np.array([height, width, height, width])
    return np.broadcast_to(anchors, (len(maps[0]), *anchors.shape))


CASES = [
    dict(
        cls=AnchorGenerator,
        init_kwargs={
            "sizes": [[8.0, 11.0], [16.0, 22.0]],
            "strides": [4, 8],
            "aspect_ratios": [0.4, 2.5],
            "offset": 0.25,
            "bounding_box_format": "rel_yxyx",
            "data_format": "channels_last",
        },
        input_shape={"P2": (2, 6, 9, 3), "P3": (2, 3, 5, 3)},
        input_dtype={"P2": "uint8", "P3": "uint8"},  # only shapes matter, so there is no gradient
        reference=reference,
    ),
    dict(
        cls=AnchorGenerator,
        init_kwargs={"sizes": [32.0], "strides": [16]},
        input_shape=(2, 3, 2, 4),
        input_dtype="uint8",
        reference=reference,
    ),
]


def test_square_anchor_of_one_cell_by_hand():
    anchors = AnchorGenerator([10], [4], aspect_ratios=1.0)(np.zeros((1, 1, 2, 5)))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(anchors)[0], [[-3, -3, 7, 7], [1, -3, 11, 7]], rtol=1e-6
    )


def test_every_anchor_has_the_area_and_ratio_of_its_arguments():
    anchors = keras.ops.convert_to_numpy(AnchorGenerator([20], [8])(np.zeros((1, 2, 2, 1))))[0]
    width, height = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    np.testing.assert_allclose(width * height, 400, rtol=1e-5)
    np.testing.assert_allclose(height / width, np.tile([0.5, 1, 2], 4), rtol=1e-5)


def test_lists_and_dicts_of_maps_agree():
    maps = [np.zeros((2, 4, 4, 1)), np.zeros((2, 2, 2, 1))]
    layer = AnchorGenerator([8, 16], [4, 8])
    one = keras.ops.convert_to_numpy(layer(maps))
    other = keras.ops.convert_to_numpy(layer({"P3": maps[1], "P2": maps[0]}))
    np.testing.assert_array_equal(one, other)
    assert layer.anchors_per_cell == [3, 3]


def test_float32_stays_exact_under_half_precision():
    layer = AnchorGenerator([32], [8], dtype="float32")
    anchors = layer(keras.ops.zeros((1, 100, 100, 1), dtype="bfloat16"))
    assert float(anchors[0, -1, 0]) == pytest.approx(99.5 * 8 - 32 / ROOT / 2, rel=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"sizes": []}, "`sizes` must be a list with one entry per map"),
        ({"sizes": [[8, -1]]}, "`sizes` must be numbers above 0"),
        ({"strides": [4, 8]}, "`strides` must be a list of 1 positive integers, one per map"),
        ({"strides": [0]}, "`strides` must be a positive integer"),
        ({"aspect_ratios": []}, "`aspect_ratios` must be numbers above 0"),
        ({"offset": 2}, "`offset` must be a finite number at least 0 and at most 1"),
        ({"bounding_box_format": "abcd"}, "`bounding_box_format` must be one of"),
        ({"data_format": "first"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        AnchorGenerator(**{"sizes": [8], "strides": [4], **arguments})


@pytest.mark.parametrize("maps", [np.zeros((1, 4, 4)), [np.zeros((1, 4, 4, 1))] * 2])
def test_refuses_other_maps(maps):
    with pytest.raises(ValueError, match="takes one map of rank 4 per entry of .* Received: input_shape="):
        AnchorGenerator([8], [4])(maps)
