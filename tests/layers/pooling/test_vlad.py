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
