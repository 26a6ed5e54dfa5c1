import json
import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.models import SiamFC
from keras_cnn_zoo.tasks.tracking import labels
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def _float32():
    yield
    keras.config.set_dtype_policy("float32")


def small_task(**arguments):
    return tasks.Tracking(**{"pairs": 16, "val_sequences": 2, "val_frames": 3, **arguments})


def write_sequence(folder, frames=5, seed=0):
    """A bright patch that moves over noise."""
    rng = np.random.default_rng(seed)
    (folder / "img").mkdir(parents=True)
    ground = rng.integers(0, 90, size=(60, 80, 3)).astype("uint8")
    patch = rng.integers(120, 256, size=(14, 12, 3)).astype("uint8")
    lines = []
    for time in range(frames):
        picture, x, y = ground.copy(), 20 + 3 * time, 18 + 2 * time
        picture[y : y + 14, x : x + 12] = patch
        Image.fromarray(picture).save(folder / f"img/{time + 1:04}.png")
        lines.append(f"{x},{y},12,14")
    (folder / "groundtruth_rect.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    root = tmp_path_factory.mktemp("otb")
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        for index in range(count):
            write_sequence(root / split / f"video{index}", seed=index)
    return root


def options(data, out, **more):
    more = {"width": 0.1, "epochs": 2, "batch_size": 8, "seed": 3, **more}
    return tasks.FitOptions(data=data, out=str(out), **more)


@pytest.fixture(scope="module")
def run(sequences, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "videos"
    task = small_task()
    model, metrics = tasks.fit(task, options(f"otb:{sequences}", out))
    return task, str(out), model, metrics


def test_fit_leaves_what_the_design_promises(run):
    _, out, model, metrics = run
    names = "config.json history.csv metrics.json model.keras curves.png samples.png tensorboard"
    assert set(os.listdir(out)) >= set(names.split())
    with open(os.path.join(out, "metrics.json"), encoding="utf-8") as file:
        kept = json.load(file)
    assert set(kept) >= {"auc", "precision20", "baseline"} and set(kept["baseline"]) == {"auc", "precision20"}
    assert all(0 <= kept[key] <= 1 for key in ("auc", "precision20"))
    assert isinstance(model, SiamFC) and model.variant == "small" and metrics["auc"] == kept["auc"]


def test_evaluate_gives_the_numbers_of_fit(run):
    task, out, _, metrics = run
    measured = tasks.evaluate(task, run=out)
    assert measured["auc"] == pytest.approx(metrics["auc"], abs=1e-6)
    assert measured["examples"] == 2 and measured["baseline"] == metrics["baseline"]


def test_the_baseline_is_the_first_box(sequences):
    task = small_task()
    source = task.load(f"otb:{sequences}")
    (first, _) = source.splits["test"]
    truth = first["boxes"].astype("float64")
    overlaps = []
    for x, y, w, h in truth:
        x0, y0 = truth[0, :2]
        shared = max(0, w - abs(x - x0)) * max(0, h - abs(y - y0))
        overlaps.append(shared / (2 * w * h - shared))
    expected = np.mean([np.mean(np.array(overlaps) > limit / 20) for limit in range(21)])
    measured = task.baseline(source)
    assert measured["auc"] == pytest.approx(expected, abs=1e-6) and measured["precision20"] == 1.0


def test_predict_writes_boxes_and_a_strip(run, sequences, tmp_path):
    task, out, _, _ = run
    folder = sequences / "test/video0"
    answers = tasks.predict(task, [folder], tmp_path / "told", run=out)
    assert len(answers[0]["boxes"]) == 5 and answers[0]["boxes"][0] == [20, 18, 12, 14]
    assert answers[0]["files"] == ["video0.png"] and (tmp_path / "told/video0.png").exists()
    given = tasks.predict(task, [folder / "img"], tmp_path / "given", run=out, options={"box": (1, 2, 9, 8)})
    assert given[0]["boxes"][0] == [1, 2, 9, 8] and len(given[0]["probabilities"]) == 5


@pytest.mark.parametrize(
    "place, box, message",
    [
        ("test/video0/img", None, r"`box` is needed: .*img has no groundtruth_rect.txt"),
        ("test/video0", (500, 2, 9, 8), "video0: `box` must be with its center inside the frame of 80 x 60"),
        ("test/video0/img/0001.png", None, r"tracking takes folders of frames. Received: .*0001\.png"),
        ("test", (1, 2, 3, 4), "has no images"),
        ("nowhere", None, "tracking takes folders of frames"),
    ],
)
def test_predict_refuses(run, sequences, tmp_path, place, box, message):
    task, out, _, _ = run
    with pytest.raises(InputError, match=message):
        tasks.predict(task, [sequences / place], tmp_path / "out", run=out, options={"box": box})


def test_boxes_of_other_frames_are_refused_unless_a_box_is_given(tmp_path):
    write_sequence(tmp_path / "video", frames=4)
    os.remove(tmp_path / "video/img/0001.png")
    task = small_task()
    with pytest.raises(InputError, match=r"one box per frame, .* Received: 4 boxes and 3 images"):
        task.check_input(str(tmp_path / "video"))
    assert task.check_input(str(tmp_path / "video"), box=(1, 2, 3, 4)) == 0
    assert len(task.read_input(str(tmp_path / "video"), None)["frames"]) == 3


def test_stills_train_and_are_measured_as_sequences(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(6):
        noise = rng.integers(0, 256, size=(12, 16, 3)).astype("uint8")
        Image.fromarray(noise).resize((64, 48), Image.Resampling.BICUBIC).save(tmp_path / f"{index}.png")
    task = small_task()
    model, metrics = tasks.fit(task, options(f"images:{tmp_path}", tmp_path / "run", epochs=1))
    assert metrics["auc"] > 0 and metrics["baseline"]["auc"] < 1


def test_training_mixes_embedded_scenes_into_other_data(sequences):
    task = small_task(pairs=40, embedded_share=0.25)
    source = task.load(f"otb:{sequences}")
    model = task.build(source, width=0.1)
    batches = task.batches(model, source, "train", training=True, batch_size=8)
    names = [batches.split[index]["name"] for index in range(len(batches.split))]
    assert len(names) == 40
    embedded = [name for name in names if name.startswith("train/")]
    assert len(embedded) == 10 and len(set(embedded)) == 10
    assert {name for name in names if not name.startswith("train/")} == {"video0", "video1", "video2"}
    alone = task.load()
    batches = task.batches(model, alone, "train", training=True)
    assert len(batches.split) == 160


def test_a_batch_is_a_function_of_its_seed(sequences):
    task = small_task()
    source = task.load(f"otb:{sequences}")
    model = task.build(source, width=0.1)
    first, second = (
        task.batches(model, source, "train", training=True, batch_size=8, seed=5)[1] for _ in range(2)
    )
    flat = zip(keras.tree.flatten(first), keras.tree.flatten(second), strict=True)
    assert all(np.array_equal(one, other) for one, other in flat)
    other = task.batches(model, source, "train", training=True, batch_size=8, seed=6)[1]
    assert not np.array_equal(first[0]["search"], other[0]["search"])


def test_labels_are_a_disc_and_both_classes_weigh_alike():
    hits, weights = labels(np.array([[0.0, 0.0], [8.0, -4.0]]), 17, 4)
    assert hits.shape == (2, 17, 17, 1) and weights.shape == (2, 17, 17)
    assert hits[0, 8, 8, 0] == 1 and hits[0].sum() == 13
    # Two places right, one up.
    rows, columns = np.nonzero(hits[1, ..., 0])
    assert rows.mean() == 7 and columns.mean() == 10
    for one, weight in zip(hits[..., 0], weights, strict=True):
        assert weight[one == 1].sum() == pytest.approx(weight[one == 0].sum(), rel=1e-5)
        assert weight.mean() == pytest.approx(1, rel=1e-5)


def test_the_loss_is_the_papers_logistic_loss():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 17, 17, 1)).astype("float32")
    hits, weights = labels(rng.uniform(-20, 20, (2, 2)), 17, 4)
    signs = 2 * hits[..., 0] - 1
    expected = np.mean(weights * np.log1p(np.exp(-signs * logits[..., 0].astype("float64"))))
    assert float(tasks.Tracking().loss()(hits, logits, weights)) == pytest.approx(expected, rel=1e-5)


def test_follow_starts_with_the_given_box_and_absent_starts_are_passed_over():
    task = small_task()
    model = SiamFC(variant="small", width=0.1)
    frames = [np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype("uint8")] * 3
    boxes, sure = task.follow(model, frames, (10, 12, 8, 6))
    assert boxes.shape == (3, 4) and boxes[0].tolist() == [10, 12, 8, 6] and sure[0] == 1
    example = {
        "frames": frames,
        "boxes": np.array([[np.nan] * 4, [1, 2, 8, 8], [2, 2, 8, 8]]),
        "name": "late",
    }
    sequence = task._sequence([example], 0, None)
    assert len(sequence["frames"]) == 2 and sequence["boxes"][0].tolist() == [1, 2, 8, 8]
    with pytest.raises(InputError, match="the sequence late shows its target in no frame"):
        task._sequence([{**example, "boxes": np.zeros((3, 4))}], 0, None)


def test_a_model_for_another_search_size():
    task = small_task()
    model = small_task(image_size=(143, 143)).build(task.load(), width=0.1)
    assert model.search_shape == (143, 143, 3) and model.response_size == 21
    with pytest.raises(InputError, match="`model` siamfc: `input_shape` must be square"):
        small_task(image_size=(128, 127)).build(task.load())


@pytest.mark.slow
# tf2onnx 1.17 asks NumPy for a name that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_exported_files_take_pictures_and_give_probabilities(run, tmp_path, format):
    task, out, model, _ = run
    path = str(tmp_path / "exported")
    path = tasks.export_model(task, path, format=format, run=out)
    rng = np.random.default_rng(0)
    given = {
        "exemplar": rng.integers(0, 256, size=(2, 63, 63, 3)).astype("float32"),
        "search": rng.integers(0, 256, size=(2, 127, 127, 3)).astype("float32"),
    }
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        assert {one.name for one in session.get_inputs()} == {"exemplar", "search"}
        (answer,) = session.run(["response"], given)
    else:
        tf = pytest.importorskip("tensorflow")
        loaded = tf.saved_model.load(path)
        answer = loaded.serve(given).numpy()
    logits = np.asarray(model(model.preprocess(given)), dtype="float64")
    np.testing.assert_allclose(answer, 1 / (1 + np.exp(-logits)), atol=1e-5)


def test_bad_values_for_the_tracker_are_found_before_training():
    task = small_task(tracker={"scales": 2})
    model = SiamFC(input_shape=(71, 71, 1), exemplar_size=47, variant="small", width=0.1)
    with pytest.raises(InputError, match="`tracker`: `scales` must be an odd number"):
        task.batches(model, task.load(), "train", training=True)
