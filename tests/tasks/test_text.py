"""The text task from tables of pictures to an exported reader, on letters drawn for the test."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.tasks.text import Text
from keras_cnn_zoo.utils.characters import ALPHABET
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("jiwer")

BLOCKS = {"a": (0, 10), "b": (10, 20), "c": (20, 30)}


def word(text, height=30):
    """Returns an image on which each letter is a bright block at a different height."""
    picture = np.full((height, 14 * len(text) + 6, 3), 30, "uint8")
    for place, letter in enumerate(text):
        top, bottom = BLOCKS[letter]
        picture[top:bottom, 14 * place + 5 : 14 * place + 14] = 220
    return picture


@pytest.fixture(scope="session")
def words_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("words")
    texts = ["a", "b", "c", "ab", "ba", "ca", "bc", "cb", "abc", "cab", "aba", "bcb"]
    for split, count in (("train", 24), ("val", 6), ("test", 7)):
        lines = []
        for index in range(count):
            text = texts[(5 * index) % len(texts)]
            Image.fromarray(word(text)).save(root / f"{split}{index}.png")
            lines.append(f"{split}{index}.png\t{text.upper()}\n")
        (root / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    return str(root)


def options(folder, out, **changed):
    return tasks.FitOptions(
        data=f"words:{folder}",
        out=str(out),
        **{
            "data_options": {"class_names": ["a", "b", "c"]},
            "width": 0.125,
            "epochs": 2,
            "batch_size": 8,
            "image_size": (32, 40),
            "seed": 3,
            **changed,
        },
    )


@pytest.fixture(scope="module")
def run(words_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "blocks"
    task = Text()
    model, metrics = tasks.fit(task, options(words_folder, out, epochs=40, learning_rate=5e-3))
    return task, str(out), model, metrics


def test_fit_reads_the_blocks(run):
    _, _, model, metrics = run
    assert metrics["word_accuracy"] > 0.7 and metrics["cer"] < 0.2
    assert list(metrics)[:2] == ["word_accuracy", "cer"]
    assert set(metrics["baseline"]) == {"word_accuracy", "cer"}
    assert metrics["baseline"]["word_accuracy"] < 0.5
    assert model.class_names == ("a", "b", "c") and model.input_shape == (None, 32, 40, 1)


def test_evaluate_counts_words_and_characters(run):
    task, out, _, metrics = run
    result = tasks.evaluate(task, run=out)
    assert result["word_accuracy"] == metrics["word_accuracy"] and result["examples"] == 7


def test_metrics_by_hand(run, words_folder, monkeypatch):
    task, _, model, _ = run
    source = task.load(f"words:{words_folder}", class_names="a,b,c")
    truths = [example["text"] for example in source.splits["test"]]
    # The first answer loses its last character, the second gains one.
    answers = [truths[0][:-1], truths[1] + "a", *truths[2:]]
    held = iter([[{"text": text, "score": 1.0} for text in answers]])
    monkeypatch.setattr(model, "decode", lambda outputs: next(held))
    measured = task.evaluate(model, source, "test")
    assert measured["word_accuracy"] == pytest.approx(5 / 7)
    assert measured["cer"] == pytest.approx(2 / sum(map(len, truths)))


def test_predict_writes_the_string_under_the_word(run, tmp_path):
    task, out, _, _ = run
    Image.fromarray(word("cab")).save(tmp_path / "taxi.png")
    (answer,) = tasks.predict(task, [str(tmp_path / "taxi.png")], str(tmp_path / "out"), run=out)
    assert set(answer) == {"input", "text", "score", "files"} and answer["files"] == ["taxi.png"]
    assert isinstance(answer["text"], str) and 0 < answer["score"] <= 1
    with Image.open(tmp_path / "out" / "taxi.png") as picture:
        assert picture.height > 100


@pytest.mark.slow
# tf2onnx 1.17 asks NumPy for a name that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize("format", ["onnx", "saved_model"])
def test_exported_files_hold_preprocessing_and_reading(run, tmp_path, format):
    if keras.backend.backend() == "torch":
        pytest.skip("export runs on TensorFlow and JAX")
    task, out, model, _ = run
    path = str(tmp_path / "exported")
    path = tasks.export_model(task, path, format=format, run=out)
    pictures = np.random.default_rng(0).integers(0, 256, size=(5, 32, 40, 1)).astype("float32")
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        names = [output.name for output in session.get_outputs()]
        given = dict(zip(names, session.run(None, {session.get_inputs()[0].name: pictures}), strict=True))
    else:
        tf = pytest.importorskip("tensorflow")
        loaded = tf.saved_model.load(path)
        given = {name: value.numpy() for name, value in loaded.serve(pictures).items()}
    assert set(given) == {"ids", "score"} and given["ids"].shape == (5, 9)
    answers = model.decode(model(model.preprocess(list(pictures))))
    for ids, score, answer in zip(given["ids"], given["score"], answers, strict=True):
        assert "".join(model.class_names[index] for index in ids if index >= 0) == answer["text"]
        assert score == pytest.approx(answer["score"], abs=1e-4)


def test_drawn_words_fill_batches_of_the_default_alphabet(words_folder, capsys):
    pytest.importorskip("matplotlib")
    task = Text(synthetic=0.75)
    source = task.load(f"words:{words_folder}")
    model = task.build(source, width=0.05)
    assert model.num_classes == 36 and source.class_names == ALPHABET
    batches = task.batches(model, source, "train", batch_size=16, seed=2, training=True)
    assert "75% of each batch are words drawn in" in capsys.readouterr().err
    # An epoch is one pass over the 24 real words, four of them in a batch.
    assert len(batches) == 6
    x, y = batches[1]
    assert x.shape == (16, 32, 100, 1) and y.shape == (16, 24) and x.min() >= -1 and x.max() <= 1
    assert set(y[:4].ravel().tolist()) <= {0, 11, 12, 13}
    again = batches[1]
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    batches.on_epoch_end()
    assert not np.array_equal(x[4:], batches[1][0][4:])


@pytest.mark.parametrize("synthetic, alphabet", [(0.0, None), (0.8, "a,b,c")])
def test_without_drawn_words(words_folder, synthetic, alphabet):
    task = Text(synthetic=synthetic)
    source = task.load(f"words:{words_folder}", class_names=alphabet)
    batches = task.batches(task.build(source, width=0.05), source, "train", batch_size=8, training=True)
    assert len(batches) == 3 and len(batches[0][0]) == 8


def test_texts_too_long_for_the_network_are_refused_before_training(words_folder):
    task = Text()
    source = task.load(f"words:{words_folder}", class_names="a,b,c")
    model = task.configured(image_size=(32, 12)).build(source, width=0.05)
    message = (
        r"train\d+.png: `texts` must fit into 2 columns, .* 12 pixels wide. .* needs 3 .*a wider `image_size`"
    )
    with pytest.raises(InputError, match=message):
        task.batches(model, source, "train", training=True)


def test_a_picture_of_another_height_is_refused(words_folder):
    task = Text()
    source = task.load(f"words:{words_folder}", class_names="a,b,c")
    with pytest.raises(InputError, match=r"`model` crnn: `input_shape` must be \(32, width, channels\)"):
        task.configured(image_size=(48, 100)).build(source)


def test_the_baseline_answers_the_most_frequent_word(words_folder):
    task = Text()
    source = task.load(f"words:{words_folder}", class_names="a,b,c")
    train = [example["text"] for example in source.splits["train"]]
    test = [example["text"] for example in source.splits["test"]]
    answer = min(set(train), key=lambda text: (-train.count(text), text))
    assert task.baseline(source)["word_accuracy"] == pytest.approx(test.count(answer) / len(test))


def test_the_embedded_digit_strings():
    pytest.importorskip("sklearn")
    task = Text()
    source = task.load()
    assert source.name == "digit_scenes" and source.class_names == tuple("0123456789")
    model = task.build(source, width=0.05)
    x, y = task.batches(model, source, "train", batch_size=4, training=True)[0]
    assert x.shape == (4, 32, 100, 1) and y.max() <= 10
    assert task.draw(model, source, count=3).axes


@pytest.mark.parametrize("synthetic", [-0.1, 1.0, "much"])
def test_refuses_a_share_that_is_none(synthetic):
    with pytest.raises(ValueError, match="`synthetic` must be a finite number"):
        Text(synthetic=synthetic)
