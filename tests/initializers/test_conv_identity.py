"""ConvIdentity against the paper's equations 4 and 5 per tap, and stacks of it."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.initializers import ConvIdentity


def reference(shape, num_groups=None, noise=0.0, seed=None):
    *kernel_size, channels, filters = shape
    groups = num_groups or min(channels, filters)
    kernel = np.zeros(shape)
    for *tap, a, b in np.ndindex(*shape):
        in_the_middle = all(place == (size - 1) // 2 for place, size in zip(tap, kernel_size, strict=True))
        if in_the_middle and int(a * groups / channels) == int(b * groups / filters):
            kernel[(*tap, a, b)] = groups / filters
    return kernel


CASES = [
    dict(
        cls=ConvIdentity,
        init_kwargs={"num_groups": 2, "noise": 0.1, "seed": 3},
        shape=(3, 3, 4, 6),
    ),
    dict(cls=ConvIdentity, init_kwargs={}, shape=(3, 5, 4, 4), reference=reference),
    dict(cls=ConvIdentity, init_kwargs={}, shape=(3, 4, 8), reference=reference),
    dict(cls=ConvIdentity, init_kwargs={}, shape=(3, 3, 9, 3), reference=reference),
    dict(cls=ConvIdentity, init_kwargs={"num_groups": 3}, shape=(3, 3, 3, 6, 9), reference=reference),
    dict(cls=ConvIdentity, init_kwargs={"num_groups": 1}, shape=(2, 2, 3, 2), reference=reference),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def positive(*shape):
    return np.abs(np.random.default_rng(0).normal(size=shape)).astype("float32")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, (4, 5)])
def test_it_is_the_identity_with_as_many_filters_as_channels(kernel_size, data_format):
    inputs = positive(2, 5, 6, 5)
    layer = keras.layers.Conv2D(
        5, kernel_size, padding="same", kernel_initializer=ConvIdentity(), data_format=data_format
    )
    layer_inputs = inputs if data_format == "channels_last" else positive(2, 5, 5, 6)
    np.testing.assert_array_equal(numpy_of(layer(layer_inputs)), layer_inputs)


def test_dilated_and_in_one_and_three_dimensions():
    sequence, volume = positive(2, 7, 3), positive(1, 4, 5, 3, 2)
    options = {"kernel_size": 3, "padding": "same", "kernel_initializer": ConvIdentity()}
    outputs = keras.layers.Conv1D(3, dilation_rate=2, data_format="channels_last", **options)(sequence)
    np.testing.assert_array_equal(numpy_of(outputs), sequence)
    outputs = keras.layers.Conv3D(2, data_format="channels_last", **options)(volume)
    np.testing.assert_array_equal(numpy_of(outputs), volume)


@pytest.mark.parametrize("multiples", [(2, 1), (2, 2, 4, 8, 1), (3, 6, 2, 1)])
def test_a_stack_that_widens_and_then_narrows_is_the_identity(multiples):
    x = inputs = positive(1, 6, 5, 4)
    for multiple in multiples:
        x = keras.layers.Conv2D(
            4 * multiple, 3, padding="same", activation="relu", kernel_initializer=ConvIdentity(4)
        )(x)
    np.testing.assert_allclose(numpy_of(x), inputs, rtol=1e-5)


def test_two_channels_to_four_by_hand():
    kernel = numpy_of(ConvIdentity()((1, 2, 4)))[0]
    np.testing.assert_array_equal(kernel, [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    kernel = numpy_of(ConvIdentity()((1, 4, 2)))[0]
    np.testing.assert_array_equal(kernel, [[1, 0], [1, 0], [0, 1], [0, 1]])


def test_the_other_weights_are_noise_of_the_given_size():
    shape = (3, 3, 64, 128)
    kernel = numpy_of(ConvIdentity(32, noise=0.02, seed=1)(shape))
    exact = reference(shape, 32)
    np.testing.assert_array_equal(kernel[exact > 0], 32 / 128)
    others = kernel[exact == 0]
    np.testing.assert_allclose(others.std(), 0.02 * 32 / 128, rtol=0.02)
    assert abs(others.mean()) < 1e-4


def test_a_seed_repeats_the_noise_and_no_seed_does_not():
    def drawn(seed):
        return numpy_of(ConvIdentity(noise=0.1, seed=seed)((3, 2, 4)))

    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert (drawn(3) != drawn(4)).any()
    assert (drawn(None) != drawn(None)).any()


def test_the_kernel_has_the_given_dtype():
    for noise in (0.0, 0.1):
        assert keras.backend.standardize_dtype(ConvIdentity(noise=noise)((3, 2, 2)).dtype) == "float32"
        assert (
            keras.backend.standardize_dtype(ConvIdentity(noise=noise)((3, 2, 2), "float16").dtype)
            == "float16"
        )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_groups": 0}, "`num_groups` must be a positive integer or None. Received: num_groups=0"),
        ({"noise": -1.0}, "`noise` must be a finite number at least 0. Received: noise=-1.0"),
        ({"seed": 1.5}, "`seed` must be an integer or None. Received: seed=1.5"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        ConvIdentity(**arguments)


@pytest.mark.parametrize("shape", [(4, 4), (2, 2, 2, 2, 3, 3)])
def test_refuses_shapes_that_are_not_a_convolution(shape):
    with pytest.raises(ValueError, match=r"`shape` must be \(\*kernel_size, channels, filters\). Received"):
        ConvIdentity()(shape)


@pytest.mark.parametrize("num_groups, shape", [(None, (3, 4, 6)), (3, (3, 4, 6)), (3, (3, 6, 4))])
def test_refuses_groups_that_do_not_divide(num_groups, shape):
    with pytest.raises(ValueError, match=f"`num_groups` must divide .* num_groups={num_groups}, shape="):
        ConvIdentity(num_groups)(shape)
