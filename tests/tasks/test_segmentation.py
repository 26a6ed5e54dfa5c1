import types

import keras
import numpy as np
import pytest

from keras_cnn_zoo import losses, models, tasks
from keras_cnn_zoo.tasks.segmentation import CrossEntropyAndLovasz
from keras_cnn_zoo.utils.errors import InputError


def source(size=(360, 480)):
    """The part of a source that building a model looks at."""
    train = [{"image": np.zeros((*size, 3), "uint8")}]
    return types.SimpleNamespace(class_names=("a", "b"), channels=3, split=lambda name: train)


def build(image_size=None, size=(360, 480), **options):
    task = tasks.Segmentation(image_size=image_size)
    return task.build(source(size), model="deeplab", width=0.02, **options)


def test_every_model_is_registered_under_its_name():
    assert tasks.Segmentation.models["unet"] is models.UNet
    assert tasks.Segmentation.models["deeplab"] is models.DeepLab
    assert tasks.Segmentation.models["fcn"] is models.FCN
    assert tasks.Segmentation.default_model == "unet"


@pytest.mark.parametrize(
    "options, rates",
    [
        ({}, (3, 5, 8)),
        ({"image_size": (513, 600)}, (6, 12, 18)),
        ({"output_stride": 8}, (5, 10, 16)),
        ({"size": (20, 30)}, (1, 1, 1)),
        ({"rates": [4, 8]}, (4, 8)),
    ],
)
def test_a_deeplab_gets_rates_that_suit_the_crops(options, rates):
    assert build(**options).get_layer("pyramid").rates == rates


def scores():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 3, (2, 4, 5)).astype("int32")
    y_pred = rng.normal(size=(2, 4, 5, 3)).astype("float32")
    weights = rng.uniform(0.5, 2.0, (2, 4, 5)).astype("float32")
    weights[0, :2] = 0
    return y_true, y_pred, weights


def test_the_default_loss_is_cross_entropy():
    y_true, y_pred, weights = scores()
    loss = tasks.Segmentation().loss()
    assert type(loss) is keras.losses.SparseCategoricalCrossentropy
    log = y_pred - np.log(np.exp(y_pred).sum(-1, keepdims=True))
    pixels = -np.take_along_axis(log, y_true[..., None], -1)[..., 0]
    expected = (pixels * weights).sum() / weights.sum()
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_the_mixed_loss_is_that_of_its_parts(share):
    y_true, y_pred, weights = scores()
    marked = np.where(weights > 0, y_true, 255)
    lovasz = losses.LovaszSoftmax(from_logits=True, ignore_class=255)(marked, y_pred)
    cross_entropy = tasks.Segmentation().loss()(y_true, y_pred, weights)
    loss = CrossEntropyAndLovasz(share)
    expected = (1 - share) * float(cross_entropy) + share * float(lovasz)
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(expected, rel=1e-5)
    assert CrossEntropyAndLovasz.from_config(loss.get_config()).lovasz_weight == share


def test_without_weights_every_pixel_counts():
    y_true, y_pred, weights = scores()
    loss = tasks.Segmentation(loss="lovasz").loss()
    expected = loss(y_true, y_pred, np.ones_like(weights))
    assert float(loss(y_true, y_pred)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_masks_of_every_dtype_give_the_same_loss(dtype):
    y_true, y_pred, weights = scores()
    loss = CrossEntropyAndLovasz(0.5)
    expected = float(loss(y_true.astype("int32"), y_pred, weights))
    assert float(loss(y_true.astype(dtype), y_pred, weights)) == pytest.approx(expected, rel=1e-6)


def test_a_fit_with_the_mixed_loss_learns(masks_folder):
    """A few steps of a small network on the task's own batches, as `fit` compiles it."""
    task = tasks.Segmentation(loss="lovasz", augmentation=(), image_size=(24, 24))
    data = task.load(f"masks:{masks_folder}")
    keras.utils.set_random_seed(0)
    model = task.build(data, width=0.25, variant="tiny", depth=1)
    batches = task.batches(model, data, "train", batch_size=5, training=True)
    model.compile(keras.optimizers.Adam(0.01), task.loss())
    history = model.fit(batches, epochs=4, verbose=0, shuffle=False, callbacks=[batches.clock()]).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_a_network_of_one_size_trains_on_crops_and_answers_in_the_size_of_the_image(masks_folder):
    task = tasks.Segmentation(augmentation=())
    data = task.load(f"masks:{masks_folder}")
    model = task.build(data, width=0.05, variant="tiny", depth=1, input_shape=(16, 24, data.channels))
    images, masks, _ = task.batches(model, data, "train", batch_size=2, training=True)[0]
    assert images.shape[1:3] == masks.shape[1:3] == (16, 24)
    shapes = [(20, 30, 1), (16, 24, 1), (5, 3, 1)]
    items = [np.random.default_rng(0).integers(0, 256, shape).astype("uint8") for shape in shapes]
    assert [mask.shape for mask in task.answers(model, items)] == [shape[:2] for shape in shapes]
    other = task.configured(image_size=(16, 16))
    with pytest.raises(InputError, match="`image_size` must be 16x24, the only size .* Received: 16x16"):
        other.batches(model, data, "train", training=True)


@pytest.mark.parametrize("value", [0, "abc", None])
def test_a_bad_output_stride_is_refused(value):
    with pytest.raises(InputError, match="`model` deeplab: `output_stride` must be a positive integer"):
        build(output_stride=value)


def test_a_balance_that_no_number_can_express_is_refused(masks_folder):
    task = tasks.Segmentation(class_balance=1e9)
    with pytest.raises(InputError, match=r"`class_balance` is too large for .* Received: 1e\+09"):
        task.class_weights(task.load(f"masks:{masks_folder}"))


@pytest.mark.slow
# tf2onnx 1.17 asks NumPy for a name that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize(
    ("name", "format"), [("unet", "saved_model"), ("unet", "onnx"), ("deeplab", "onnx"), ("fcn", "onnx")]
)
def test_exported_files_take_pictures_of_any_size_and_give_the_masks_of_decode(name, format, tmp_path):
    keras.utils.set_random_seed(1)
    task = tasks.Segmentation()
    model = task.build(source(), model=name, width=0.05)
    model.save_to_preset(tmp_path / "preset")
    path = str(tmp_path / "exported")
    tasks.export_model(task, path, format=format, preset=str(tmp_path / "preset"))
    model = models.from_preset(tmp_path / "preset")
    # Neither the size that the file was traced with nor a multiple of the network's stride.
    pictures = np.random.default_rng(0).integers(0, 256, size=(2, 53, 75, 3)).astype("float32")
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        (given,) = session.run(["probabilities"], {session.get_inputs()[0].name: pictures})
    else:
        tf = pytest.importorskip("tensorflow")
        loaded = tf.saved_model.load(path)
        given = loaded.serve(pictures).numpy()
    logits = model(model.preprocess(list(pictures)))
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    np.testing.assert_allclose(given, expected, atol=1e-4)
    # Where both classes are as likely, rounding decides.
    certain = np.abs(expected[..., 0] - 0.5) > 1e-3
    assert certain.mean() > 0.5
    np.testing.assert_array_equal(given.argmax(-1)[certain], model.decode(logits)[certain])


def test_refusals():
    with pytest.raises(ValueError, match="`loss` must be one of 'cross_entropy', 'lovasz'. Received"):
        tasks.Segmentation(loss="dice")
    with pytest.raises(ValueError, match="`lovasz_weight` must be a finite number"):
        CrossEntropyAndLovasz(1.5)
