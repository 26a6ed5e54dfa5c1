"""The detection task from a VOC folder to an exported detector, on bright and dark blocks."""

import json

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.data.source import Source, Split
from keras_cnn_zoo.tasks.detection import Detection
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("pycocotools")
pytest.importorskip("defusedxml")

SIZE = (64, 96)
SHADES = {"black": 10, "white": 245}


def scene(rng):
    """A gray picture with one to three blocks, and their names and edges."""
    picture = rng.integers(110, 140, (*SIZE, 3)).astype("uint8")
    objects = []
    for column in rng.permutation(3)[: rng.integers(1, 4)]:
        side = int(rng.integers(18, 28))
        top, left = int(rng.integers(0, SIZE[0] - side)), int(32 * column + rng.integers(0, 32 - side + 1))
        name = list(SHADES)[int(rng.integers(2))]
        picture[top : top + side, left : left + side] = SHADES[name]
        objects.append((name, (left, top, left + side, top + side)))
    return picture, objects


@pytest.fixture(scope="session")
def blocks_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("blocks")
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("val", 5), ("test", 6)):
        stems = [f"{split}{index}" for index in range(count)]
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(stems))
        for stem in stems:
            picture, objects = scene(rng)
            Image.fromarray(picture).save(root / "JPEGImages" / f"{stem}.png")
            parts = [
                f"<object><name>{name}</name><bndbox><xmin>{box[0] + 1}</xmin><ymin>{box[1] + 1}</ymin>"
                f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
                for name, box in objects
            ]
            (root / "Annotations" / f"{stem}.xml").write_text(f"<annotation>{''.join(parts)}</annotation>")
    return str(root)


def options(folder, out, **changed):
    return tasks.FitOptions(
        data=f"voc:{folder}",
        out=str(out),
        **{
            "width": 0.125,
            "epochs": 2,
            "batch_size": 8,
            "image_size": SIZE,
            "seed": 3,
            # Compiling takes longer than these few steps; `tests/models/detection` does it.
            "jit": "off",
            **changed,
        },
    )


@pytest.fixture(scope="module")
def run(blocks_folder, tmp_path_factory):
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("runs") / "blocks"
    task = Detection(scale=(0.9, 1.1))
    model, metrics = tasks.fit(task, options(blocks_folder, out, epochs=32, batch_size=4, learning_rate=3e-3))
    return task, str(out), model, metrics


@pytest.mark.slow
def test_fit_finds_the_blocks(run):
    _, out, model, metrics = run
    assert list(metrics)[:2] == ["map", "map50"] and set(metrics["baseline"]) == {"map50", "map"}
    assert metrics["map50"] > 0.7 > metrics["baseline"]["map50"] and metrics["map50"] >= metrics["map"]
    assert model.class_names == ("black", "white") and model.input_shape == (None, *SIZE, 3)
    with open(f"{out}/history.csv") as file:
        assert file.readline().strip() == "epoch,loss,val_map,val_map50"


@pytest.mark.slow
def test_evaluate_gives_the_metrics_of_fit(run):
    task, out, _, metrics = run
    result = tasks.evaluate(task, run=out)
    assert result["map50"] == pytest.approx(metrics["map50"], abs=1e-6) and result["examples"] == 6


@pytest.mark.slow
def test_each_class_has_its_own_figures(run, blocks_folder):
    task, _, model, metrics = run
    figures = task.class_average_precision(model, task.load(f"voc:{blocks_folder}"))
    assert list(figures) == ["black", "white"]
    assert np.mean([one["map50"] for one in figures.values()]) == pytest.approx(metrics["map50"], abs=1e-6)


@pytest.mark.slow
def test_predict_writes_boxes_in_the_pictures_own_pixels(run, tmp_path):
    task, out, _, _ = run
    picture, objects = scene(np.random.default_rng(99))
    # Twice as large, and gray with transparency: the network's picture is another one.
    large = np.kron(picture[..., :1], np.ones((2, 2, 1), "uint8"))
    alpha = np.concatenate([large, np.full_like(large, 255)], axis=-1)
    Image.fromarray(alpha, mode="LA").save(tmp_path / "scene.png")
    (answer,) = tasks.predict(task, [str(tmp_path / "scene.png")], str(tmp_path / "out"), run=out)
    assert set(answer) == {"input", "objects", "height", "width", "files"}
    assert (answer["height"], answer["width"], answer["files"]) == (128, 192, ["scene.png"])
    found = [one for one in answer["objects"] if one["score"] > 0.5]
    # A short training may leave a second box on a block; where the boxes are is checked below.
    assert {one["class_name"] for one in found} == {name for name, _ in objects}
    for name, box in objects:
        distances = [
            np.abs(np.array(one["box"]) - 2 * np.array(box)).max()
            for one in found
            if one["class_name"] == name
        ]
        assert min(distances) < 12
    with Image.open(tmp_path / "out" / "scene.png") as shown:
        assert shown.mode == "RGB" and min(shown.size) >= 240
    with open(tmp_path / "out" / "predictions.json") as file:
        assert json.load(file) == [answer]


