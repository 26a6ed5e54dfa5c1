import json
import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.tasks import Speech, speech
from keras_cnn_zoo.utils.errors import InputError
from tests.data.wav_files import FLOAT, tone, write

pytest.importorskip("scipy")

# Words that go up and down, at 8,000 samples per second.
WORDS = {"falling": (900, 300), "rising": (300, 900)}


def glide(word, rng, rate=8000):
    """A gliding tone of random length and level in noise, (samples, 1)."""
    start, end = WORDS[word]
    count = int(rate * rng.uniform(0.25, 0.4))
    phase = 2 * np.pi * np.cumsum(np.linspace(start, end, count)) / rate
    audio = rng.uniform(0.02, 0.9) * (np.sin(phase) + 0.01 * rng.standard_normal(count))
    return np.clip(audio, -1, 1)[:, None]


@pytest.fixture(scope="module")
def words_folder(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("words"), np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 6), ("test", 10)):
        for word in WORDS:
            for number in range(count):
                write(root / split / word / f"{number}.wav", glide(word, rng), bits=(16, 24)[number % 2])
    return str(root)


def options(words_folder, out, **more):
    values = dict(data=f"wavs:{words_folder}", width=0.25, epochs=6, batch_size=8, seed=1, out=str(out))
    return tasks.FitOptions(**{**values, **more})


@pytest.fixture(scope="module")
def run(words_folder, tmp_path_factory):
    """A finished run that several tests look at."""
    out = tmp_path_factory.mktemp("run") / "fit"
    task = Speech()
    model, metrics = tasks.fit(task, options(words_folder, out, learning_rate=1e-2))
    return task, str(out), model, metrics


def test_a_run_leaves_its_files_and_beats_the_baseline(run):
    _, out, model, metrics = run
    promised = {"config.json", "history.csv", "metrics.json", "model.keras", "curves.png", "samples.png"}
    assert promised | {"tensorboard"} <= set(os.listdir(out))
    assert metrics["accuracy"] >= 0.9 and metrics["baseline"] == {"accuracy": 0.5}
    assert model.class_names == ("falling", "rising")


def test_a_new_network_has_the_rate_of_the_data_and_holds_nearly_all_clips_whole(run, words_folder, tmp_path):
    task, _, model, _ = run
    assert model.sample_rate == 8000 and model.input_shape == (None, 4000)
    rng = np.random.default_rng(0)
    for word in WORDS:
        for number in range(5):
            write(tmp_path / word / f"{number}.wav", glide(word, rng, rate=44100), rate=44100)
    wide = task.build(task.load(f"wavs:{tmp_path}"), width=0.1)
    assert wide.sample_rate == 16000 and wide.input_shape == (None, 8000)
    with pytest.raises(InputError, match="the task speech takes .* Received: image_size"):
        task.configured(image_size=(8, 8))


def test_evaluate_gives_the_metrics_of_the_run(run):
    task, out, _, metrics = run
    result = tasks.evaluate(task, run=out)
    assert result["accuracy"] == metrics["accuracy"] and result["examples"] == 20
    assert result["baseline"] == {"accuracy": 0.5}


def test_accuracy_is_the_share_of_right_answers(run, words_folder):
    task, _, model, metrics = run
    source = task.load(f"wavs:{words_folder}")
    right = [
        model.decode(model(model.preprocess([(example["audio"], example["sample_rate"])])))[0]["class_id"]
        == example["label"]
        for example in source.split("test")
    ]
    assert metrics["accuracy"] == pytest.approx(np.mean(right))


def test_predict_answers_with_spectrograms_whatever_the_file(run, tmp_path):
    from PIL import Image

    task, out, _, _ = run
    rng = np.random.default_rng(5)
    slow = glide("rising", rng)
    write(tmp_path / "in" / "a.wav", glide("falling", rng, rate=44100), rate=44100, bits=24)
    write(tmp_path / "in" / "b.wav", np.repeat(slow, 2, axis=1), bits=32, kind=FLOAT)
    answers = tasks.predict(task, [str(tmp_path / "in")], str(tmp_path / "out"), run=out)
    assert [answer["class_name"] for answer in answers] == ["falling", "rising"]
    assert [answer["files"] for answer in answers] == [["a.png"], ["b.png"]]
    assert json.loads((tmp_path / "out" / "predictions.json").read_text()) == list(answers)
    with Image.open(tmp_path / "out" / "a.png") as picture:
        assert picture.width > 150 and np.asarray(picture).std() > 0


