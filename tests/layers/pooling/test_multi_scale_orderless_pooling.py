"""MultiScaleOrderlessPooling2D against VLAD by loops, and `adapt`."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import MultiScaleOrderlessPooling2D
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.layers.pooling.oracles import as_tuple

pytest.importorskip("sklearn")


def normalized(vector):
    length = np.sqrt((vector**2).sum())
    return vector / length if length > 0 else vector


def window_means(example, size, stride):
    """Returns the mean of every window of one map (height, width, channels), in row-major order."""
    size, stride = as_tuple(size, 2), as_tuple(stride, 2)
    return np.array(
        [
            example[y : y + size[0], x : x + size[1]].mean((0, 1))
            for y in range(0, example.shape[0] - size[0] + 1, stride[0])
            for x in range(0, example.shape[1] - size[1] + 1, stride[1])
        ]
    )


def vlad_by_loops(descriptors, centers, nearest, bandwidth):
    sums = np.zeros_like(centers)
    for descriptor in descriptors:
        distances = np.array([((descriptor - center) ** 2).sum() for center in centers])
        closest = np.argsort(distances)[:nearest]
        shares = np.exp(-(distances[closest] - distances[closest].min()) / bandwidth)
        for k, share in zip(closest, shares / shares.sum(), strict=True):
            sums[k] += share * (descriptor - centers[k])
    return normalized((np.sign(sums) * np.sqrt(np.abs(sums))).ravel())


def reference(
    inputs,
    weights,
    num_clusters,
    window_sizes,
    strides,
    components=None,
    nearest=5,
    bandwidth=10.0,
    data_format=None,
):
    if (data_format or keras.config.image_data_format()) == "channels_first":
        inputs = np.moveaxis(inputs, 1, -1)
    strides = [strides] * len(window_sizes) if isinstance(strides, int) else strides
    rows = []
    for example in inputs:
        parts = [normalized(example.mean((0, 1)))]
        for scale, (size, stride) in enumerate(zip(window_sizes, strides, strict=True)):
            descriptors = window_means(example, size, stride)
            if components is not None:
                descriptors = descriptors @ weights[f"projection_{scale}"]
            parts.append(vlad_by_loops(descriptors, weights[f"centers_{scale}"], nearest, bandwidth))
        rows.append(np.concatenate(parts))
    return np.array(rows)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def adapt_to_noise(layer):
    first = layer.data_format == "channels_first"
    channels = layer.projections[0].shape[0] if layer.projections else layer.centers[0].shape[1]
    maps = noise(6, 7, 8, channels, seed=1)
    layer.adapt(np.moveaxis(maps, -1, 1) if first else maps)


CASES = [
    dict(
        cls=MultiScaleOrderlessPooling2D,
        init_kwargs={
            "num_clusters": 5,
            "window_sizes": ((3, 2), (2, 2)),
            "strides": (2, 1),
            "components": 3,
            "nearest": 2,
            "bandwidth": 0.5,
            "data_format": "channels_last",
        },
        input_shape=(2, 6, 7, 4),
        prepare=adapt_to_noise,
        expected_output_shape=(2, 34),
        reference=reference,
    ),
    dict(
        cls=MultiScaleOrderlessPooling2D,
        init_kwargs={"num_clusters": 6, "window_sizes": (4, 2, 1), "strides": (1, (2, 1), 2)},
        input_shape=(2, 5, 6, 3),
        prepare=adapt_to_noise,
        reference=reference,
    ),
    dict(
        cls=MultiScaleOrderlessPooling2D,
        init_kwargs={"num_clusters": 1, "window_sizes": [3], "strides": 2},
        input_shape=(1, 5, 5, 2),
        prepare=adapt_to_noise,
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def adapted(maps, num_clusters=4, window_sizes=(3, 2), strides=1, **kwargs):
    layer = MultiScaleOrderlessPooling2D(num_clusters, window_sizes=window_sizes, strides=strides, **kwargs)
    layer.adapt(maps)
    return layer


def weights_of(layer):
    return {weight.name: numpy_of(weight).astype("float64") for weight in layer.weights}


@pytest.mark.parametrize("nearest", [1, 3, 9])
@pytest.mark.parametrize("components", [None, 2])
def test_the_vlad_of_every_scale_matches_a_loop(nearest, components):
    maps = noise(8, 7, 6, 4)
    arguments = {"strides": (2, 1), "nearest": nearest, "bandwidth": 0.7, "components": components}
    layer = adapted(maps, 5, (3, 2), **arguments)
    expected = reference(maps.astype("float64"), weights_of(layer), 5, (3, 2), **arguments)
    np.testing.assert_allclose(numpy_of(layer(maps)), expected, atol=2e-5)


def test_adapt_finds_well_separated_clusters():
    corners = np.array([[0, 0], [0, 9], [9, 0], [9, 9]], "float32")
    maps = corners[np.random.default_rng(0).integers(0, 4, (6, 8, 8))] + 0.01 * noise(6, 8, 8, 2)
    layer = adapted(maps, 4, (1,))
    centers = numpy_of(layer.centers[0])
    np.testing.assert_allclose(centers[np.lexsort(centers.round().T[::-1])], corners, atol=0.01)


def test_components_are_the_eigenvectors_of_the_covariance():
    maps = noise(6, 5, 5, 4) * np.array([0.1, 5.0, 0.1, 3.0], "float32") + 7
    layer = adapted(maps, 2, (1,), components=2)
    _, vectors = np.linalg.eigh(np.cov(maps.reshape(-1, 4).T.astype("float64")))
    projection = numpy_of(layer.projections[0])
    np.testing.assert_allclose(np.abs(projection), np.abs(vectors[:, :1:-1]), atol=1e-5)


def test_adapt_gives_the_same_for_batches_and_tensors():
    maps = noise(70, 5, 5, 3)
    expected = weights_of(adapted(maps))
    for data in (keras.ops.convert_to_tensor(maps), [maps[:50], maps[50:]], iter([maps])):
        for name, array in weights_of(adapted(data)).items():
            np.testing.assert_allclose(array, expected[name], atol=1e-5)


def test_the_seed_fixes_the_subset_of_descriptors():
    maps = noise(10, 6, 6, 3)
    layers = []
    for seed in (0, 0, 1):
        layer = MultiScaleOrderlessPooling2D(4, window_sizes=(2,), strides=1)
        layer.adapt(maps, max_descriptors=60, seed=seed)
        layers.append(numpy_of(layer.centers[0]))
    np.testing.assert_array_equal(layers[0], layers[1])
    assert np.abs(layers[0] - layers[2]).max() > 1e-3


def test_each_level_has_norm_1():
    maps = noise(3, 6, 6, 4)
    outputs = numpy_of(adapted(maps, 4, (3, 2))(maps))
    assert outputs.shape == (3, 4 + 2 * 4 * 4)
    for start, stop in ((0, 4), (4, 20), (20, 36)):
        np.testing.assert_allclose(np.linalg.norm(outputs[:, start:stop], axis=1), 1, rtol=1e-5)


def test_refuses_a_call_before_adapt():
    layer = MultiScaleOrderlessPooling2D(4, window_sizes=(2,), strides=1, name="mop")
    maps = noise(4, 5, 5, 3)
    with pytest.raises(ValueError, match=r"`MultiScaleOrderlessPooling2D` 'mop' has no centers"):
        layer(maps)
    model = keras.Sequential([keras.Input((None, None, 3)), layer])
    assert model.output_shape == (None, 15)
    with pytest.raises(ValueError, match=r"Call `adapt\(data\)`"):
        model.predict(maps, verbose=0)
    layer.adapt(maps)
    assert model.predict(maps, verbose=0).shape == (4, 15)


def test_loaded_centers_need_no_adapt(tmp_path):
    maps = noise(4, 5, 5, 3)
    layer = adapted(maps, components=2)
    model = keras.Sequential([keras.Input((None, None, 3)), layer])
    expected = numpy_of(model(maps))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy_of(loaded(maps)), expected)
    twin = MultiScaleOrderlessPooling2D.from_config(layer.get_config())
    twin.build((None, None, None, 3))
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numpy_of(twin(maps)), numpy_of(layer(maps)))
    assert layer.trainable_weights == []


def test_refuses_loaded_weights_that_were_never_adapted(tmp_path):
    maps = noise(4, 5, 5, 3)
    model = keras.Sequential(
        [keras.Input((None, None, 3)), MultiScaleOrderlessPooling2D(4, window_sizes=(2,), strides=1)]
    )
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="has no centers"):
        keras.saving.load_model(tmp_path / "model.keras")(maps)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_zeros_large_values_and_a_batch_of_one_are_finite(dtype):
    maps = np.abs(noise(6, 5, 5, 3))
    layer = adapted(maps, dtype=dtype)
    for inputs in (maps[:1], np.zeros((1, 5, 5, 3)), maps * 1000, maps * 1e-4):
        value, (gradient,), _ = value_and_gradients(
            lambda x: keras.ops.sum(keras.ops.cast(layer(x), "float32") ** 3),
            [np.asarray(inputs, layer.compute_dtype)],
        )
        assert np.isfinite(numpy_of(value))
        assert np.isfinite(numpy_of(keras.ops.cast(gradient, "float32"))).all()


def test_a_map_on_a_center_gives_zeros_and_no_gradient():
    layer = adapted(noise(6, 4, 4, 2), 3, (1,), nearest=1)
    center = numpy_of(layer.centers[0])[1]
    inputs = np.tile(center, (1, 4, 4, 1))
    outputs = numpy_of(layer(inputs))
    np.testing.assert_array_equal(outputs[0, 2:], 0)
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x)[:, 2:]), [inputs])
    np.testing.assert_array_equal(numpy_of(gradient), 0)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_clusters": 0}, "`num_clusters` must be a positive integer. Received: num_clusters=0"),
        (
            {"window_sizes": 3},
            "`window_sizes` must be a sequence of positive integers or of pairs, one per scale",
        ),
        ({"window_sizes": ()}, "Received: window_sizes=()"),
        ({"window_sizes": (2, (1, 2, 3))}, "`window_sizes` must be"),
        ({"strides": (1, 1, 1)}, "`strides` must be an integer, or a list of 2, one per scale"),
        ({"strides": 0}, "`strides` must be a positive integer or 2 of them. Received: strides=0"),
        ({"components": 0}, "`components` must be a positive integer or None. Received: components=0"),
        ({"nearest": 0}, "`nearest` must be a positive integer. Received: nearest=0"),
        ({"bandwidth": 0.0}, "`bandwidth` must be a finite number above 0. Received: bandwidth=0.0"),
        ({"data_format": 1}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        MultiScaleOrderlessPooling2D(**{"num_clusters": 4, "window_sizes": (3, 2), "strides": 1, **arguments})
    assert message in str(caught.value)


def test_refuses_inputs_smaller_than_a_window():
    layer = MultiScaleOrderlessPooling2D(4, window_sizes=(2, 5), strides=1)
    with pytest.raises(
        ValueError, match=r"larger than its input.*input_shape=\(1, 4, 8, 3\), window=\(5, 5\)"
    ):
        layer.build((1, 4, 8, 3))
    with pytest.raises(ValueError, match="takes inputs of rank 4"):
        layer.build((1, 8, 3))
    with pytest.raises(ValueError, match="number of channels must be known"):
        layer.build((1, 8, 8, None))


def test_refuses_too_few_or_invalid_data():
    maps = noise(2, 3, 3, 3)
    with pytest.raises(ValueError, match=r"distinct descriptors.* num_clusters=9, 8 descriptors"):
        adapted(maps, 9, (2,))
    with pytest.raises(ValueError, match=r"distinct descriptors.* num_clusters=2, 8 descriptors"):
        adapted(np.zeros((2, 3, 3, 3)), 2, (2,))
    with pytest.raises(ValueError, match=r"`components` .*components=4, 8 descriptors of 3 channels"):
        adapted(maps, 2, (2,), components=4)
    with pytest.raises(ValueError, match="`data` must contain at least one feature map"):
        adapted([])
    with pytest.raises(ValueError, match="`data` .* inputs alone, .* a batch of type tuple"):
        adapted([(maps, np.zeros(2))])
    with pytest.raises(ValueError, match="`data` must be finite"):
        adapted(np.full((2, 3, 3, 3), np.nan))
    layer = MultiScaleOrderlessPooling2D(2, window_sizes=(2,), strides=1)
    with pytest.raises(ValueError, match="`max_descriptors` must be a positive integer"):
        layer.adapt(maps, max_descriptors=0)
    with pytest.raises(ValueError, match="`seed` must be a non-negative integer"):
        layer.adapt(maps, seed=-1)
