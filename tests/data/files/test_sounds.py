import concurrent.futures

import numpy as np
import pytest

from keras_cnn_zoo.data.files import sound_containers, sounds
from keras_cnn_zoo.utils.errors import InputError
from tests.data import wav_files
from tests.data.wav_files import FLOAT, PCM, tone, write

soundfile = pytest.importorskip("soundfile")


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(
    "bits, kind, error",
    [
        (8, PCM, 2**-8),
        (16, PCM, 2**-16),
        (24, PCM, 2**-24),
        (32, PCM, 2**-24),
        (32, FLOAT, 1e-7),
        (64, FLOAT, 1e-7),
    ],
)
def test_every_width_and_format(tmp_path, bits, kind, error, extensible):
    path = write(tmp_path / "a.wav", tone(401), rate=11025, bits=bits, kind=kind, extensible=extensible)
    audio, rate = sounds.decode(path)
    assert audio.dtype == np.float32 and audio.shape == (401,)
    assert rate == 11025 and type(rate) is int
    np.testing.assert_allclose(audio, tone(401)[:, 0], atol=1.01 * error)


def test_full_scale_is_one(tmp_path):
    for bits in (8, 16, 24, 32):
        audio, _ = sounds.decode(write(tmp_path / "a.wav", np.array([[-1.0], [0.0], [0.5]]), bits=bits))
        np.testing.assert_allclose(audio, [-1.0, 0.0, 0.5], atol=1e-7)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(tmp_path, channels):
    audio = tone(channels=channels) * np.linspace(0, 1, channels)
    found, _ = sounds.decode(write(tmp_path / "a.wav", audio, bits=24))
    np.testing.assert_allclose(found, audio.mean(1), atol=1e-6)


def test_floats_beyond_full_scale_are_scaled_down(tmp_path):
    found, _ = sounds.decode(write(tmp_path / "a.wav", 4 * tone(peak=1.0), bits=32, kind=FLOAT))
    np.testing.assert_allclose(found, tone(peak=1.0)[:, 0] / tone(peak=1.0).max(), atol=1e-6)


def test_unknown_chunks_are_ignored_without_a_warning(tmp_path):
    extra = ((b"bext", b"abc"), (b"LIST", b"INFOISFT"), (b"id3 ", b"\0" * 10))
    found, _ = sounds.decode(write(tmp_path / "a.wav", extra=extra))
    np.testing.assert_allclose(found, tone()[:, 0], atol=1e-4)


def test_bytes_after_the_samples_are_ignored(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_files.content(tone()) + b"cue \xff\xff\xff")
    assert len(sounds.decode(tmp_path / "a.wav")[0]) == 400


def test_an_unknown_size_means_up_to_the_end(tmp_path):
    # As from a pipe. The last frame may be incomplete.
    path = write(tmp_path / "a.wav", size=0xFFFFFFFF)
    path.write_bytes(path.read_bytes()[:-1])
    assert len(sounds.decode(path)[0]) == 399


def test_threads_read_in_parallel(tmp_path):
    paths = [write(tmp_path / f"{i}.wav", tone(hertz=100 + i), bits=24) for i in range(40)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(sounds.decode, paths))
    for i, (audio, _) in enumerate(found):
        np.testing.assert_allclose(audio, tone(hertz=100 + i)[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: b"", r"bad\.wav is empty \(0 bytes\)"),
        (lambda: b"ID3\x03 and then an MP3", r"bad\.wav is not a WAV file: it begins with b'ID3"),
        (lambda: b"RIFF\0\0\0\0AVI LIST", r"bad\.wav is not a WAV file"),
        (
            lambda: wav_files.content(tone())[:300],
            r"bad\.wav is truncated: it must have 800 bytes of samples, has 256",
        ),
        (
            lambda: wav_files.content(tone())[:36],
            r"bad\.wav is truncated or not a WAV file: it has no samples",
        ),
        (
            lambda: wav_files.content(tone())[:30],
            r"bad\.wav is truncated: it must have 16 bytes of format, has 10",
        ),
        (
            lambda: wav_files.content(tone())[:12],
            r"bad\.wav is truncated or not a WAV file: it has no format",
        ),
        (lambda: wav_files.content(np.zeros((0, 1))), r"bad\.wav has no samples"),
        (
            lambda: wav_files.content(tone(), kind=7, bits=16),
            r"cannot read .*bad\.wav: Unknown wave file format: MULAW",
        ),
        (lambda: wav_files.content(tone(), rate=0), r"bad\.wav"),
        (lambda: wav_files.content(np.zeros((50, 2))), r"bad\.wav is silent: all its 50 samples are 0"),
        (lambda: wav_files.content(np.zeros((50, 1)), bits=8), r"bad\.wav is silent"),
        (
            lambda: wav_files.content(np.array([[0.0], [np.nan], [0.5]]), bits=32, kind=FLOAT),
            r"bad\.wav must have finite samples. Received: nan at sample 1",
        ),
        (
            lambda: wav_files.content(np.array([[0.0], [0.5], [-np.inf]]), bits=64, kind=FLOAT),
            r"bad\.wav must have finite samples. Received: -inf at sample 2",
        ),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, make, message):
    (tmp_path / "bad.wav").write_bytes(make())
    with pytest.raises(InputError, match=message) as caught:
        sounds.decode(tmp_path / "bad.wav")
    assert "\n" not in str(caught.value)


def test_absent_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent\.wav: No such file"):
        sounds.decode(tmp_path / "absent.wav")
    with pytest.raises(InputError, match="cannot read .*: Is a directory"):
        sounds.decode(tmp_path)