@pytest.mark.slow
# tf2onnx 1.17 asks NumPy for a name that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize("format", ["onnx", "saved_model"])
def test_exported_files_hold_preprocessing_and_suppression(run, tmp_path, format):
    if keras.backend.backend() == "torch":
        pytest.skip("export runs on TensorFlow and JAX")
    task, out, model, _ = run
    path = str(tmp_path / "exported")
    path = tasks.export_model(task, path, format=format, run=out)
    rng = np.random.default_rng(5)
    pictures = np.stack([scene(rng)[0] for _ in range(3)]).astype("float32")
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        names = [output.name for output in session.get_outputs()]
        given = dict(zip(names, session.run(None, {session.get_inputs()[0].name: pictures}), strict=True))
    else:
        tf = pytest.importorskip("tensorflow")
        loaded = tf.saved_model.load(path)
        given = {name: value.numpy() for name, value in loaded.serve(pictures).items()}
    assert set(given) == {"boxes", "scores", "classes"}
    expected = {
        name: keras.ops.convert_to_numpy(value) for name, value in model(model.preprocess(pictures)).items()
    }
    certain = expected["scores"] > 0.1
    assert certain.any()
    np.testing.assert_array_equal(given["classes"][certain], expected["classes"][certain])
    np.testing.assert_allclose(given["scores"][certain], expected["scores"][certain], atol=1e-3)
    np.testing.assert_allclose(given["boxes"][certain], expected["boxes"][certain], atol=0.05)


def source_of(examples, **changed):
    """A source whose three splits are the same examples."""
    split = Split([str(index) for index in range(len(examples))], lambda position: examples[position])
    splits = {name: split for name in ("train", "val", "test")}
    return Source("drawn", "detection", splits, ("a", "b"), 3, **changed)


def example(boxes, classes, size=(60, 80), crowd=None, channels=3):
    boxes = np.array(boxes, "float32").reshape(-1, 4)
    crowd = np.zeros(len(boxes), bool) if crowd is None else np.array(crowd)
    image = np.zeros((*size, channels), "uint8")
    image[: size[0] // 2] = 200
    return {"image": image, "boxes": boxes, "classes": np.array(classes, "int32"), "crowd": crowd}


class Network:
    """The part of a detector that preparing and measuring look at: finds what it is told to."""

    input_shape = (None, 32, 64, 3)
    preprocessing = {"mean": 127.5, "std": 127.5}
    class_names = ("a", "b")

    def __init__(self, answers=()):
        self.answers = list(answers)
        self.batches = []

    def normalize(self, images):
        return (np.asarray(images, "float32") - 127.5) / 127.5

    def preprocess(self, images):
        from keras_cnn_zoo.ops.host import letterbox

        size = self.input_shape[1:3]
        return self.normalize([letterbox.letterbox(image.astype("float32"), size, 127.5) for image in images])

    def preprocess_boxes(self, boxes, size):
        from keras_cnn_zoo.ops.host import letterbox

        return letterbox.boxes_in(boxes, size, self.input_shape[1:3])

    def predict_on_batch(self, images):
        self.batches.append(len(images))
        return {"row": np.zeros((len(images), 1))}

    def decode(self, outputs, sizes):
        return [self.answers.pop(0) for _ in outputs["row"]]


def test_prepared_boxes_lie_in_the_networks_picture_without_crowds():
    given = [
        example([[0, 0, 80, 60], [8, 6, 16, 12]], [0, 1], crowd=[True, False]),
        example([], [], size=(32, 64)),
    ]
    images, y = Detection().measuring_batch(Network(), source_of(given), given)
    assert images.shape == (2, 32, 64, 3) and images.dtype == np.float32
    assert y["boxes"].shape == (2, 8, 4) and y["classes"].dtype == np.int32
    # 80 x 60 is scaled by 32 / 60; 43 of 64 columns hold the picture, the others are gray.
    np.testing.assert_allclose(y["boxes"][0, 0], [8 * 43 / 80, 3.2, 16 * 43 / 80, 6.4], rtol=1e-6)
    assert y["classes"][0].tolist() == [1] + [-1] * 7 and (y["classes"][1] == -1).all()
    np.testing.assert_allclose(images[0, :, 43:], 0)


def test_training_batches_are_a_function_of_the_seed_with_room_for_every_object():
    boxes = [[4 * i, 5, 4 * i + 20, 40] for i in range(13)]
    given = [example(boxes, [i % 2 for i in range(13)]), example(boxes[:1], [0])] * 3
    task, source, model = Detection(), source_of(given), Network()
    first, again, other = (
        task.batches(model, source, "train", batch_size=4, seed=seed, training=True)[0] for seed in (1, 1, 2)
    )
    assert first[1]["boxes"].shape == (4, 16, 4)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1]["boxes"], again[1]["boxes"])
    assert not np.array_equal(first[0], other[0])
    there = first[1]["classes"] >= 0
    assert (first[1]["boxes"][there] >= 0).all() and (first[1]["boxes"][there] <= [64, 32, 64, 32]).all()


