"""VLAD against the formula of NetVLAD by loops, its hard limit, and its gradients at zero norms."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import VLAD
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def normalized(vector):
    length = np.sqrt((vector**2).sum())
    return vector / length if length > 0 else vector


def reference(inputs, weights, num_clusters, alpha=100.0, data_format=None):
    if (data_format or keras.config.image_data_format()) == "channels_first":
        inputs = np.moveaxis(inputs, 1, -1)
    centers, kernel, bias = (weights[name] for name in ("centers", "assignment_kernel", "assignment_bias"))
    rows = []
    for example in inputs:
        sums = np.zeros_like(centers)
        for descriptor in example.reshape(-1, example.shape[-1]):
            descriptor = normalized(descriptor)
            scores = np.array([kernel[:, k] @ descriptor + bias[k] for k in range(num_clusters)])
            shares = np.exp(scores - scores.max())
            shares = shares / shares.sum()
            for k in range(num_clusters):
                sums[k] += shares[k] * (descriptor - centers[k])
        for k in range(num_clusters):
            sums[k] = sums[k] / np.sqrt((sums[k] ** 2).sum() + 1e-12)
        rows.append(normalized(sums.ravel()))
    return np.array(rows)


CASES = [
    dict(
        cls=VLAD,
        init_kwargs={"num_clusters": 4, "alpha": 3.0, "data_format": "channels_last"},
        input_shape=(2, 5, 4, 6),
        expected_output_shape=(2, 24),
        reference=reference,
    ),
    dict(cls=VLAD, init_kwargs={"num_clusters": 5}, input_shape=(3, 7, 3), reference=reference),
    dict(cls=VLAD, init_kwargs={"num_clusters": 1}, input_shape=(2, 3, 3, 4), reference=reference),
    dict(
        cls=VLAD,
        init_kwargs={"num_clusters": 3, "alpha": None},
        input_shape=(2, 4, 3, 5),
        # As many channels as rows, so the same for both data formats.
        prepare=lambda layer: layer.adapt(noise(4, 5, 5, 5)),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def built(num_clusters, channels, **kwargs):
    layer = VLAD(num_clusters, **kwargs)
    layer.build((None, None, channels))
    return layer


def test_a_case_of_two_clusters_by_hand():
    layer = built(2, 2, alpha=1e4)
    layer.set_centers([[1.0, 0.0], [0.0, 1.0]])
    # The normalized descriptors are (0.6, 0.8), nearest to the second center, and (1, 0), the first center.
    outputs = numpy_of(layer(np.array([[[3.0, 4.0], [6.0, 8.0], [0.5, 0.0]]], "float32")))
    np.testing.assert_allclose(outputs, [[0, 0, 0.6 / 0.4**0.5, -0.2 / 0.4**0.5]], atol=1e-6)


def test_the_initial_assignment_is_by_distance():
    layer = built(6, 4, alpha=2.0)
    centers = numpy_of(layer.centers)
    np.testing.assert_allclose(numpy_of(layer.assignment_kernel), 4.0 * centers.T, rtol=1e-6)
    np.testing.assert_allclose(numpy_of(layer.assignment_bias), -2.0 * (centers**2).sum(1), rtol=1e-6)
    centers = noise(6, 4)
    layer.set_centers(centers)
    inputs = noise(1, 5, 4)
    descriptors = inputs[0] / np.linalg.norm(inputs[0], axis=-1, keepdims=True)
    shares = np.exp(-2.0 * ((descriptors[:, None] - centers) ** 2).sum(-1))
    shares /= shares.sum(axis=1, keepdims=True)
    sums = shares.T @ descriptors - shares.sum(axis=0)[:, None] * centers
    sums /= np.linalg.norm(sums, axis=-1, keepdims=True)
    np.testing.assert_allclose(numpy_of(layer(inputs))[0], sums.ravel() / 6**0.5, rtol=1e-4, atol=1e-6)


def test_a_sharp_assignment_equals_the_hard_assignment():
    layer = built(5, 3, alpha=1e5)
    layer.set_centers(noise(5, 3, seed=1) * 0.5)
    inputs = noise(2, 40, 3)
    centers = numpy_of(layer.centers)
    expected = []
    for example in inputs:
        sums = np.zeros((5, 3))
        for descriptor in example:
            descriptor = normalized(descriptor)
            nearest = ((descriptor - centers) ** 2).sum(axis=1).argmin()
            sums[nearest] += descriptor - centers[nearest]
        expected.append(normalized(np.array([normalized(row) for row in sums]).ravel()))
    np.testing.assert_allclose(numpy_of(layer(inputs)), expected, atol=1e-5)


def test_the_order_of_descriptors_does_not_matter():
    layer = built(4, 6)
    inputs = noise(2, 5, 4, 6)
    sequence = inputs.reshape(2, 20, 6)
    for other in (sequence, sequence[:, ::-1], np.swapaxes(inputs, 1, 2)):
        np.testing.assert_allclose(numpy_of(layer(other)), numpy_of(layer(inputs)), rtol=1e-4, atol=1e-6)
    first = VLAD(4, data_format="channels_first")
    first.build((None, 6, None, None))
    first.set_weights(layer.get_weights())
    for other in (np.moveaxis(inputs, -1, 1), np.moveaxis(sequence, -1, 1)):
        np.testing.assert_allclose(numpy_of(first(other)), numpy_of(layer(inputs)), rtol=1e-4, atol=1e-6)


def test_unknown_input_sizes_are_supported():
    model = keras.Sequential([keras.Input((None, None, 3)), VLAD(4)])
    for size in [(1, 1), (3, 5), (8, 2)]:
        outputs = model.predict(noise(2, *size, 3), verbose=0)
        np.testing.assert_allclose(np.linalg.norm(outputs, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-35, 1e-20, 1e20, 1e37])
def test_the_scale_of_descriptors_does_not_matter(scale):
    layer = built(4, 6, alpha=10.0)
    inputs = noise(2, 9, 6)
    scaled = numpy_of(layer((inputs.astype("float64") * scale).astype("float32")))
    np.testing.assert_allclose(scaled, numpy_of(layer(inputs)), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("alpha", [1.0, 100.0, 1e6])
def test_gradients_are_finite_at_zero(dtype, alpha):
    layer = built(4, 6, alpha=alpha, dtype=dtype)
    some = noise(3, 9, 6)
    some[0] = 0
    some[1, :4] = 0
    on_a_center = np.tile(numpy_of(keras.ops.convert_to_tensor(layer.centers))[:1], (9, 1))[None]
    for inputs in (some, on_a_center, np.zeros((1, 9, 6))):
        value, of_inputs, of_weights = value_and_gradients(
            lambda x: keras.ops.sum(keras.ops.cast(layer(x), "float32") ** 3),
            [np.asarray(inputs, layer.compute_dtype)],
            layer.trainable_variables,
        )
        assert np.isfinite(numpy_of(value))
        for gradient in (*of_inputs, *of_weights):
            assert np.isfinite(numpy_of(keras.ops.cast(gradient, "float32"))).all()
        zero = (inputs == 0).all(axis=-1)
        assert not numpy_of(keras.ops.cast(of_inputs[0], "float32"))[zero].any()


def corners(*shape, seed=0, scale=0.01):
    """Returns descriptors near three orthogonal directions, of any length."""
    rng = np.random.default_rng(seed)
    directions = np.eye(3)[rng.integers(0, 3, shape)]
    lengths = rng.uniform(1, 50, (*shape, 1))
    return (lengths * (directions + scale * rng.normal(size=(*shape, 3)))).astype("float32")


def test_adapt_finds_the_centers_of_normalized_descriptors():
    pytest.importorskip("sklearn")
    layer = VLAD(3)
    assert layer.adapt(corners(4, 5, 6)) == 100.0
    centers = numpy_of(layer.centers)
    np.testing.assert_allclose(centers[np.argsort(-centers @ [4, 2, 1])], np.eye(3), atol=0.01)
    np.testing.assert_allclose(numpy_of(layer.assignment_kernel), 200 * centers.T, rtol=1e-5)
    np.testing.assert_allclose(numpy_of(layer.assignment_bias), -100 * (centers**2).sum(1), rtol=1e-5)


@pytest.mark.parametrize("clusters", [2, 3, 7])
def test_the_measured_alpha_gives_the_nearest_center_a_hundred_times_the_weight(clusters):
    pytest.importorskip("sklearn")
    inputs = noise(6, 40, 4)
    layer = VLAD(clusters, alpha=None)
    alpha = layer.adapt(inputs)
    centers = numpy_of(layer.centers).astype("float64")
    gaps, ratios = [], []
    for row in inputs.reshape(-1, 4).astype("float64"):
        row = normalized(row)
        first, second = sorted(((row - center) ** 2).sum() for center in centers)[:2]
        gaps.append(second - first)
        scores = row @ numpy_of(layer.assignment_kernel) + numpy_of(layer.assignment_bias)
        largest = np.sort(scores)[::-1]
        ratios.append(largest[0] - largest[1])
    # The authors write -log(0.01).
    assert alpha == pytest.approx(-np.log(0.01) / np.mean(gaps), rel=1e-5)
    assert np.exp(np.mean(ratios)) == pytest.approx(100, rel=1e-4)


def test_adapt_gives_the_same_for_all_forms_of_data():
    pytest.importorskip("sklearn")
    maps = noise(70, 3, 4, 5)
    layer = VLAD(4, alpha=None)
    expected = layer.adapt(maps), layer.get_weights()
    first = VLAD(4, alpha=None, data_format="channels_first")
    for twin, data in (
        (VLAD(4, alpha=None), keras.ops.convert_to_tensor(maps)),
        (VLAD(4, alpha=None), [maps[:50], maps[50:]]),
        (VLAD(4, alpha=None), iter([maps * 1e3])),
        (VLAD(4, alpha=None), maps.reshape(70, 12, 5)),
        (first, np.moveaxis(maps, -1, 1)),
    ):
        assert twin.adapt(data) == pytest.approx(expected[0], rel=1e-4)
        for one, other in zip(twin.get_weights(), expected[1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_the_seed_fixes_the_subset_of_descriptors():
    pytest.importorskip("sklearn")
    maps, found = noise(10, 36, 3), []
    for seed in (0, 0, 1):
        layer = VLAD(4)
        layer.adapt(maps, max_descriptors=60, seed=seed)
        found.append(numpy_of(layer.centers))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3


def test_a_layer_in_a_model_is_adapted_before_fit_and_saved(tmp_path):
    pytest.importorskip("sklearn")
    layer = VLAD(3, alpha=None, name="vlad")
    model = keras.Sequential(
        [keras.Input((None, None, 2)), keras.layers.Conv2D(4, 3), layer, keras.layers.Dense(1)]
    )
    images, targets = noise(8, 7, 7, 2), noise(8, 1)
    before = model.predict(images, verbose=0)
    features = keras.Model(model.inputs, model.get_layer("vlad").input)
    alpha = layer.adapt(features.predict(images, verbose=0))
    assert alpha != 100
    assert np.abs(model.predict(images, verbose=0) - before).max() > 1e-4
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("vlad").alpha is None
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))
    model.compile("sgd", "mse")
    model.fit(images, targets, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_without_adapt_an_alpha_of_none_is_100_and_one_cluster_needs_none():
    layer, twin = built(4, 6, alpha=None), built(4, 6)
    for one in (layer, twin):
        one.set_centers(noise(4, 6))
    for one, other in zip(layer.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    pytest.importorskip("sklearn")
    assert VLAD(1, alpha=None).adapt(noise(2, 9, 3)) == 100.0


@pytest.mark.parametrize(
    "data, arguments, message",
    [
        (np.ones((2, 5)), {}, r"`VLAD` takes inputs of rank 3 or 4. Received: input_shape=\(2, 5\)"),
        (noise(2, 9, 5), {}, r"`data` must have 3 channels. Received: a batch of shape \(2, 9, 5\)"),
        (np.full((2, 9, 3), np.nan), {}, "`data` must be finite. Received: NaN or infinite values"),
        (np.full((2, 9, 3), np.inf), {}, "`data` must be finite. Received: NaN or infinite values"),
        ([], {}, "`data` must contain at least one feature map. Received: no batches"),
        (noise(1, 3, 3), {}, "`num_clusters` must be at most .* Received: num_clusters=4, 3 descriptors"),
        # Descriptors that differ in length only are equal once they are normalized.
        (np.arange(1, 10.0).reshape(1, 9, 1) * np.ones(3), {}, "Received: num_clusters=4, 9 descriptors"),
        (noise(2, 9, 3), {"max_descriptors": 0}, "`max_descriptors` must be a positive integer"),
        (noise(2, 9, 3), {"seed": -1}, "`seed` must be a non-negative integer"),
        # As a tensor, a pair of equal shapes would be an input of rank 4.
        ([(noise(2, 9, 3), noise(2, 9, 3))], {}, "`data` .* inputs alone, .* a batch of type tuple"),
        ([{"maps": noise(2, 9, 3)}], {}, "`data` .* inputs alone, .* a batch of type dict"),
    ],
)
def test_refuses_other_data(data, arguments, message):
    pytest.importorskip("sklearn")
    layer = built(4, 3)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=message):
        layer.adapt(data, **arguments)
    for one, other in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_weight_trains():
    layer = VLAD(3, alpha=5.0)
    model = keras.Sequential([keras.Input((None, 4)), layer, keras.layers.Dense(1)])
    before = [np.array(weight) for weight in layer.get_weights()]
    assert len(before) == 3
    model.compile("adam", "mse")
    model.fit(noise(8, 10, 4), noise(8, 1), epochs=2, verbose=0)
    assert all(np.abs(one - other).max() > 0 for one, other in zip(before, layer.get_weights(), strict=True))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_clusters": 0}, "`num_clusters` must be a positive integer. Received: num_clusters=0"),
        ({"num_clusters": 4, "alpha": 0}, "`alpha` must be a finite number above 0. Received: alpha=0"),
        ({"num_clusters": 4, "data_format": "first"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        VLAD(**arguments)
    assert message in str(caught.value)


def test_refuses_other_inputs_and_centers():
    with pytest.raises(ValueError, match=r"takes inputs of rank 3 or 4. Received: input_shape=\(2, 4\)"):
        VLAD(3).build((2, 4))
    with pytest.raises(ValueError, match=r"channels must be known. Received: input_shape=\(2, 4, None\)"):
        VLAD(3).build((2, 4, None))
    with pytest.raises(ValueError, match=r"`centers` must have the shape \(4, 6\).*shape \(6, 4\)"):
        built(4, 6).set_centers(noise(6, 4))
