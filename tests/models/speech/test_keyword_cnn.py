import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import KeywordCNN

CASES = [
    dict(
        cls=KeywordCNN,
        build=lambda: KeywordCNN(
            3,
            input_shape=(1000,),
            sample_rate=4000,
            variant="small",
            width=0.25,
            num_mel_bins=16,
            time_mask=0.3,
            frequency_mask=0.1,
            num_masks=1,
            normalization="batch",
            activation="elu",
            dropout=0.2,
            seed=5,
            class_names=("yes", "no", "stop"),
            name="spotter",
        ),
        input_shape=(4, 1000),
    ),
    dict(
        cls=KeywordCNN,
        build=lambda: KeywordCNN(
            2,
            input_shape=(800,),
            sample_rate=2000,
            variant="large",
            width=0.1,
            normalization=None,
            dropout=0.0,
        ),
        input_shape=(2, 800),
    ),
]


def noise(samples, channels=None, seed=0):
    shape = (samples,) if channels is None else (samples, channels)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.fixture(scope="module")
def model():
    return KeywordCNN(3, input_shape=(4000,), width=0.25, class_names=("a", "b", "c"))


def test_parameter_count_equals_a_sum_by_hand():
    # 3 x 3 kernels, and four numbers per channel of batch normalization. 3 of 40 bands are left.
    channels = (1, 16, 32, 64, 96)
    stages = sum(
        9 * before * after + 4 * after for before, after in zip(channels, channels[1:], strict=False)
    )
    assert KeywordCNN(10).count_params() == stages + 3 * 96 * 10 + 10
    channels = (1, 24, 48, 96, 144)
    stages = sum(
        9 * (before + after) * after + 8 * after
        for before, after in zip(channels, channels[1:], strict=False)
    )
    assert KeywordCNN(10, variant="large").count_params() == stages + 3 * 144 * 10 + 10


def test_masks_are_only_used_in_training(model):
    batch = model.preprocess([noise(4000)])
    one, two = (np.asarray(model(batch)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    plain = KeywordCNN(3, input_shape=(4000,), width=0.25, time_mask=0.0, frequency_mask=0.0)
    assert "masks" in {layer.name for layer in model.layers}
    assert "masks" not in {layer.name for layer in plain.layers}


def test_the_answer_does_not_depend_on_the_level(model):
    quiet, loud = (model(model.preprocess([factor * noise(4000)])) for factor in (0.001, 100.0))
    np.testing.assert_allclose(np.asarray(quiet), np.asarray(loud), atol=1e-4)


def test_a_shift_changes_the_answer_little():
    # Pooling over time makes the position of a word in silence matter only up to the stages' grid.
    model = KeywordCNN(4, width=0.5)
    keras.utils.set_random_seed(0)
    word = np.zeros((2, 8000), "float32")
    word[0, 2000:4000] = word[1, 3280:5280] = noise(2000)
    one, moved = np.asarray(model(word))
    assert np.abs(one - moved).max() < 0.05 * np.abs(one).max()


def test_recordings_of_any_rate_channels_and_kind_give_the_same_word(model):
    time = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 500 * time)
    forms = [
        (tone, 44100),
        (np.stack([tone, tone], axis=1), 44100),
        (np.rint(32767 * tone).astype("int16"), 44100),
        (np.rint(127 * tone + 128).astype("uint8"), 44100),
    ]
    batch = model.preprocess(forms)
    assert batch.shape == (4, 4000) and batch.dtype == np.float32
    for other in batch[1:]:
        np.testing.assert_allclose(other, batch[0], atol=0.006)


def test_one_recording_in_every_form(model):
    clip = noise(4000)
    expected = model.preprocess([clip])
    for form in (clip, (clip, 8000), [(clip, 8000)]):
        np.testing.assert_array_equal(model.preprocess(form), expected)
    assert model.preprocess([clip, (noise(16000, 2), 16000)]).shape == (2, 4000)


def test_channels_may_be_first_as_in_torchaudio(model):
    clip, stereo = noise(4000), noise(4000, 2)
    expected = model.preprocess([clip])
    for form in (clip[None], clip[:, None], (clip[None], 8000), [clip[None]], [(clip[:, None], 8000)]):
        np.testing.assert_array_equal(model.preprocess(form), expected)
    np.testing.assert_array_equal(model.preprocess([stereo.T]), model.preprocess([stereo]))
    np.testing.assert_allclose(model.preprocess([stereo.T])[0], stereo.mean(axis=1), rtol=1e-6)


def test_spectrogram_is_the_input_of_the_convolutions(model):
    shown = model.spectrogram(model.preprocess([noise(4000)]))
    assert shown.shape == (1, 51, 40) and shown.max() == 1.0 and shown.min() >= -1.0


def test_decode_names_the_word(model):
    answer = model.decode(np.array([[0.0, 3.0, 1.0]]))[0]
    assert answer["class_name"] == "b" and answer["class_id"] == 1
    assert answer["probability"] == pytest.approx(np.exp(3) / (1 + np.exp(3) + np.exp(1)))
    assert [item["class_name"] for item in answer["top"]] == ["b", "c", "a"]


@pytest.mark.parametrize(
    "clips, message",
    [
        ([], "at least one recording"),
        ([0.1, 0.2], "must be a list of recordings"),
        (np.zeros((3, 4000)), "must be a list of recordings, or one recording"),
        ([np.zeros((10, 2, 2))], r"\(samples,\), \(samples, channels\), or \(channels, samples\)"),
        ([np.zeros((70, 200))], r"at most 64 channels. Received: array of shape \(200, 70\)"),
        ([np.zeros((9, 9))], r"Each recording must be .* Received: array of shape \(9, 9\)"),
        (np.zeros((1, 2, 4000)), "must be a list of recordings, or one recording"),
        ([np.zeros(0)], "Each recording must be"),
        ([np.array(["a"])], "Each recording must be an array of numbers"),
        ([np.array([0.0, np.nan])], "must be finite"),
        ([(np.zeros(8), 0)], "`sample_rate` must be a positive integer"),
    ],
)
def test_bad_recordings_are_refused(model, clips, message):
    with pytest.raises(ValueError, match=message):
        model.preprocess(clips)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"variant": "huge"}, "`variant` must be one of 'small', 'large'"),
        ({"sample_rate": 500}, "`sample_rate` must be between 1000 and 384000"),
        ({"input_shape": 8000}, r"`input_shape` must be \(samples,\)"),
        ({"input_shape": (8000, 1)}, "`input_shape` must be"),
        ({"input_shape": (1279,)}, "`input_shape` must be at least 1280 samples long at 8000 per second"),
        ({"num_mel_bins": 0}, "`num_mel_bins` must be a positive integer"),
        ({"time_mask": 1.0}, "`time_mask` must be a finite number"),
        ({"frequency_mask": -0.1}, "`frequency_mask` must be a finite number"),
        ({"num_masks": 0}, "`num_masks` must be a positive integer"),
        ({"dropout": 1.0}, "`dropout` must be a finite number"),
        ({"normalization": "layer"}, "`normalization` must be a keras.Layer"),
        ({"seed": 0.5}, "`seed` must be an integer or None"),
        ({"class_names": ["a"]}, "`class_names` must be None or 2 distinct strings"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        KeywordCNN(**{"num_classes": 2, **arguments})
