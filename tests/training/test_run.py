import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.training.run_folder import RunFolder
from keras_cnn_zoo.utils.errors import InputError


@pytest.fixture(autouse=True)
def _float32():
    yield
    keras.config.set_dtype_policy("float32")


def classification(data, out, **options):
    options = {"width": 0.2, "epochs": 3, "batch_size": 8, "seed": 3, **options}
    return tasks.FitOptions(data=f"npz:{data}", out=str(out), **options)


@pytest.fixture(scope="module")
def run(digits_npz, tmp_path_factory):
    """A finished classification run that several tests look at."""
    out = tmp_path_factory.mktemp("runs") / "halves"
    task = tasks.Classification(augmentation=())
    model, metrics = tasks.fit(task, classification(digits_npz, out, epochs=6, learning_rate=0.01))
    return task, str(out), model, metrics


def test_fit_leaves_what_the_design_promises(run):
    task, out, _, metrics = run
    files = set(os.listdir(out))
    assert {"config.json", "history.csv", "metrics.json", "model.keras", "curves.png", "samples.png"} <= files
    assert "confusion.png" in files
    assert metrics["per_class"] == [{"name": name, "count": 12, "accuracy": 1.0} for name in "01"]
    assert os.listdir(os.path.join(out, "tensorboard"))
    assert metrics["accuracy"] == 1.0 and metrics["baseline"] == {"accuracy": 0.5}
    assert RunFolder(out).read_json("metrics.json") == metrics
    with open(RunFolder(out).file("history.csv"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0] == "epoch,loss,val_accuracy" and len(lines) == 7


def test_evaluate_of_the_run_gives_the_metrics_of_fit(run):
    task, out, _, metrics = run
    result = tasks.evaluate(task, run=out)
    assert result["accuracy"] == metrics["accuracy"] and result["examples"] == 24
    assert tasks.evaluate(task, run=out, split="val")["examples"] == 16


def test_evaluate_writes_numbers_per_class_and_pictures(run, tmp_path):
    task, path, _, metrics = run
    out = tmp_path / "new" / "folder"
    result = tasks.evaluate(task, run=path, out=str(out))
    assert result["per_class"] == metrics["per_class"] and "per_class" not in tasks.evaluate(task, run=path)
    assert set(os.listdir(out)) == {"metrics.json", "samples.png", "confusion.png"}
    assert RunFolder(out).read_json("metrics.json") == result
    with pytest.raises(InputError, match="`out` .* is not empty: choose another folder"):
        tasks.evaluate(task, run=path, out=str(out))
    with pytest.raises(InputError, match="`out` must not be empty"):
        tasks.evaluate(task, run=path, out="")
    with pytest.raises(InputError, match="metrics.json is a file, not a folder"):
        tasks.evaluate(task, run=path, out=str(out / "metrics.json"))


def test_evaluate_measures_the_answers_that_predict_would_give(run):
    task, path, _, _ = run
    # The classes are bright on the left and on the right: with the mirror image, both are as likely.
    assert tasks.evaluate(task, run=path, options={"flip": True})["accuracy"] < 0.9
    with pytest.raises(InputError, match="`explain` does not change the metrics of classification"):
        tasks.evaluate(task, run=path, options={"explain": True})


class Watched(tasks.Classification):
    """Remembers which examples each call of `load` gave for the test."""

    measured = []

    def load(self, spec=None, **options):
        source = super().load(spec, **options)
        self.measured.append(source.splits["test"].names)
        return source


def test_missing_splits_are_drawn_with_the_seed_that_was_trained_with(tmp_path):
    """With another one, examples that were trained on would be measured."""
    images = np.random.default_rng(0).integers(0, 255, size=(40, 20, 20)).astype("uint8")
    np.savez(tmp_path / "unsplit.npz", x_train=images, y_train=np.arange(40) % 2)
    task, out = Watched(), tmp_path / "run"
    spec = f"npz:{tmp_path / 'unsplit.npz'}"
    model, _ = tasks.fit(task, classification(tmp_path / "unsplit.npz", out, epochs=1, seed=7, jit="off"))
    held_out = task.measured[-1]
    assert set(held_out) != set(Watched().load(spec, seed=0).splits["test"].names)
    model.save_to_preset(tmp_path / "preset", card={"data_spec": spec, "seed": 7})
    for one in ({"run": out}, {"preset": tmp_path / "preset"}):
        # The data as they were recorded, and as somebody names them again.
        for data in (None, spec):
            tasks.evaluate(task, data=data, **one)
            assert task.measured[-1] == held_out, (one, data)


def test_predict_keeps_the_order_and_repeated_stems(run, tmp_path):
    from PIL import Image

    task, out, _, _ = run
    for folder, bright in (("a", slice(0, 10)), ("b", slice(10, 20))):
        os.makedirs(tmp_path / folder)
        picture = np.zeros((20, 20), "uint8")
        picture[:, bright] = 230
        Image.fromarray(picture).save(tmp_path / folder / "same.png")
    files = [str(tmp_path / "b" / "same.png"), str(tmp_path / "a")]
    answers = tasks.predict(task, files, str(tmp_path / "out"), run=out)
    assert [answer["class_name"] for answer in answers] == ["1", "0"]
    assert [answer["files"] for answer in answers] == [["same.png"], ["same-2.png"]]
    written = RunFolder(tmp_path / "out").read_json("predictions.json")
    assert written == list(answers) and answers[-1] == written[1] and answers[:1] == written[:1]
    with pytest.raises(InputError, match="already holds predictions"):
        tasks.predict(task, files, str(tmp_path / "out"), run=out)


def test_another_run_is_never_overwritten(run, digits_npz):
    task, out, _, _ = run
    with pytest.raises(InputError, match="holds another run"):
        tasks.fit(task, classification(digits_npz, out))
    with pytest.raises(InputError, match="the run was started with .*Received"):
        tasks.fit(task, classification(digits_npz, out, seed=4, resume=True))


def test_a_folder_with_other_files_is_not_taken(digits_npz, tmp_path):
    (tmp_path / "thesis.txt").write_text("draft 7")
    with pytest.raises(InputError, match="not empty and holds no run"):
        tasks.fit(tasks.Classification(), classification(digits_npz, tmp_path))
    assert os.listdir(tmp_path) == ["thesis.txt"]


@pytest.mark.slow
def test_segmentation_measures_whole_pictures_and_leaves_ignored_pixels_out(masks_folder, tmp_path):
    task = tasks.Segmentation()
    options = tasks.FitOptions(
        data=f"masks:{masks_folder}",
        width=0.2,
        epochs=25,
        batch_size=5,
        image_size=(24, 24),
        out=str(tmp_path / "r"),
    )
    model, metrics = tasks.fit(task, options)
    assert metrics["mean_iou"] > 0.8 > metrics["baseline"]["mean_iou"]
    # The definition, pixel by pixel.
    source = task.load(options.data)
    hits, union, right, total = np.zeros(2), np.zeros(2), 0, 0
    for example in source.split("test"):
        answer = model.decode(model(model.preprocess([example["image"]])))[0]
        for truth, guess in zip(example["mask"].ravel(), answer.ravel(), strict=True):
            if truth == 255:
                continue
            total += 1
            right += truth == guess
            for c in range(2):
                hits[c] += truth == c and guess == c
                union[c] += truth == c or guess == c
    assert metrics["mean_iou"] == pytest.approx((hits / union).mean(), abs=1e-6)
    assert metrics["pixel_accuracy"] == pytest.approx(right / total, abs=1e-6)
    ious = task.class_iou(model, source)
    assert list(ious.values()) == pytest.approx(hits / union, abs=1e-6)
    assert task.baseline(source)["pixel_accuracy"] == metrics["baseline"]["pixel_accuracy"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": -1}, "`epochs` must be at least 1. Received: -1"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be positive"),
        ({"width": -0.5}, "`width` must be positive"),
        ({"precision": "float8"}, "`precision` must be one of float32"),
        ({"jit": "maybe"}, "`jit` must be auto, on, or off"),
        ({"distribute": "all"}, "`distribute` must be none or auto"),
        ({"seed": -1}, "`seed` must be at least 0 and below"),
        (
            {"model": "alexnet"},
            "`model`: unknown classification model 'alexnet'. Known: efficientnet_lite, lenet5, resnet, vgg",
        ),
        ({"preset": "lenet5_mnist"}, "`width` and `preset` exclude each other"),
        ({"weights": "x.h5"}, "`weights` replaces the download of a `backbone` or `preset`"),
        ({"variant": "tiny"}, "`model` lenet5: `variant` must be one of 'caffe', 'lecun'"),
    ],
)
def test_bad_options_write_nothing(digits_npz, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        tasks.fit(tasks.Classification(), classification(digits_npz, tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


def test_fine_tuning_swaps_the_head_for_other_classes(digits_npz, tmp_path):
    options = tasks.FitOptions(
        data=f"npz:{digits_npz}", preset="lenet5_mnist", epochs=2, batch_size=8, out=str(tmp_path / "run")
    )
    model, metrics = tasks.fit(tasks.Classification(), options)
    assert model.num_classes == 2 and model.class_names == ("0", "1")
    assert metrics["accuracy"] > 0.9


def test_a_run_of_another_task_is_refused(run):
    _, out, _, _ = run
    with pytest.raises(InputError, match="is a run of classification, not of segmentation"):
        tasks.evaluate(tasks.Segmentation(), run=out)


def test_a_run_without_a_model_says_what_to_do(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.start({"task": "classification"}, resume=False)
    with pytest.raises(InputError, match="has no model.keras: is the run finished"):
        tasks.evaluate(tasks.Classification(), run=folder.path)


@pytest.mark.slow
# tf2onnx 1.17 asks NumPy for a name that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_exported_files_take_pictures_and_give_probabilities(run, tmp_path, format):
    task, out, model, _ = run
    path = str(tmp_path / "exported")
    path = tasks.export_model(task, path, format=format, run=out)
    pictures = np.random.default_rng(0).integers(0, 256, size=(3, 20, 20, 1)).astype("float32")
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        (given,) = session.run(None, {session.get_inputs()[0].name: pictures})
    else:
        tf = pytest.importorskip("tensorflow")
        loaded = tf.saved_model.load(path)
        given = loaded.serve(pictures).numpy()
    logits = np.asarray(model(model.preprocess(pictures)), dtype="float64")
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    name = os.path.basename(path)
    assert name == ("exported.onnx" if format == "onnx" else "exported")
    assert sorted(os.listdir(tmp_path)) == sorted([name, "exported.json", "exported.labels.txt"])
    for taken in (path, f"{path}/"):
        with pytest.raises(InputError, match="exists"):
            tasks.export_model(task, taken, format=format, run=out)


def test_an_export_into_a_folder_with_a_separator_at_the_end(run, tmp_path):
    task, out, _, _ = run
    # What another program left there is not touched.
    (tmp_path / "exported.partial").write_text("of a user")
    tasks.export_model(task, f"{tmp_path / 'exported'}/", format="saved_model", run=out)
    described = ["exported.json", "exported.labels.txt"]
    assert sorted(os.listdir(tmp_path)) == ["exported", *described, "exported.partial"]
    assert (tmp_path / "exported" / "saved_model.pb").exists()
    assert (tmp_path / "exported.partial").read_text() == "of a user"
    with pytest.raises(InputError, match="`path` must not be empty"):
        tasks.export_model(task, "", format="saved_model", run=out)
