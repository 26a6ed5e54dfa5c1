import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.speech.spectrogram import DYNAMIC_RANGE, MelDecibels, SpectrogramMasks
from keras_cnn_zoo.testing.draws import fixed_draws


def clips(count=2, length=4000, seed=0):
    return np.random.default_rng(seed).normal(size=(count, length)).astype("float32")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def test_each_clip_equals_keras_melspectrogram_to_1e_4():
    speech = clips() * np.linspace(0.01, 1, 4000, dtype="float32")
    peer = keras.layers.MelSpectrogram(
        fft_length=256,
        sequence_length=200,
        sequence_stride=80,
        sampling_rate=8000,
        num_mel_bins=30,
        min_freq=60.0,
        max_freq=4000.0,
        top_db=DYNAMIC_RANGE,
    )
    found = numpy_of(MelDecibels(8000, 30)(speech))
    for clip, picture in zip(speech, found, strict=True):
        decibels = numpy_of(peer(clip[None] / np.abs(clip).max()))[0].T
        expected = 1 + 2 * (decibels - decibels.max()) / DYNAMIC_RANGE
        np.testing.assert_allclose(picture[..., 0], expected, atol=1e-4)


def test_neither_the_level_nor_the_neighbors_matter():
    layer = MelDecibels(8000, 20)
    one = clips(1)
    alone = numpy_of(layer(one))
    with_others = numpy_of(layer(np.concatenate([one, 300 * clips(1, seed=1)])))[:1]
    np.testing.assert_allclose(with_others, alone, atol=1e-5)
    for factor in (1e-6, 1e6):
        np.testing.assert_allclose(numpy_of(layer(one * np.float32(factor))), alone, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_only_rounds_the_result(policy):
    expected = numpy_of(MelDecibels(8000, 20)(clips()))
    found = MelDecibels(8000, 20, dtype=policy)(clips())
    assert keras.backend.standardize_dtype(found.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(numpy_of(found), expected, atol=0.004)


def test_silence_and_extremes_are_finite():
    hard = np.stack([np.zeros(800), np.full(800, 1e30), np.full(800, 1e-30)]).astype("float32")
    assert np.isfinite(numpy_of(MelDecibels(8000, 20)(hard))).all()


def masks(**settings):
    return SpectrogramMasks(**{"time": 0.4, "frequency": 0.25, "count": 1, "seed": 3, **settings})


def test_masks_are_ranges_of_whole_frames_and_bands():
    picture = clips(8, 40 * 16).reshape(8, 40, 16, 1)
    hidden = numpy_of(masks()(picture, training=True)) != picture
    for one, values in zip(hidden[..., 0], picture, strict=True):
        frames, bands = one.all(1), one.all(0)
        np.testing.assert_array_equal(one, frames[:, None] | bands[None])
        assert 0 <= frames.sum() <= 0.4 * 40 + 1 and 0 <= bands.sum() <= 0.25 * 16 + 1
        for line in (frames, bands):
            assert np.abs(np.diff(line.astype(int))).sum() <= 2
        shown = numpy_of(masks()(values[None], training=True))
        np.testing.assert_allclose(shown[shown != values[None]], values.mean(), atol=1e-5)
    assert hidden.any() and len({one.tobytes() for one in hidden}) > 4


def test_masks_cover_the_documented_share_on_average():
    # A uniform width in [0, share] covers share / 2 of an axis on average.
    picture = clips(400, 50 * 20).reshape(400, 50, 20, 1)
    frames = (numpy_of(masks(frequency=0.0)(picture, training=True)) != picture).all((2, 3))
    assert abs(frames.mean() - 0.2) < 0.02


def test_inference_masks_nothing():
    picture = clips(1, 160).reshape(1, 10, 16, 1)
    np.testing.assert_array_equal(numpy_of(masks()(picture)), picture)


def test_the_seed_fixes_the_masks():
    picture = clips(2, 640).reshape(2, 40, 16, 1)
    one, same, other = (numpy_of(masks(seed=seed)(picture, training=True)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_fixed_draws_give_the_expected_mask():
    picture = clips(1, 640).reshape(1, 40, 16, 1)
    with fixed_draws():
        first = numpy_of(masks()(picture, training=True))
    with fixed_draws():
        again = numpy_of(masks(seed=9)(picture, training=True))
    np.testing.assert_array_equal(first, again)
