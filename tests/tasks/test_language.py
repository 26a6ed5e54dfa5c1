import json
import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.models.language import build_vocabulary
from keras_cnn_zoo.tasks import Language
from keras_cnn_zoo.utils.errors import InputError

GOOD = ("great", "fine", "lovely", "moving")
BAD = ("awful", "dull", "tedious", "silly")


def sentences(words, count, rng):
    for number in range(count):
        filler = " ".join(rng.choice(["the", "film", "plot", "is", "a", "and"], size=4))
        yield f"{filler} {words[number % len(words)]} , it's number{number} !"


@pytest.fixture(scope="module")
def lines_folder(tmp_path_factory):
    """Writes two files of sentences that differ in one word."""
    root, rng = tmp_path_factory.mktemp("lines"), np.random.default_rng(0)
    for name, words in (("bad.txt", BAD), ("good.txt", GOOD)):
        (root / name).write_text("\n".join(sentences(words, 40, rng)) + "\n")
    return str(root)


def options(lines_folder, out, **more):
    values = dict(data=f"lines:{lines_folder}", width=0.1, epochs=8, batch_size=8, out=str(out))
    return tasks.FitOptions(**{**values, **more})


@pytest.fixture(scope="module")
def run(lines_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "fit"
    task = Language()
    model, metrics = tasks.fit(task, options(lines_folder, out, learning_rate=1e-2))
    return task, str(out), model, metrics


def test_a_run_leaves_its_files_and_beats_the_baseline(run):
    _, out, model, metrics = run
    assert {
        "config.json",
        "history.csv",
        "metrics.json",
        "model.keras",
        "curves.png",
        "samples.png",
        "tensorboard",
    } <= set(os.listdir(out))
    assert metrics["accuracy"] >= 0.9 > metrics["baseline"]["accuracy"] and model.class_names == (
        "bad",
        "good",
    )


def test_a_new_network_knows_the_words_of_training_only(run, lines_folder):
    task, _, model, _ = run
    source = task.load(f"lines:{lines_folder}")
    texts = [example["text"] for example in source.split("train")]
    assert model.vocabulary == build_vocabulary(texts)
    assert model.sequence_length == 10
    small = Language(vocabulary_size=5, min_count=3).build(source)
    assert len(small.vocabulary) == 5
    with pytest.raises(InputError, match="the task language takes .* Received: image_size"):
        task.configured(image_size=(8, 8))


def test_evaluate_gives_the_metrics_of_the_run(run):
    task, out, _, metrics = run
    result = tasks.evaluate(task, run=out)
    assert result["accuracy"] == metrics["accuracy"] and result["examples"] == 16
    assert result["baseline"] == {"accuracy": pytest.approx(metrics["baseline"]["accuracy"])}


def test_predict_answers_for_each_line_with_the_ngrams_that_decided(run, tmp_path):
    from PIL import Image

    task, out, _, _ = run
    (tmp_path / "reviews.txt").write_text("The plot is dull , and it's silly !\na lovely film , moving\n")
    answers = tasks.predict(task, [str(tmp_path / "reviews.txt")], str(tmp_path / "out"), run=out)
    assert [answer["class_name"] for answer in answers] == ["bad", "good"]
    assert [answer["input"].rpartition("/")[2] for answer in answers] == [
        "reviews.txt line 1",
        "reviews.txt line 2",
    ]
    assert [answer["files"] for answer in answers] == [["reviews.png"], ["reviews-2.png"]]
    first = answers[0]
    assert first["text"].startswith("The plot") and first["words"][:3] == ["the", "plot", "is"]
    assert [ngram["window"] for ngram in first["ngrams"]] == [1, 2]
    assert any(word in ngram["words"] for ngram in first["ngrams"] for word in ("dull", "silly"))
    with Image.open(tmp_path / "out" / "reviews.png") as picture:
        assert picture.width > 300 and np.asarray(picture).std() > 0
    written = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert written == list(answers)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"fine\n\nbad\n", r"a\.txt line 2 is empty: every line must have a text"),
        (b"", r"a\.txt line 1 is empty"),
        ("d\u00e9j\u00e0".encode("latin-1"), r"a\.txt is not utf-8 text \(byte 1\)$"),
    ],
)
def test_predict_refuses_bad_text_and_writes_nothing(run, tmp_path, content, message):
    task, out, _, _ = run
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        tasks.predict(task, [str(tmp_path / "a.txt")], str(tmp_path / "out"), run=out)
    assert not (tmp_path / "out").exists()


def test_fine_tuning_learns_the_words_of_the_new_data(run, tmp_path):
    task, _, model, _ = run
    model.save_to_preset(tmp_path / "preset")
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(1)
    for name, words in (
        ("sad.txt", ("gloomy", "dull")),
        ("merry.txt", ("cheerful", "lovely")),
        ("c.txt", BAD),
    ):
        (tmp_path / "data" / name).write_text("\n".join(sentences(words, 12, rng)) + "\n")
    source = task.load(f"lines:{tmp_path / 'data'}")
    adapted = task.adapt(str(tmp_path / "preset"), source)
    assert adapted.class_names == ("c", "merry", "sad")
    assert adapted.vocabulary[: len(model.vocabulary)] == model.vocabulary
    assert {"gloomy", "cheerful"} <= set(adapted.vocabulary[len(model.vocabulary) :])
    kept = models.from_preset(tmp_path / "preset")
    for name in ("embedding", "convolution_2"):
        old = keras.ops.convert_to_numpy(kept.get_layer(name).weights[0])
        new = keras.ops.convert_to_numpy(adapted.get_layer(name).weights[0])
        np.testing.assert_array_equal(new[: len(old)], old)
    assert adapted.get_layer("logits").kernel.shape[-1] == 3


def test_a_preset_for_the_same_data_is_taken_as_it_is(run, lines_folder, tmp_path):
    task, _, model, _ = run
    model.save_to_preset(tmp_path / "preset")
    source = task.load(f"lines:{lines_folder}")
    assert task.adapt(str(tmp_path / "preset"), source).vocabulary == model.vocabulary
    assert (
        tasks.evaluate(task, preset=str(tmp_path / "preset"), data=f"lines:{lines_folder}")["accuracy"] > 0.9
    )


@pytest.mark.slow
# tf2onnx 1.17 asks NumPy for a name that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_exported_files_take_word_numbers_and_give_probabilities(run, tmp_path, format):
    task, out, model, _ = run
    path = str(tmp_path / "exported")
    path = tasks.export_model(task, path, format=format, run=out)
    ids = model.preprocess(["the film is dull", "a lovely film , it's moving and fine !", "..."])
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        assert session.get_inputs()[0].type == "tensor(int32)"
        (given,) = session.run(None, {session.get_inputs()[0].name: ids})
    else:
        tf = pytest.importorskip("tensorflow")
        loaded = tf.saved_model.load(path)
        given = loaded.serve(ids).numpy()
    expected = [answer["top"] for answer in model.decode(model(ids))]
    for row, top in zip(given, expected, strict=True):
        for entry in top:
            position = model.class_names.index(entry["class_name"])
            assert row[position] == pytest.approx(entry["probability"], abs=1e-5)


def test_missing_inputs_are_named(run, tmp_path):
    task, out, _, _ = run
    with pytest.raises(InputError, match="gone.txt does not exist"):
        tasks.predict(task, [str(tmp_path / "gone.txt")], str(tmp_path / "out"), run=out)