def test_the_picture_shows_time_to_the_right_and_treble_above(run):
    task, _, model, _ = run
    clip = (np.sin(2 * np.pi * 3000 * np.arange(2000) / 8000).astype("float32"), 8000)
    (answer,) = task.answers(model, [clip])
    picture = speech.colored(model.spectrogram(model.preprocess([clip]))[0])
    assert task.describe(model, clip, answer)[1][".png"].size[0] > 51
    brightness = picture.astype(int).sum(-1)
    assert picture.dtype == np.uint8 and picture.shape == (80, 51, 3)
    assert np.unravel_index(brightness.argmax(), brightness.shape)[0] < 40
    assert brightness[:, 20:30].mean() > brightness[:, :5].mean()


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((90, 1)), r"a\.wav is silent"),
        (np.array([[0.1], [np.nan]]), r"a\.wav must have finite samples. Received: nan at sample 1"),
        (np.zeros((0, 1)), r"a\.wav has no samples"),
    ],
)
def test_predict_refuses_bad_recordings_and_writes_nothing(run, tmp_path, audio, message):
    task, out, _, _ = run
    write(tmp_path / "a.wav", audio, bits=32, kind=FLOAT)
    with pytest.raises(InputError, match=message):
        tasks.predict(task, [str(tmp_path / "a.wav")], str(tmp_path / "out"), run=out)
    assert not (tmp_path / "out").exists()


def test_augmentation_is_a_function_of_the_seed(run, words_folder):
    task, _, model, _ = run
    source = task.load(f"wavs:{words_folder}")
    examples = [source.split("train")[i] for i in range(4)]
    plain, labels = task.measuring_batch(model, source, examples)
    one, same, other = (
        task.training_batch(model, source, examples, seed)[0] for seed in ((1, 1), (1, 1), (1, 2))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any() and (one != plain).any()
    assert one.dtype == plain.dtype == np.float32 and labels.dtype == np.int32
    quiet = Speech(speed=0.0, shift=0.0, noise_db=None)
    still = quiet.training_batch(model, source, examples, (1, 1))[0]
    np.testing.assert_array_equal(still, plain)


def test_a_preset_gets_the_words_and_keeps_the_ears_of_the_old_network(run, words_folder, tmp_path):
    task, _, model, _ = run
    model.save_to_preset(tmp_path / "preset")
    assert (
        tasks.evaluate(task, preset=str(tmp_path / "preset"), data=f"wavs:{words_folder}")["accuracy"] >= 0.9
    )
    rng = np.random.default_rng(1)
    for word in ("a", "b", "c"):
        for number in range(5):
            write(tmp_path / "data" / word / f"{number}.wav", glide("rising", rng, rate=16000), rate=16000)
    adapted = task.adapt(str(tmp_path / "preset"), task.load(f"wavs:{tmp_path / 'data'}"))
    assert adapted.class_names == ("a", "b", "c") and adapted.sample_rate == 8000
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(adapted.get_layer("stage_1_1_convolution").kernel),
        keras.ops.convert_to_numpy(model.get_layer("stage_1_1_convolution").kernel),
        atol=1e-3,
    )


@pytest.mark.slow
# tf2onnx 1.17 asks NumPy for a name that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_exported_files_take_waveforms_and_give_probabilities(run, words_folder, tmp_path, format):
    task, out, model, _ = run
    path = str(tmp_path / "exported")
    path = tasks.export_model(task, path, format=format, run=out)
    source = task.load(f"wavs:{words_folder}")
    examples = [source.split("test")[i] for i in (0, 7, 12)]
    waveforms = model.preprocess([(100 * example["audio"], example["sample_rate"]) for example in examples])
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path)
        (given,) = session.run(["probabilities"], {session.get_inputs()[0].name: waveforms})
    else:
        tf = pytest.importorskip("tensorflow")
        loaded = tf.saved_model.load(path)
        given = loaded.serve(waveforms).numpy()
    answers = models.KeywordCNN.decode(model, model(waveforms))
    for row, answer in zip(given, answers, strict=True):
        assert row.argmax() == answer["class_id"]
        assert row.max() == pytest.approx(answer["probability"], abs=1e-4)


def test_a_recording_that_goes_bad_in_training_is_still_one_line(words_folder, tmp_path):
    for split in ("train", "val", "test"):
        for word in WORDS:
            for number in range(4):
                write(tmp_path / "data" / split / word / f"{number}.wav", tone(3000, hertz=200 + 10 * number))
    task = Speech()
    source = task.load(f"wavs:{tmp_path / 'data'}")
    batches = task.batches(task.build(source, width=0.1), source, "train", batch_size=8, training=True)
    (tmp_path / "data" / "train" / "rising" / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"2\.wav is not a WAV file"):
        batches[0]
    assert isinstance(batches.failure, InputError)
