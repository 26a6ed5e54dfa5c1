"""Files that are either the old or the new one, whatever happens while they are written."""

import contextlib
import os


@contextlib.contextmanager
def atomic_path(path):
    """Yields a temporary path next to `path`, which replaces `path` in one step when the block succeeds.

    A full disk or a kill leaves what stood at `path` untouched.
    """
    temporary = f"{path}.{os.getpid()}.partial"
    # Keras decides by the ending what it writes.
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
