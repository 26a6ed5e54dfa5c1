import concurrent.futures

import numpy as np
import pytest

from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.utils.errors import InputError
from tests.data import wav_files
from tests.data.wav_files import FLOAT, PCM, tone, write

pytest.importorskip("scipy")


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
