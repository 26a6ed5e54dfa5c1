"""Reads and writes presets as a folder or a zip file. Writing is atomic; reading never leaves the preset."""

import contextlib
import ctypes
import hashlib
import io
import os
import secrets
import shutil
import stat
import sys
import zipfile
import zlib
from pathlib import Path

from keras_cnn_zoo.presets.manifest import CARD, MANIFEST, MANIFEST_LIMIT, SPLITS, WEIGHTS, fail, parse, shown

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# A zip file may unpack to this many bytes, or to this multiple of its size. Weights hardly compress.
_UNPACKED, _EXPANSION = 2**28, 16
# What `_zipped` writes, and what other programs write. The others could need far more memory than the file.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def record(content):
    """Returns the entry of `files` in the manifest for a file with these bytes."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def read(label, path):
    """Reads the manifest and files of the preset at `path`, and checks the sizes and sha256 of the files.

    Args:
        label: name of the preset in messages.
        path: a folder, or a zip file.

    Returns:
        The parsed manifest, and a dict of bytes by file name.
    """
    with _opened(label, Path(path)) as read_file:
        manifest = parse(label, read_file(MANIFEST, MANIFEST_LIMIT))
        contents = {}
        for name, expected in manifest["files"].items():
            content = read_file(name, expected["bytes"])
            found = record(content)
            if found["bytes"] != expected["bytes"]:
                fail(label, f"{name} must have {expected['bytes']} bytes. Received: {found['bytes']} bytes")
            if found["sha256"] != expected["sha256"]:
                fail(
                    label,
                    f"{name} is damaged or was changed: its sha256 must be {expected['sha256']}. "
                    f"Received: {found['sha256']}",
                )
            contents[name] = content
    return manifest, contents


def read_manifest(label, path):
    """Returns only the parsed manifest."""
    with _opened(label, Path(path)) as read_file:
        return parse(label, read_file(MANIFEST, MANIFEST_LIMIT))


def write(label, path, contents, overwrite=False):
    """Writes `contents` (bytes by file name) as a folder, or as one zip file if `path` ends in ".zip".

    Everything is written and synced to a new sibling, which then replaces the target in one step. After a
    full disk or a kill before that step, the old preset is unchanged.
    """
    path = Path(path).expanduser().resolve()
    check_target(label, path, overwrite)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            _write_file(fresh, _zipped(contents))
        else:
            fresh.mkdir()
            for name, content in contents.items():
                _write_file(fresh / name, content)
            _sync_folder(fresh)
        _put_in_place(fresh, path)
        _sync_folder(path.parent)
    except OSError as error:
        kept = "the old preset is unchanged" if path.exists() else "nothing was saved"
        fail(label, f"could not be written ({error.strerror or error}); {kept}", error)
    finally:
        # The incomplete new preset, or the old one after the swap. If it cannot be removed, it stays.
        if fresh.is_dir():
            shutil.rmtree(fresh, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)


def check_target(label, path, overwrite):
    """Refuses a target that exists, or that contains other files, which would be lost."""
    path = Path(path).expanduser().resolve()
    if not os.path.lexists(path):
        return
    if not overwrite:
        fail(label, "already exists; pass overwrite=True to replace it")
    if path.suffix == ".zip":
        if not path.is_file():
            fail(label, "is not a file, so it is not overwritten")
        return
    if not path.is_dir():
        fail(label, "is not a folder, so it is not overwritten")
    names = {entry.name for entry in path.iterdir()}
    others = sorted(names - {MANIFEST, WEIGHTS, CARD, SPLITS})
    if others or (names and MANIFEST not in names):
        fail(label, f"has other files than a preset, so it is not overwritten. Received: {shown(others)}")


def _write_file(path, content):
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path):
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(fresh, path):
    """Renames `fresh` to `path`. A rename cannot replace a folder with files, so folders are exchanged."""
    if not path.is_dir():
        os.replace(fresh, path)
        return
    if _exchange(fresh, path):
        return
    # Without an exchange (other systems, some network disks), a kill between these two renames leaves the old
    # preset under the name below.
    previous = path.with_name(f"{path.name}.previous-{secrets.token_hex(4)}")
    os.replace(path, previous)
    try:
        os.replace(fresh, path)
    except OSError:
        os.replace(previous, path)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _exchange(one, other):
    """Swaps two names in one step by Linux' renameat2. Returns False if that is not available."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    return rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)) == 0


def _zipped(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            # A fixed date, so that the same model gives the same file.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@contextlib.contextmanager
def _opened(label, path):
    """Yields a function `read_file(name, limit)` for the folder or zip file at `path`."""
    if path.is_dir():
        yield lambda name, limit: _from_folder(label, path, name, limit)
        return
    if not path.is_file():
        fail(label, "is neither a folder nor a file")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(label, archive, path.stat().st_size)
            yield lambda name, limit: _from_archive(label, archive, name, limit)
    # Names and positions of entries are not checked by Python before they are used.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
        OSError,
        UnicodeError,
        OverflowError,
    ) as error:
        fail(label, f"is not a readable zip file ({error})", error)


def _from_folder(label, folder, name, limit):
    path = folder / name
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError as error:
        fail(label, f"{name} is missing", error)
    if not stat.S_ISREG(kind):
        fail(label, f"{name} must be a regular file, because a link could point outside the preset")
    try:
        # O_NOFOLLOW, because the file may have been replaced by a link in the meantime.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            # Python makes room for all bytes that are asked for, also for a smaller file.
            content = file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)
    except OSError as error:
        fail(label, f"{name} cannot be read ({error.strerror})", error)
    return _within(label, name, content, limit)


def _from_archive(label, archive, name, limit):
    try:
        entry = archive.getinfo(name)
    except KeyError as error:
        fail(label, f"{name} is missing at the top of the zip file", error)
    with archive.open(entry) as file:
        return _within(label, name, file.read(limit + 1), limit)


def _within(label, name, content, limit):
    if len(content) > limit:
        fail(label, f"{name} must have at most {limit} bytes. Received: more")
    return content


def _check_entries(label, archive, size):
    limit = max(_UNPACKED, _EXPANSION * size)
    if sum(entry.file_size for entry in archive.infolist()) > limit:
        fail(label, f"the zip file must unpack to at most {limit} bytes. Received: more")
    seen = set()
    for entry in archive.infolist():
        name = entry.filename
        leaves = name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name
        if leaves or "\0" in entry.orig_filename or stat.S_ISLNK(entry.external_attr >> 16):
            fail(label, f"the zip file must not have a path or link to outside. Received: {shown(name)}")
        if entry.flag_bits & 1:
            fail(label, f"the zip file must not be encrypted. Received: {shown(name)}")
        if entry.compress_type not in _COMPRESSIONS:
            fail(label, f"the zip file must be stored or deflated. Received: {shown(name)}")
        if name in seen:
            fail(label, f"the zip file must not have a name twice. Received: {shown(name)}")
        seen.add(name)
