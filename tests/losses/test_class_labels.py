"""All losses of class ids treat labels alike: large ids, -1, refused ones, a single score, empty batches."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo import losses
from keras_cnn_zoo.testing.checks.xla import compiled
from keras_cnn_zoo.testing.probe import as_tensors
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import run_python

RNG = np.random.default_rng(0)


@keras.saving.register_keras_serializable("tests_of_class_labels")
def absolute(first, second):
    return ops.sum(ops.abs(first - second), axis=-1)


@keras.saving.register_keras_serializable("tests_of_class_labels")
def every_triplet(class_ids, distances):
    same = ops.equal(class_ids[:, None], class_ids[None, :])
    return ops.logical_and(same[:, :, None], ops.logical_not(same)[:, None, :])


OF_EMBEDDINGS = {
    "all": lambda **options: losses.Triplet(**options),
    "semi_hard": lambda **options: losses.Triplet(mining="semi_hard", **options),
    "hard": lambda **options: losses.Triplet(mining="hard", **options),
    "soft": lambda **options: losses.Triplet("soft", **options),
    "functions": lambda **options: losses.Triplet(mining=every_triplet, distance=absolute, **options),
    "histogram": lambda **options: losses.Histogram(num_bins=10, **options),
    "lda": lambda **options: losses.LDA(regularization=0.1, **options),
}
OF_CLASSES = {
    "arcface": lambda **options: losses.ArcFace(scale=4.0, **options),
    "cosface": lambda **options: losses.CosFace(scale=4.0, **options),
    "hinge": lambda **options: losses.MulticlassHinge(p=2, **options),
    "lovasz": lambda **options: losses.LovaszSoftmax(from_logits=True, **options),
}
LOSSES = {**OF_EMBEDDINGS, **OF_CLASSES}
# Weston and Watkins' and Crammer and Singer's formulations take the same path as the default.
LABELS = np.array([0, 1, 0, 2, 1, 0, 2, 1, 2, 0])
SCORES = np.tanh(RNG.normal(size=(10, 3)))
needs_xla = pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch runs eagerly")
every_loss = pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES)
of_embeddings = pytest.mark.parametrize("make", OF_EMBEDDINGS.values(), ids=OF_EMBEDDINGS)
of_classes = pytest.mark.parametrize("make", OF_CLASSES.values(), ids=OF_CLASSES)


def number(tensor):
    return float(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def differentiated(loss, labels, scores):
    value, (gradient,), _ = value_and_gradients(
        lambda x: loss(labels, x), [ops.convert_to_tensor(scores, dtype="float32")]
    )
    return number(value), ops.convert_to_numpy(gradient)


@of_embeddings
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_any_ids_below_2_to_the_31_are_those_of_small_ids(make, dtype):
    loss = make(dtype=dtype)
    expected = number(loss(LABELS, SCORES))
    assert expected != 0
    for ids in ([2**24, 2**24 + 1, 2**24 + 2], [2**31 - 1, 2**31 - 2, 0], [2048, 2049, 257]):
        for label_dtype in ("int32", "uint32", "float64"):
            assert number(loss(np.array(ids)[LABELS].astype(label_dtype), SCORES)) == expected


@of_classes
def test_half_precision_does_not_round_class_ids(make):
    # bfloat16 rounds 257 to 256.
    scores = np.full((2, 300), -0.5)
    scores[0, 256], scores[1, 257] = 0.75, 0.75
    right, wrong = (number(make(dtype="bfloat16")(np.array(ids), scores)) for ids in ([256, 257], [257, 257]))
    assert right < wrong


@every_loss
def test_examples_with_the_label_minus_one_have_no_effect(make):
    labels = np.concatenate([[-1], LABELS[:4], [-1, -1], LABELS[4:], [-1]])
    far = RNG.uniform(-0.99, 0.99, size=(len(labels), 3))
    far[labels >= 0] = SCORES
    value, gradient = differentiated(make(), labels, far)
    expected, wanted = differentiated(make(), LABELS, SCORES)
    assert value == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient[labels >= 0], wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(gradient[labels < 0], 0)


@every_loss
def test_each_loss_of_an_example_with_the_label_minus_one_is_zero(make):
    if make is OF_CLASSES["lovasz"]:
        pytest.skip("its loss is that of all pixels")
    labels = np.where(np.arange(10) % 4 == 1, -1, LABELS)
    each = ops.convert_to_numpy(make(reduction=None)(labels, SCORES))
    assert not each[labels < 0].any() and each[labels >= 0].any()
    assert number(make()(labels, SCORES)) == pytest.approx(each.sum() / (labels >= 0).sum(), rel=1e-6)
    weights = np.linspace(0.5, 2, 10)
    assert number(make()(labels, SCORES, sample_weight=weights)) == pytest.approx(
        (each * weights).sum() / (labels >= 0).sum(), rel=1e-5
    )


@every_loss
def test_a_batch_of_labels_minus_one_costs_nothing(make):
    value, gradient = differentiated(make(), np.full(6, -1), SCORES[:6])
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)


@every_loss
@pytest.mark.parametrize("label", [-2, 3_000_000_001, 0.5])
def test_refuses_labels_that_are_no_class_id(make, label):
    with pytest.raises(
        ValueError, match="`y_true` must contain class ids, whole numbers from 0 to .* Received"
    ):
        make()(np.array([0, 1, label]), SCORES[:3])


@every_loss
@pytest.mark.parametrize("names", [["a", "b", "a"], ["0", "1", "0"], np.array([0, 1, 1j]), [0, 1, "b"]])
def test_refuses_labels_that_are_no_numbers(make, names):
    with pytest.raises(ValueError, match="`y_true` must contain class ids, .* Received: y_true of dtype"):
        make()(names, SCORES[:3])


@every_loss
@pytest.mark.parametrize("labels", [np.array([0]), np.array([[0], [1]]), np.zeros((0,), int)])
def test_refuses_another_number_of_labels(make, labels):
    with pytest.raises(ValueError, match=r"Received: y_true.shape=\(.*, y_pred.shape=\(3, 3\)"):
        make()(labels, SCORES[:3])


@of_classes
@pytest.mark.parametrize("label", [3, 2**31 - 1])
def test_refuses_labels_outside_of_the_classes(make, label):
    with pytest.raises(ValueError, match=f"whole numbers from 0 to 2; -1 leave.* y_true with {label}$"):
        make()(np.array([0, 1, label]), SCORES[:3])


@needs_xla
@every_loss
def test_compiled_losses_of_labels_that_are_no_class_id_are_nan(make):

    def program(labels, scores):
        value, gradients, _ = value_and_gradients(lambda x: make()(labels, x), [scores])
        return [value, *gradients]

    program = compiled(program)
    for label, is_nan in ((0, False), (-1, False), (-2, True), (3, make in OF_CLASSES.values())):
        labels = LABELS.astype("int32")
        labels[3] = label
        value, gradient = program(*as_tensors([labels, SCORES.astype("float32")]))
        assert np.isnan(number(value)) == is_nan
        assert np.isnan(ops.convert_to_numpy(gradient)).any() == is_nan


@of_classes
@pytest.mark.parametrize("further", [(), (4,)])
def test_refuses_a_single_score_for_two_classes(make, further):
    with pytest.raises(ValueError, match=r"`y_pred` must .* two units .* y_pred.shape=\(2, .*1\)"):
        make()(np.zeros((2, *further), int), np.zeros((2, *further, 1)))


def test_a_model_of_one_unit_is_refused_when_it_trains():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", losses.MulticlassHinge())
    with pytest.raises(ValueError, match="give the last layer two units"):
        model.fit(SCORES, LABELS % 2, verbose=0)


@every_loss
def test_an_empty_batch_costs_nothing(make):
    value, gradient = differentiated(make(), np.zeros(0, "int32"), np.zeros((0, 3)))
    assert value == 0 and gradient.shape == (0, 3)


def test_an_empty_batch_of_given_triplets_costs_nothing():
    value, gradient = differentiated(losses.Triplet(mining=None), np.zeros(0), np.zeros((0, 3, 2)))
    assert value == 0 and gradient.shape == (0, 3, 2)


@every_loss
def test_a_batch_that_is_empty_only_when_the_graph_runs_costs_nothing(make):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces with unknown sizes")
    tf = pytest.importorskip("tensorflow")
    signature = [tf.TensorSpec([None], "int32"), tf.TensorSpec([None, 3], "float32")]
    loss = make()

    @tf.function(input_signature=signature, autograph=False)
    def program(labels, scores):
        kernel = tf.constant(np.eye(3) + 0.1, "float32")
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            value = loss(labels, scores @ kernel)
        return value, tape.gradient(value, kernel)

    value, gradient = program(np.zeros(0, "int32"), np.zeros((0, 3), "float32"))
    assert number(value) == 0
    np.testing.assert_array_equal(gradient, np.zeros((3, 3)))
    value, gradient = program(LABELS.astype("int32"), SCORES.astype("float32"))
    assert np.isfinite(value) and np.any(gradient)


TWO_REPLICAS = """
import keras, numpy, tensorflow
config = tensorflow.config
half = config.LogicalDeviceConfiguration()
config.set_logical_device_configuration(config.list_physical_devices("CPU")[0], [half, half])
from keras_cnn_zoo import losses
x, y = numpy.random.default_rng(0).normal(size=(9, 3)), numpy.array([0, 1, 0, 1, 0, 1, 0, 1, 0])
every = [losses.Triplet(mining=mining) for mining in ("all", "semi_hard", "hard")]
every += [losses.Triplet("soft", mining=mining) for mining in ("all", "semi_hard", "hard")]
for loss in (*every, losses.Histogram(), losses.LDA(regularization=0.1)):
    with tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
        model.compile(keras.optimizers.SGD(0.01), loss, jit_compile=False)
    # The second batch has one example, so one of the replicas has none.
    history = model.fit(x, y, batch_size=8, shuffle=False, verbose=0).history
    assert history["loss"][0] != 0 and numpy.isfinite(history["loss"][0]), history
    assert all(numpy.isfinite(weight).all() for weight in model.get_weights())
print("trained")
"""


@pytest.mark.slow
def test_a_replica_without_examples():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("distribution strategies are TensorFlow's")
    result = run_python("-c", TWO_REPLICAS)
    assert result.stdout.split()[-1:] == ["trained"], result.stderr


def test_given_triplets_need_no_labels():
    triplets = RNG.normal(size=(4, 3, 2))
    loss = losses.Triplet(mining=None)
    assert number(loss(np.full((4, 7), 0.5), triplets)) == number(loss(np.zeros(4), triplets))


@of_embeddings
def test_trains_in_fit_with_large_ids_and_examples_left_out(make, tmp_path):
    ids = np.array([2**24, 2**24 + 1, 2**31 - 1])[LABELS]
    ids[0] = -1
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, kernel_initializer="identity")])
    model.compile(keras.optimizers.SGD(0.0), make())
    history = model.fit(SCORES.astype("float32"), ids, batch_size=10, verbose=0).history
    expected = number(make()(np.where(ids < 0, -1, LABELS), SCORES))
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(SCORES.astype("float32"), ids, batch_size=10, verbose=0) == pytest.approx(
        expected, rel=1e-4, abs=1e-6
    )
