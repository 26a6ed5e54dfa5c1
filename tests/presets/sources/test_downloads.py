"""Downloads, with a replacement of the network."""

import hashlib
import io
import urllib.error

import pytest

from keras_cnn_zoo.presets.sources import downloads
from keras_cnn_zoo.utils.errors import InputError

URL = "https://example.org/models/weights-12345678.pth"
CONTENT = b"weights" * 1000
DIGITS = hashlib.sha256(CONTENT).hexdigest()[:8]


class Cut(io.BytesIO):
    """An answer that ends with an error, after its first bytes."""

    def read(self, size=-1):
        if self.tell():
            raise ConnectionResetError("cut off")
        return super().read(10)


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """Returns a function that sets what the network answers. The cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def set_to(make):
        monkeypatch.setattr(downloads.urllib.request, "urlopen", lambda url, timeout: make())

    return set_to


def cached():
    return sorted(path.name for path in downloads.folder().iterdir())


def test_a_file_is_downloaded_once(answers):
    answers(lambda: io.BytesIO(CONTENT))
    path = downloads.fetch("'x'", URL, DIGITS)
    assert cached() == ["weights-12345678.pth"]
    answers(lambda: pytest.fail("a second download"))
    assert downloads.fetch("'x'", URL, DIGITS) == path
    with open(path, "rb") as file:
        assert file.read() == CONTENT


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Cut(CONTENT), "the download of https://.* failed .cut off.; .*`weights`"),
        (lambda: io.BytesIO(CONTENT[:-1]), f"gave another file: its sha256 must begin with {DIGITS}"),
        (lambda: io.BytesIO(b"<html>"), "gave another file"),
    ],
    ids=["cut off", "truncated", "another file"],
)
def test_after_a_failure_the_cache_is_empty(answers, make, match):
    answers(make)
    with pytest.raises(InputError, match=match) as caught:
        downloads.fetch("'x'", URL, DIGITS)
    assert "\n" not in str(caught.value) and cached() == []


def test_without_a_network_the_way_out_is_named(answers):
    def fails():
        raise urllib.error.URLError("no route to host")

    answers(fails)
    with pytest.raises(InputError, match="no route to host.*`weights`"):
        downloads.fetch("'x'", URL, DIGITS)
