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
    path = tasks.export_model(task, path, format=format, preset=str(tmp_path / "preset"))
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


def sizes(*shapes):
    """A source with images of these shapes, each filled with its position."""
    train = [
        {"image": np.full((*shape, 3), i, "uint8"), "mask": np.full(shape, i % 2, "uint8")}
        for i, shape in enumerate(shapes)
    ]
    kept = {}
    return types.SimpleNamespace(
        class_names=("a", "b"),
        channels=3,
        split=lambda name: train,
        once=lambda key, compute: kept.setdefault(key, compute()),
    )


@pytest.mark.parametrize(
    "shapes, options, expected",
    [
        ([(512, 512)], {}, 5),  # 512 * 512 / (224 * 224) = 5.2
        ([(360, 480)], {}, 3),  # 3.4
        ([(200, 150)], {}, 1),  # The crop is the image.
        ([(60, 80)] * 2 + [(600, 800)], {"image_size": (60, 80)}, 1),  # The median image.
        ([(60, 80), (600, 800), (600, 800)], {"image_size": (60, 80)}, 8),  # At most 8.
        ([(32, 320)], {"image_size": (64, 64)}, 5),  # Scaled up, the image is 64 x 320 at least.
        ([(512, 512)], {"crops": 2}, 2),
    ],
)
def test_a_large_image_gives_several_crops_per_epoch(shapes, options, expected):
    model = types.SimpleNamespace(input_shape=(None, None, None, 3))
    examples = tasks.Segmentation(**options).training_examples(model, sizes(*shapes))
    assert len(examples) == expected * len(shapes)
    seen = sorted(int(example["image"][0, 0, 0]) for example in examples)
    assert seen == sorted(list(range(len(shapes))) * expected)


@pytest.mark.parametrize("images, expected", [(1500, 4), (2500, 2), (7000, 1)])
def test_a_large_data_set_gives_fewer_crops_of_each_image(images, expected):
    source = types.SimpleNamespace(split=lambda name: [{"image": np.zeros((64, 64, 3), "uint8")}] * images)
    assert tasks.Segmentation().crops_per_image(source, (32, 32)) == expected


def test_a_network_of_fixed_size_is_trained_on_crops_of_that_size():
    model = types.SimpleNamespace(input_shape=(None, 100, 100, 3))
    assert len(tasks.Segmentation().training_examples(model, sizes((200, 200)))) == 4


@pytest.mark.parametrize("elastic", [0.0, 0.05])
def test_training_crops_are_bent_with_their_masks(elastic):
    rows, columns = np.mgrid[:64, :64]
    stripes = ((columns // 8) % 2).astype("uint8")
    image = np.repeat(250 * stripes[..., None], 3, axis=-1)
    data = sizes((64, 64))
    data.split("train")[0].update(image=image, mask=stripes)
    data.mirror, data.ignore_label = False, 255
    task = tasks.Segmentation(crop_scale=(1.0, 1.0), augmentation=(), elastic=elastic, class_balance=0.0)
    model = task.build(data, model="unet", width=0.05)
    task.class_weights = lambda source: np.ones(2, "float32")
    images, masks, _ = task.training_batch(model, data, [data.split("train")[0]], (0, 1, 0))
    assert ((masks[0] != stripes).mean() > 0.02) == bool(elastic)
    # Away from the borders of the stripes, a pixel's class is still its color.
    light = images[0, ..., 0] > images[0, ..., 0].mean()
    assert (light == (masks[0] == 1)).mean() > 0.97


@pytest.mark.parametrize(
    "options, message",
    [({"crops": 0}, "`crops`"), ({"crops": 1.5}, "`crops`"), ({"elastic": -1}, "`elastic`")],
)
def test_bad_crops_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tasks.Segmentation(**options)