def test_data_that_must_not_be_mirrored_are_not():
    given = [example([[0, 0, 10, 10]], [0])] * 4
    still = Detection(scale=(1, 1))
    for mirror, corners in ((False, 1), (True, 2)):
        batches = still.batches(
            Network(), source_of(given, mirror=mirror), "train", batch_size=4, training=True
        )
        # The picture's place is drawn too: what a flip changes is the side of the bright half.
        layers = still._layers(Network(), source_of(given, mirror=mirror)).layers
        assert sum(isinstance(layer, keras.layers.RandomFlip) for layer in layers) == corners - 1
        assert batches[0][0].shape == (4, 32, 64, 3)


def test_quarter_turns_reach_every_side():
    given = [example([[0, 0, 80, 8]], [0], size=(80, 80))] * 16
    for turns, count in ((False, 1), (True, 4)):
        task = Detection(scale=(1, 1), turns=turns, augmentation=())
        _, y = task.batches(Network(), source_of(given), "train", batch_size=16, training=True)[0]
        boxes = y["boxes"][:, 0]
        offset = np.minimum(boxes[:, [0]], boxes[:, [2]]) * [1, 0, 1, 0]
        sides = {
            (bool(wide), bool(low))
            for wide, low in zip(boxes[:, 2] - boxes[:, 0] > 16, (boxes - offset)[:, 1] > 16, strict=True)
        }
        assert len(sides) >= min(count, 3)


def test_the_networks_picture_has_the_usual_shape_of_the_data():
    task = Detection()
    assert task.input_shape(source_of([example([], [], size=(480, 640))] * 3)) == (256, 320, 3)
    sizes = [(90, 90), (96, 96), (96, 95)]
    assert task.input_shape(source_of([example([], [], size=size) for size in sizes])) == (96, 96, 3)
    other = task.configured(image_size=(320, 416))
    assert other.input_shape(source_of([example([], [])])) == (320, 416, 3)


def test_both_detectors_are_built_from_the_data():
    given = source_of([example([[0, 0, 40, 40]], [0], size=(96, 96))] * 3)
    for name, class_name in (("faster_rcnn", "FasterRCNN"), ("retinanet", "RetinaNet")):
        task = Detection(image_size=(64, 64))
        model = task.build(given, model=name, width=0.1, max_detections=7)
        assert type(model).__name__ == class_name and model.class_names == ("a", "b")
        assert model.max_detections == 7 and model.input_shape == (None, 64, 64, 3)
    with pytest.raises(InputError, match="`model`: unknown detection model 'yolo'"):
        Detection().build(given, model="yolo")


def test_metrics_by_hand():
    given = [
        example([[0, 0, 40, 40], [50, 10, 70, 30]], [0, 1]),
        example([[0, 0, 40, 40], [0, 0, 80, 60]], [0, 1], crowd=[False, True]),
        example([], []),
    ]

    def found(boxes, classes, scores):
        boxes = np.array(boxes, "float32").reshape(-1, 4)
        return {"boxes": boxes, "classes": np.array(classes, "int32"), "scores": np.array(scores, "float32")}

    network = Network(
        [
            found([[0, 0, 40, 40], [50, 10, 70, 30]], [0, 1], [0.9, 0.8]),
            # A box too narrow, and one that lies in a crowd.
            found([[0, 0, 18, 40], [5, 5, 9, 9]], [0, 1], [0.7, 0.99]),
            found([], [], []),
            # What stands for padding up to a full batch.
            found([], [], []),
        ]
    )
    measured = Detection().evaluate(network, source_of(given), batch_size=2)
    # Class a: one of two found, first: 51 of 101 recalls at precision 1. Class b: all of one.
    expected = (51 / 101 + 1) / 2
    assert measured["map50"] == pytest.approx(expected) and measured["map"] == pytest.approx(expected)
    assert network.batches == [2, 2]


def test_pictures_of_any_kind_are_drawn():
    pytest.importorskip("matplotlib")
    from keras_cnn_zoo.drawing import boxes as box_drawing

    for channels in (1, 3):
        image = np.full((40, 50, channels), 90, "uint8")
        shown = box_drawing.boxed(
            image, [[0, 0, 50, 40], [48, 38, 50, 40]], ["a 0.90", "long name 0.5"], [0, 299]
        )
        assert shown.mode == "RGB" and min(shown.size) >= 240
        colors = {color for _, color in shown.getcolors(1 << 20)}
        assert {box_drawing.color_of(0), box_drawing.color_of(299)} <= colors
        empty = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "classes": np.zeros(0, int)}
        box_drawing.sheet([(image, np.zeros((0, 4)), empty)], ("a",))
    assert len({box_drawing.color_of(index) for index in range(20)}) >= 12
