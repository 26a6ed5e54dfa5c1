"""Reads and writes presets, and reads single files, on the Hugging Face Hub: "hf://USER/REPO[@REVISION]".

What is downloaded is read like a folder of unknown origin: sizes and sha256 are checked, and no code is run.
"""

import functools
import re
import zipfile
from pathlib import Path

from keras_cnn_zoo.presets.manifest import CARD, MANIFEST, SPLITS, WEIGHTS, fail, shown
from keras_cnn_zoo.presets.sources import HUB, downloads
from keras_cnn_zoo.utils.console import say

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_SPEC = re.compile(rf"{HUB}(?P<repo>{_NAME}/{_NAME})(@(?P<revision>[A-Za-z0-9][A-Za-z0-9._/-]{{0,199}}))?")


def folder(label, spec, weights=None):
    """Returns the path of the files of a preset, downloaded if they are new or changed.

    Args:
        label: the spec in messages.
        spec: "hf://USER/REPO", with "@REVISION" for a branch, tag, or commit.
        weights: path of the preset's folder or `.zip` file, or of its `model.weights.h5` in the folder, which
            replaces the download; or None.

    Raises:
        InputError: for another spelling, without the package huggingface_hub, or if there is no such preset.
    """
    repository, revision = _parts(label, spec)
    if weights is None:
        return _folder(label, repository, revision)
    path = Path(weights).expanduser()
    if not path.exists():
        fail(label, f"{path} does not exist")
    path = path.parent if path.name in (MANIFEST, WEIGHTS) else path
    if not ((path / MANIFEST).is_file() or zipfile.is_zipfile(path)):
        fail(
            label,
            "`weights` must be the folder or .zip file of a preset, or its model.weights.h5 next to its "
            f"preset.json. Received: {weights}",
        )
    return path


# A run asks for the facts, the splits, and the weights of a preset: one download for all.
@functools.lru_cache(maxsize=16)
def _folder(label, repository, revision):
    package = _package(label)
    # Plain files, because a preset must not have links, of which the hub's own cache consists.
    path = downloads.folder() / "hub" / repository / (revision or "main").replace("/", "_")
    try:
        package.snapshot_download(
            repository,
            revision=revision,
            allow_patterns=[MANIFEST, WEIGHTS, CARD, SPLITS],
            local_dir=str(path),
        )
    # Errors of a network have several unrelated classes.
    except Exception as error:
        # Without an answer, what was downloaded before is used. Its sha256 is checked as always.
        if getattr(error, "response", None) is not None or not (path / MANIFEST).is_file():
            fail(label, f"it could not be downloaded ({_reason(error)})", error)
        say(f"{label} could not be asked for ({_reason(error)}): using what was downloaded before")
    if not (path / MANIFEST).is_file():
        fail(label, f"the repository {repository} has no {MANIFEST}, so it is not a preset of this package")
    return path


def file(label, repository, name):
    """Returns the path of one file of a repository, downloaded once.

    Raises:
        InputError: without the package huggingface_hub, or if the download fails.
    """
    package = _package(label)
    try:
        return package.hf_hub_download(repository, name)
    except Exception as error:
        fail(
            label,
            f"{name} of {repository} could not be downloaded ({_reason(error)}){downloads.OTHERWISE}",
            error,
        )


def check_target(label, spec, overwrite):
    """Refuses to push to a repository that has a preset already, unless `overwrite`."""
    repository, revision = _parts(label, spec)
    package = _package(label)
    try:
        taken = package.file_exists(repository, MANIFEST, revision=revision)
    except Exception as error:
        fail(label, f"the repository could not be asked for its files ({_reason(error)})", error)
    if taken and not overwrite:
        fail(label, "already exists; pass overwrite=True to replace it")


def push(label, spec, path):
    """Uploads the files of a preset folder in one commit. The repository is made if it does not exist."""
    repository, revision = _parts(label, spec)
    package = _package(label)
    try:
        package.create_repo(repository, exist_ok=True)
        package.upload_folder(
            repo_id=repository,
            folder_path=str(path),
            revision=revision,
            commit_message="Preset of keras_cnn_zoo",
            # Splits of an earlier preset do not belong to this one.
            delete_patterns=[SPLITS],
        )
    except Exception as error:
        fail(label, f"no preset was uploaded ({_reason(error)})", error)
    _folder.cache_clear()


def _parts(label, spec):
    found = _SPEC.fullmatch(spec)
    if found is None:
        fail(label, f"must be hf://USER/REPO or hf://USER/REPO@REVISION. Received: {shown(spec)}")
    return found["repo"], found["revision"]


def _package(label):
    try:
        import huggingface_hub
    except ImportError as error:
        fail(label, 'this needs the package huggingface_hub: pip install "keras-cnn-zoo[hub]"', error)
    return huggingface_hub


def _reason(error):
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
