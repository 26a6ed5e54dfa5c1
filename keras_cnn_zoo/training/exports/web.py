"""A folder for a browser: the ONNX file, one static page, and onnxruntime-web."""

import base64
import hashlib
import importlib.resources
import json
import os
import shutil
import subprocess
import tarfile
import tempfile

from keras_cnn_zoo.utils.errors import InputError

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
NETWORK = "model.onnx"
# Tasks whose answers the page can show.
TASKS = ("classification", "detection", "segmentation", "speech", "text")
# The two files of the package that the page loads, and the hashes that it checks.
_FILES = {
    "module": (
        "ort.wasm.bundle.min.mjs",
        "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG",
    ),
    "wasm": (
        "ort-wasm-simd-threaded.wasm",
        "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
    ),
}
_CDN = f"https://cdn.jsdelivr.net/npm/{PACKAGE}@{VERSION}/dist/"
_FOLDER = "runtime"
_PAGE = ("index.html", "page.js", "network.js", "inputs.js", "answers.js")


def check_task(name):
    """Raises an `InputError` for a task whose answers the page cannot show."""
    if name not in TASKS:
        raise InputError(f"`format` web has a page for {', '.join(TASKS)}. Received: {name}")


def runtime(web_runtime):
    """Returns the contents of the runtime's files as a dict from name to bytes; empty for a CDN address.

    Args:
        web_runtime: "npm" to fetch the package with the program npm, the path of the package's file (.tgz) to
            read it, or "cdn" for a page that loads it from a content delivery network.

    Raises:
        InputError: if npm is missing or fails, and for a file that is not that version of the package.
    """
    if web_runtime == "cdn":
        return {}
    if web_runtime != "npm":
        return _unpacked(os.fspath(web_runtime))
    program = shutil.which("npm")
    if program is None:
        raise InputError(
            "`web_runtime` npm needs the program npm. Other values: cdn, or the path of "
            f"{PACKAGE}-{VERSION}.tgz"
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "pack", f"{PACKAGE}@{VERSION}"]
        quiet = {**os.environ, "npm_config_loglevel": "error"}
        # npm writes the package into the current folder.
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=quiet)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[:1]
            raise InputError(f"`web_runtime` npm: {' '.join(reason) or 'npm failed'}. Another value: cdn")
        return _unpacked(os.path.join(folder, f"{PACKAGE}-{VERSION}.tgz"))


def _unpacked(path):
    """Returns the files of the package at `path`, whose hashes are checked."""
    found = {}
    try:
        with tarfile.open(path) as archive:
            for name, _ in _FILES.values():
                found[name] = archive.extractfile(f"package/dist/{name}").read()
    except (OSError, KeyError, tarfile.TarError) as error:
        raise InputError(
            f"`web_runtime` must be npm, cdn, or the path of {PACKAGE}-{VERSION}.tgz. "
            f"Received: {path!r} ({error})"
        ) from error
    for name, expected in _FILES.values():
        if integrity(found[name]) != expected:
            raise InputError(f"`web_runtime` {path}: {name} is not that of {PACKAGE} {VERSION}")
    return found


def integrity(content):
    """Returns the hash of bytes in the form that browsers check."""
    return f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"


def write_page(folder, contents):
    """Writes the page and the runtime next to the network.

    Args:
        folder: the folder with the network.
        contents: what `runtime` returns.
    """
    pages = importlib.resources.files("keras_cnn_zoo.training.exports") / "page"
    for name in _PAGE:
        with open(os.path.join(folder, name), "wb") as file:
            file.write((pages / name).read_bytes())
    if contents:
        os.mkdir(os.path.join(folder, _FOLDER))
    for name, content in contents.items():
        with open(os.path.join(folder, _FOLDER, name), "wb") as file:
            file.write(content)
    described = {"package": PACKAGE, "version": VERSION, "base": f"{_FOLDER}/" if contents else _CDN}
    for part, (name, expected) in _FILES.items():
        described[part] = {"name": name, "integrity": expected}
    with open(os.path.join(folder, "runtime.json"), "w", encoding="utf-8") as file:
        json.dump(described, file, indent=1)
        file.write("\n")