def test_any_byte_changed_reads_or_is_refused_in_one_line(tmp_path):
    good = wav_files.content(tone(20), extra=((b"LIST", b"abcd"),))
    path = tmp_path / "a.wav"
    for position in range(len(good) - 38):
        for value in (0, 1, 127, 255):
            path.write_bytes(good[:position] + bytes([value]) + good[position + 1 :])
            try:
                audio, rate = sounds.decode(path)
            except InputError as error:
                assert "a.wav" in str(error) and "\n" not in str(error)
            else:
                assert np.isfinite(audio).all() and np.abs(audio).max() <= 1 and rate > 0


COMPRESSED = (
    ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"),
    ("opus", "OGG", "OPUS"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
)


def compressed(path, kind, subtype, samples=16000, rate=16000, channels=1):
    """Writes a noisy tone through libsndfile and returns it, float64 (samples, channels)."""
    noise = np.random.default_rng(0).normal(scale=0.02, size=(samples, channels))
    audio = tone(samples, channels, rate) + noise
    soundfile.write(path, audio, rate, format=kind, subtype=subtype)
    return audio


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix, kind, subtype", COMPRESSED)
def test_compressed_sounds_are_decoded(tmp_path, suffix, kind, subtype, channels):
    path = tmp_path / f"a.{suffix.upper()}"
    audio = compressed(path, kind, subtype, channels=channels).mean(axis=1)
    assert sounds.is_sound(path.name)
    found, rate = sounds.decode(path)
    assert found.dtype == np.float32 and found.shape == (16000,) and rate == 16000
    if kind == "FLAC":
        np.testing.assert_allclose(found, audio, atol=2**-15)
    else:
        assert np.corrcoef(found, audio)[0, 1] > 0.98
    assert sounds.inspect(path) == 16000 * channels * 4


@pytest.mark.parametrize("suffix, kind, subtype", COMPRESSED)
def test_a_compressed_sound_that_is_cut_anywhere_is_refused(tmp_path, suffix, kind, subtype):
    path = tmp_path / f"a.{suffix}"
    compressed(path, kind, subtype)
    content = path.read_bytes()
    for share in (0.02, 0.25, 0.5, 0.75, 0.99):
        path.write_bytes(content[: int(len(content) * share)])
        for use in (sounds.decode, sounds.inspect):
            with pytest.raises(InputError, match=rf"a\.{suffix}") as caught:
                use(path)
            assert "\n" not in str(caught.value)


def test_an_mp3_cut_between_frames_is_refused_and_one_without_a_count_is_read(tmp_path):
    path = tmp_path / "a.mp3"
    compressed(path, "MP3", "MPEG_LAYER_III")
    content, starts, position = path.read_bytes(), [], 0
    while position < len(content):
        starts.append(position)
        position += sound_containers._frame_size(content, position)
    path.write_bytes(content[: starts[-3]])
    with pytest.raises(InputError, match=r"a\.mp3 is truncated: it must have \d+ frames, has"):
        sounds.decode(path)
    # The first frame holds the count, without which libsndfile guesses it from the first frames.
    path.write_bytes(content[starts[1] :])
    assert abs(len(sounds.decode(path)[0]) - 16000) < 2500


@pytest.mark.parametrize("rate, channels", [(16000, 1), (44100, 2), (8000, 2), (44100, 1)])
def test_joined_mp3_files_are_read_to_the_end(tmp_path, rate, channels):
    path = tmp_path / "a.mp3"
    compressed(path, "MP3", "MPEG_LAYER_III", rate=rate, channels=channels)
    path.write_bytes(3 * path.read_bytes())
    found, found_rate = sounds.decode(path)
    assert found_rate == rate and abs(len(found) - 48000) < 10_000 and np.abs(found[-8000:-4000]).max() > 0.3


def test_tags_before_and_after_an_mp3_are_ignored(tmp_path):
    path = tmp_path / "a.mp3"
    compressed(path, "MP3", "MPEG_LAYER_III")
    tag = b"ID3\x04\0\0\0\0\x01\x00" + b"x" * 128
    path.write_bytes(tag + path.read_bytes() + b"TAG" + bytes(125))
    assert len(sounds.decode(path)[0]) == 16000


def test_a_sound_is_recognized_by_its_bytes(tmp_path):
    compressed(tmp_path / "a.wav", "FLAC", "PCM_16")
    assert len(sounds.decode(tmp_path / "a.wav")[0]) == 16000
    (tmp_path / "a.ogg").write_bytes(wav_files.content(tone()))
    assert len(sounds.decode(tmp_path / "a.ogg")[0]) == 400
    (tmp_path / "a.mp3").write_bytes(b"no sound at all")
    with pytest.raises(InputError, match=r"a\.mp3 is not a MP3 file: it begins with b'no s'"):
        sounds.decode(tmp_path / "a.mp3")


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"])
def test_compressed_wav_files_are_decoded(tmp_path, subtype):
    audio = compressed(tmp_path / "a.wav", "WAV", subtype)[:, 0]
    found, _ = sounds.decode(tmp_path / "a.wav")
    assert np.corrcoef(found[:16000], audio)[0, 1] > 0.98


@pytest.mark.parametrize("suffix, kind, subtype", COMPRESSED)
def test_a_damaged_header_reads_or_is_refused_in_one_line(tmp_path, suffix, kind, subtype):
    path = tmp_path / f"a.{suffix}"
    compressed(path, kind, subtype, samples=3000)
    good = path.read_bytes()
    for position in range(0, min(len(good), 120)):
        for value in (0, 127, 255):
            path.write_bytes(good[:position] + bytes([value]) + good[position + 1 :])
            try:
                audio, rate = sounds.decode(path)
            except InputError as error:
                assert path.name in str(error) and "\n" not in str(error)
            else:
                assert np.isfinite(audio).all() and np.abs(audio).max() <= 1 and rate > 0
