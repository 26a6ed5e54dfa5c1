"""Atomic writing of files: an interrupted write keeps the old file."""

import contextlib
import os


@contextlib.contextmanager
def atomic_path(path):
    """Yields a temporary path next to `path`, which replaces `path` in one step when the block succeeds.

    A full disk or a kill does not change the file at `path`.
    """
    temporary = f"{path}.{os.getpid()}.partial"
    # Keras chooses the format by the suffix.
    suffix = "".join(part for part in (".weights.h5", ".keras") if str(path).endswith(part))
    temporary += suffix
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def write_text(path, text):
    """Writes a small text file atomically."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
