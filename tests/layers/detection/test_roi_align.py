"""ROIAlign2D against interpolation by loops, plain crops, and linear maps."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import ROIAlign2D
from keras_cnn_zoo.ops.roi_align import roi_align
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.ops.test_boxes import random_boxes


def interpolated(image, y, x):
    """Returns the value at (y, x), pixel centers at integers; edges extend one pixel, then 0."""
    height, width = image.shape[:2]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(image.shape[-1])
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    total = np.zeros(image.shape[-1])
    for row in range(height):
        for column in range(width):
            total += max(0.0, 1 - abs(y - row)) * max(0.0, 1 - abs(x - column)) * image[row, column]
    return total


def reference(
    inputs,
    weights,
    output_size,
    spatial_scale,
    sampling_ratio=2,
    aligned=True,
    bounding_box_format="xyxy",
    data_format="channels_last",
):
    features, boxes = inputs
    rows, columns = (output_size,) * 2 if isinstance(output_size, int) else output_size
    outputs = np.zeros((*boxes.shape[:2], rows, columns, features.shape[-1]))
    for image in range(len(boxes)):
        for number, box in enumerate(boxes[image]):
            if bounding_box_format == "yxyx":
                box = box[[1, 0, 3, 2]]
            left, top, right, bottom = box * spatial_scale
            height, width = bottom - top, right - left
            if aligned:
                left, top = left - 0.5, top - 0.5
            else:
                height, width = max(height, 1.0), max(width, 1.0)
            for row in range(rows):
                for column in range(columns):
                    for i in range(sampling_ratio):
                        for j in range(sampling_ratio):
                            y = top + (row + (i + 0.5) / sampling_ratio) * height / rows
                            x = left + (column + (j + 0.5) / sampling_ratio) * width / columns
                            outputs[image, number, row, column] += interpolated(features[image], y, x)
    return outputs / sampling_ratio**2


def arrays(seed=0):
    features = np.random.default_rng(seed).normal(size=(2, 6, 8, 3)).astype("float32")
    boxes = np.round(random_boxes(2, 4, seed=seed, size=26.0) * 4) / 4 - 1
    return features, boxes.astype("float32")


CASES = [
    dict(
        cls=ROIAlign2D,
        init_kwargs={
            "output_size": (3, 2),
            "spatial_scale": 0.29,
            "sampling_ratio": 3,
            "aligned": False,
            "bounding_box_format": "yxyx",
            "data_format": "channels_last",
        },
        inputs=arrays(),
        reference=reference,
    ),
    dict(
        cls=ROIAlign2D,
        init_kwargs={"output_size": 2, "spatial_scale": 0.27},
        inputs=arrays(1),
        reference=reference,
    ),
    dict(
        cls=ROIAlign2D,
        init_kwargs={"output_size": 3, "spatial_scale": 0.31, "sampling_ratio": 1},
        inputs=arrays(2),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_integer_boxes_equal_a_crop():
    features = np.random.default_rng(0).normal(size=(1, 8, 9, 2)).astype("float32")
    crop = ROIAlign2D((3, 4), 1.0, sampling_ratio=1)(features, np.array([[[2.0, 1, 6, 4]]]))
    np.testing.assert_allclose(numpy_of(crop)[0, 0], features[0, 1:4, 2:6], rtol=1e-6)


def test_a_linear_map_gives_the_centers_of_the_cells():
    y, x = np.mgrid[:10, :12] + 0.5
    features = np.stack([y, x], axis=-1)[None].astype("float32")
    outputs = numpy_of(ROIAlign2D(2, 0.5)(features, np.array([[[4.0, 3, 20, 15]]])))[0, 0]
    np.testing.assert_allclose(outputs[..., 0], [[3, 3], [6, 6]], rtol=1e-5)
    np.testing.assert_allclose(outputs[..., 1], [[4, 8], [4, 8]], rtol=1e-5)


def test_an_empty_box_and_one_outside_are_finite():
    features = np.ones((1, 4, 4, 1), "float32")
    outputs = numpy_of(ROIAlign2D(2, 1.0)(features, np.array([[[0.0, 0, 0, 0], [50, 50, 60, 60]]])))
    np.testing.assert_array_equal(outputs[0, 0], 1)
    np.testing.assert_array_equal(outputs[0, 1], 0)


def test_boxes_keep_their_precision_under_half_precision():
    ramp = np.arange(1024, dtype="float32").reshape(1, 1, 1024, 1) / 1024
    boxes = keras.ops.convert_to_tensor([[[1000.0, 0, 1001, 1]]], dtype="float32")
    layer = ROIAlign2D(1, 1.0, dtype="mixed_bfloat16")
    # bfloat16 would round 1001 to 1000.
    assert float(layer(ramp, boxes)[0, 0, 0, 0, 0]) == pytest.approx(1000 / 1024, rel=5e-3)
    assert keras.backend.standardize_dtype(layer(ramp, boxes).dtype) == "bfloat16"


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sampling_ratio", [1, 2, 3])
def test_matrix_products_equal_gathering(sampling_ratio, aligned):
    features, boxes = arrays(4)

    def outputs_and_gradients(dense):
        def objective(features, boxes):
            outputs = roi_align(
                [features],
                boxes,
                [0.29],
                output_size=(3, 2),
                sampling_ratio=sampling_ratio,
                aligned=aligned,
                dense=dense,
            )
            return keras.ops.sum(outputs**2), outputs

        (_, outputs), gradients, _ = value_and_gradients(objective, [features, boxes], has_aux=True)
        return [numpy_of(tensor) for tensor in (outputs, *gradients)]

    for one, other in zip(outputs_and_gradients(True), outputs_and_gradients(False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dense", [False, True])
def test_each_box_reads_its_level(dense):
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(2, size, size + 1, 3)).astype("float32") for size in (8, 4)]
    boxes = random_boxes(2, 5, size=28.0)
    levels = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])
    scales = (1 / 4, 1 / 8)
    both = numpy_of(roi_align(maps, boxes, scales, output_size=(2, 2), levels=levels, dense=dense))
    for number, scale in enumerate(scales):
        alone = numpy_of(roi_align([maps[number]], boxes, [scale], output_size=(2, 2), dense=dense))
        np.testing.assert_allclose(both[levels == number], alone[levels == number], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"output_size": 0}, "`output_size` must be a positive integer or 2 of them"),
        ({"spatial_scale": 0}, "`spatial_scale` must be a finite number above 0"),
        ({"sampling_ratio": 0}, "`sampling_ratio` must be a positive integer"),
        ({"aligned": 1}, "`aligned` must be True or False"),
        ({"bounding_box_format": "abcd"}, "`bounding_box_format` must be one of"),
        ({"data_format": "first"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        ROIAlign2D(**{"output_size": 7, "spatial_scale": 0.5, **arguments})


@pytest.mark.parametrize(
    "features, boxes", [((1, 4, 4), (1, 2, 4)), ((1, 4, 4, 1), (1, 4)), ((1, 4, 4, 1), (1, 2, 5))]
)
def test_refuses_other_shapes(features, boxes):
    with pytest.raises(ValueError, match="takes features of rank 4 and boxes"):
        ROIAlign2D(2, 1.0)(np.zeros(features), np.zeros(boxes))


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("place", range(4))
def test_nan_in_a_box_gives_nan_in_its_features_alone(place, aligned, dense):
    features = np.random.default_rng(0).normal(size=(1, 6, 7, 2)).astype("float32")
    boxes = random_boxes(1, 3)
    boxes[0, 1, place] = np.nan
    outputs = roi_align([features], boxes, [0.1], output_size=(2, 2), aligned=aligned, dense=dense)
    outputs = np.asarray(keras.ops.convert_to_numpy(outputs))
    assert np.isnan(outputs[0, 1]).any()
    assert np.isfinite(outputs[0, [0, 2]]).all()
