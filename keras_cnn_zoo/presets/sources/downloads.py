"""Downloads a file into a cache in which a file is whole or absent."""

import hashlib
import http.client
import os
import secrets
import urllib.error
import urllib.request
from pathlib import Path

from keras_cnn_zoo.presets.manifest import fail

TIMEOUT = 30  # seconds without an answer
_PIECE = 2**20
# The end of a message about a failed download.
OTHERWISE = "; without a network, download the file elsewhere and give its path as `weights`"


def folder():
    """Returns the folder of downloaded files: in `XDG_CACHE_HOME` if it is set, else in `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras_cnn_zoo"


def fetch(label, url, sha256):
    """Returns the path of the file at a URL, which is downloaded once.

    It is written under another name, and gets its name after its sha256 was checked.

    Args:
        label: the spec in messages.
        url: the address. Its last part is the file's name.
        sha256: the first digits of its sha256.

    Raises:
        InputError: if the download fails, or gives another file.
    """
    path = folder() / url.rsplit("/", 1)[1]
    if path.is_file():
        return str(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, open(part, "xb") as file:
            while piece := answer.read(_PIECE):
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if not digest.hexdigest().startswith(sha256):
            fail(label, f"{url} gave another file: its sha256 must begin with {sha256}")
        os.replace(part, path)
    except (OSError, http.client.HTTPException) as error:
        fail(
            label,
            f"the download of {url} failed ({getattr(error, 'reason', None) or error}){OTHERWISE}",
            error,
        )
    finally:
        part.unlink(missing_ok=True)
    return str(path)
