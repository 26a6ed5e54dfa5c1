"""BatchNormalization against its formula and against Keras' own layer."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import BatchNormalization
from keras_cnn_zoo.utils import prototypes

ON_TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the kernel is TensorFlow's"
)


def reference(inputs, weights, axis=-1, epsilon=1e-3, **_):
    moved = np.moveaxis(inputs, axis, -1)
    outputs = np.empty_like(moved)
    for channel in range(moved.shape[-1]):
        mean, variance = weights["moving_mean"][channel], weights["moving_variance"][channel]
        outputs[..., channel] = (moved[..., channel] - mean) / np.sqrt(variance + epsilon)
        outputs[..., channel] *= weights["gamma"][channel] if "gamma" in weights else 1.0
        outputs[..., channel] += weights["beta"][channel] if "beta" in weights else 0.0
    return np.moveaxis(outputs, -1, axis)


CASES = [
    dict(
        cls=BatchNormalization,
        init_kwargs={
            "axis": -1,
            "momentum": 0.9,
            # Large, because the squares of normalized values have a constant sum, and then no gradient.
            "epsilon": 0.5,
            "center": True,
            "scale": True,
            "beta_initializer": "ones",
            "gamma_initializer": "ones",
            "moving_mean_initializer": "ones",
            "moving_variance_initializer": "ones",
            "beta_regularizer": "l1",
            "gamma_regularizer": "l2",
            "beta_constraint": "max_norm",
            "gamma_constraint": "non_neg",
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": 0.9,
            "synchronized": False,
        },
        input_shape=(4, 5, 6, 3),
        reference=reference,
    ),
    dict(cls=BatchNormalization, init_kwargs={"axis": 1}, input_shape=(4, 3, 5), reference=reference),
]


def maps(shape=(4, 7, 5, 3), seed=0, dtype="float32"):
    values = np.random.default_rng(seed).normal(1.5, 2.0, shape)
    return keras.ops.cast(keras.ops.convert_to_tensor(values.astype("float32")), dtype)


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def both(shape, **arguments):
    """Returns our layer and Keras', with the same weights, not those of the initializers."""
    pair = [cls(**arguments) for cls in (BatchNormalization, keras.layers.BatchNormalization)]
    draw = np.random.default_rng(1)
    values = None
    for layer in pair:
        layer.build(shape)
        values = values or [draw.uniform(0.5, 1.5, weight.shape) for weight in layer.weights]
        layer.set_weights(values)
    return pair


OTHERS = [
    {"axis": 1},
    {"epsilon": 1e-7},
    {"renorm": True},
    {"dtype": "float64"},
    {"center": False, "scale": False},
    {},
]


@pytest.mark.parametrize("arguments", OTHERS, ids=str)
@pytest.mark.parametrize("shape", [(4, 7, 5, 3), (6, 3), (2, 1, 1, 3), (1, 1, 1, 3)], ids=str)
def test_outputs_and_moving_statistics_are_those_of_keras_after_twenty_steps(arguments, shape):
    ours, theirs = both(shape, **arguments)
    for step in range(20):
        images = maps(shape, seed=step, dtype=ours.compute_dtype)
        outputs, wanted = ours(images, training=True), theirs(images, training=True)
        np.testing.assert_allclose(numpy_of(outputs), numpy_of(wanted), rtol=2e-5, atol=2e-5)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        assert own.name == other.name
        np.testing.assert_allclose(numpy_of(own), numpy_of(other), rtol=1e-6, atol=1e-6)


def test_half_precision_keeps_statistics_in_float32():
    ours, theirs = both((4, 7, 5, 3), dtype="mixed_bfloat16")
    images = maps(dtype="bfloat16")
    outputs = ours(images, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    np.testing.assert_allclose(numpy_of(outputs), numpy_of(theirs(images, training=True)), atol=0.04)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(numpy_of(own), numpy_of(other), rtol=1e-6, atol=1e-6)


def test_frozen_masked_and_inference_calls_are_those_of_keras():
    ours, theirs = both((4, 7, 5, 3))
    images, mask = maps(), np.random.default_rng(2).random((4, 7, 5)) < 0.5
    ours.trainable = theirs.trainable = False
    np.testing.assert_array_equal(
        numpy_of(ours(images, training=True)), numpy_of(theirs(images, training=True))
    )
    ours.trainable = theirs.trainable = True
    for mode in ({"training": False}, {"training": True, "mask": mask}):
        np.testing.assert_array_equal(numpy_of(ours(images, **mode)), numpy_of(theirs(images, **mode)))
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(numpy_of(own), numpy_of(other))


@ON_TENSORFLOW
@pytest.mark.parametrize("jit", [False, True])
def test_gradients_are_those_of_keras(jit):
    import tensorflow as tf

    weigh = tf.constant(np.random.default_rng(3).normal(size=(4, 7, 5, 3)).astype("float32"))
    found = []
    for layer in both((4, 7, 5, 3)):

        @tf.function(jit_compile=jit)
        def gradients(images, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(images)
                loss = tf.reduce_sum(layer(images, training=True) * weigh)
            return tape.gradient(loss, [images, layer.gamma.value, layer.beta.value])

        found.append([numpy_of(gradient) for gradient in gradients(maps())])
    for own, other in zip(*found, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4)


@ON_TENSORFLOW
def test_training_uses_the_fused_kernel():
    import tensorflow as tf

    layer = BatchNormalization()
    layer.build((None, 7, 5, 3))
    graph = tf.function(lambda images: layer(images, training=True)).get_concrete_function(maps()).graph
    assert "FusedBatchNormV3" in {operation.type for operation in graph.get_operations()}


def test_a_slot_named_batch_is_this_layer():
    assert type(prototypes.normalization("normalization", "batch")) is BatchNormalization


def test_the_config_is_that_of_keras():
    ours, theirs = BatchNormalization(name="a"), keras.layers.BatchNormalization(name="a")
    assert ours.get_config() == theirs.get_config()
    assert BatchNormalization().name.startswith("batch_normalization")
