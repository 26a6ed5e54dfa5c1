"""Saving a preset: all or nothing, even after an error or a kill."""

import errno
import os
import resource
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.presets import storage
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import scrambled, small_lenet, snapshot

TARGETS = ["folder", "file.zip"]


@pytest.fixture(params=TARGETS)
def old(request, tmp_path):
    """Returns the path of a saved preset, alone in its folder."""
    path = tmp_path / "alone" / request.param
    small_lenet().save_to_preset(path)
    return path


def save_another(path):
    scrambled(model := small_lenet(), seed=1)
    model.save_to_preset(path, overwrite=True)
    return model


def test_overwriting_replaces_everything_and_leaves_no_other_files(old):
    before = snapshot(old)
    model = save_another(old)
    assert snapshot(old) != before
    bias = models.from_preset(old).get_layer("logits").get_weights()[1]
    np.testing.assert_array_equal(bias, model.get_layer("logits").get_weights()[1])
    assert os.listdir(old.parent) == [old.name]


def test_an_existing_target_is_refused(old):
    before = snapshot(old)
    with pytest.raises(InputError, match="already exists; pass overwrite=True to replace it"):
        small_lenet().save_to_preset(old)
    assert snapshot(old) == before


def fail_at(monkeypatch, module, name, nth):
    """Makes the `nth` call of `module.name` fail with a full disk. Returns the list of calls so far."""
    calls, original = [], getattr(module, name)

    def called(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) == nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments, **keywords)

    monkeypatch.setattr(module, name, called)
    return calls


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_full_disk_leaves_the_old_preset_unchanged(old, nth, monkeypatch):
    if old.suffix == ".zip" and nth > 1:
        nth = 1
    before = snapshot(old)
    with monkeypatch.context() as patch:
        fail_at(patch, os, "fsync", nth)
        with pytest.raises(
            InputError, match="No space left on device\\); the old preset is unchanged"
        ) as caught:
            save_another(old)
    assert "\n" not in str(caught.value) and isinstance(caught.value.__cause__, OSError)
    assert snapshot(old) == before
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.parametrize("nth", [1, 2])
def test_renames_that_fail_are_undone(old, nth, monkeypatch):
    """Without an exchange, there are two renames for a folder and one for a file."""
    before = snapshot(old)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "_exchange", lambda one, other: False)
        fail_at(patch, os, "replace", 1 if old.suffix == ".zip" else nth)
        with pytest.raises(InputError, match="the old preset is unchanged"):
            save_another(old)
    assert snapshot(old) == before
    assert os.listdir(old.parent) == [old.name]


def test_overwriting_works_without_an_exchange(old, monkeypatch):
    monkeypatch.setattr(storage, "_exchange", lambda one, other: False)
    save_another(old)
    models.from_preset(old)
    assert os.listdir(old.parent) == [old.name]


def test_a_first_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    for name in TARGETS:
        with monkeypatch.context() as patch:
            fail_at(patch, os, "fsync", 1)
            with pytest.raises(InputError, match="nothing was saved"):
                small_lenet().save_to_preset(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_real_write_error_is_one_line(old, capfd):
    """The system refuses to write past 1,000 bytes: one line, and no output from HDF5."""
    before, limits = snapshot(old), resource.getrlimit(resource.RLIMIT_FSIZE)
    model = small_lenet()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(InputError, match="could not be written \\(File too large\\)"):
            model.save_to_preset(old, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert snapshot(old) == before
    assert "HDF5" not in capfd.readouterr().err


KILLS = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from keras_cnn_zoo.presets import storage
    from keras_cnn_zoo.presets.manifest import dump

    def contents(word):
        files = {"model.weights.h5": word * 1000, "README.md": word}
        empty = dict.fromkeys(("config", "preprocessing", "metrics", "training"), {})
        records = {name: storage.record(each) for name, each in files.items()}
        named = {"format_version": 1, "class": "LeNet5", "summary": "", "class_names": None, "files": records}
        return {"preset.json": dump({**empty, **named}), **files}

    def word_at(path):
        return storage.read("p", path)[1]["README.md"]

    folder, exchange = Path(sys.argv[1]), sys.argv[2] == "exchange"
    if not exchange:
        storage._exchange = lambda one, other: False
    for name in ("folder", "file.zip"):
        path, kills, outcomes = folder / name, 0, []
        while True:
            storage.write("p", path, contents(b"old"), overwrite=path.exists())
            kills += 1
            child = os.fork()
            if not child:
                events = 0

                def step(*_):
                    global events
                    events += 1
                    if events == kills:
                        os.kill(os.getpid(), signal.SIGKILL)

                fsync = os.fsync
                os.fsync = lambda descriptor: (step(), fsync(descriptor), step())
                watched = ("open", "os.", "ctypes")
                sys.addaudithook(lambda event, _: step() if event.startswith(watched) else None)
                storage.write("p", path, contents(b"new"), overwrite=True)
                os._exit(0)
            killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
            if path.exists() or exchange:
                outcomes.append(word_at(path).decode())
            else:
                aside = list(folder.glob(f"{name}.previous-*"))
                assert len(aside) == 1 and word_at(aside[0]) == b"old", aside
                outcomes.append("aside")
            for rest in folder.iterdir():
                if rest != path:
                    storage.shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
            if not killed:
                break
        print(name, kills, *outcomes)
    """
)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_preset(way, tmp_path):
    """Kills a process at each step, and then reads the preset with all checks."""
    if way == "exchange" and sys.platform != "linux":
        pytest.skip("renameat2 is Linux'")
    environment = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path), way], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    folder, file = (line.split() for line in done.stdout.splitlines())
    for name, steps, *outcomes in (folder, file):
        assert int(steps) >= 5 and len(outcomes) == int(steps)
        assert outcomes[0] == "old" and outcomes[-1] == "new"
        allowed = {"old", "new"} | ({"aside"} if way == "two renames" and name == "folder" else set())
        assert set(outcomes) <= allowed
        # The steps have a fixed order: once the preset is new, it stays new.
        assert outcomes == sorted(outcomes, key=["old", "aside", "new"].index)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 65520.0, -1e30])
def test_values_that_half_precision_cannot_hold_are_refused(value, tmp_path):
    model = small_lenet()
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[3, 1] = value
    model.get_layer("hidden").set_weights([kernel, bias])
    wanted = (
        "does not fit float16 .* Received: a value of" if np.isfinite(value) else "must have finite values"
    )
    with pytest.raises(InputError, match=f"layer 'hidden', variable 0 {wanted}"):
        model.save_to_preset(tmp_path / "p")
    assert os.listdir(tmp_path) == []
    if np.isfinite(value):
        presets.save(model, tmp_path / "p", precision="float32")
        assert models.from_preset(tmp_path / "p").get_layer("hidden").get_weights()[0][3, 1] == np.float32(
            value
        )


def test_large_vectors_keep_single_precision(tmp_path):
    model = small_lenet()
    kernel, bias = model.get_layer("hidden").get_weights()
    model.get_layer("hidden").set_weights([kernel, bias + 1e6])
    model.save_to_preset(tmp_path / "p")
    np.testing.assert_array_equal(
        models.from_preset(tmp_path / "p").get_layer("hidden").get_weights()[1], bias + 1e6
    )


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    model = small_lenet()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("years")
    with pytest.raises(InputError, match="has other files than a preset.* Received: \\['thesis.tex'\\]"):
        model.save_to_preset(tmp_path / "work", overwrite=True)
    model.save_to_preset(tmp_path / "p")
    (tmp_path / "p" / "thesis.tex").write_text("years")
    with pytest.raises(InputError, match="has other files than a preset.* Received: \\['thesis.tex'\\]"):
        model.save_to_preset(tmp_path / "p", overwrite=True)
    (tmp_path / "plain").write_text("x")
    with pytest.raises(InputError, match="is not a folder"):
        model.save_to_preset(tmp_path / "plain", overwrite=True)
    (tmp_path / "d.zip").mkdir()
    with pytest.raises(InputError, match="is not a file"):
        model.save_to_preset(tmp_path / "d.zip", overwrite=True)


def test_missing_parents_are_created_and_blocking_files_reported(tmp_path):
    model = small_lenet()
    model.save_to_preset(tmp_path / "a" / "b" / "p")
    (tmp_path / "plain").write_text("x")
    with pytest.raises(InputError, match="could not be written"):
        model.save_to_preset(tmp_path / "plain" / "p")


def test_file_modes_follow_the_umask(tmp_path):
    umask = os.umask(0o022)
    try:
        small_lenet().save_to_preset(tmp_path / "p")
    finally:
        os.umask(umask)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [tmp_path / "p", *(tmp_path / "p").iterdir()]}
    assert modes.pop("p") == 0o755
    assert set(modes.values()) == {0o644}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": ""}, "The `path` of a preset must be a string or path. Received: ''"),
        ({"path": 3}, "The `path` of a preset must be a string or path. Received: 3"),
        (
            {"precision": "int8"},
            "`precision` must be one of 'float16', 'float32'. Received: precision='int8'",
        ),
        ({"overwrite": 1}, "`overwrite` must be True or False"),
        ({"model": keras.Sequential}, "`model` must be a keras_cnn_zoo model"),
    ],
)
def test_bad_arguments(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        presets.save(**{"model": small_lenet(), "path": tmp_path / "p", **arguments})


def test_a_config_that_could_not_be_loaded_is_not_saved(tmp_path):
    for activation in (keras.layers.Identity(name="a>b"), keras.layers.CategoryEncoding(num_tokens=3)):
        model = small_lenet(activation=activation)
        with pytest.raises(InputError, match="registered object|in the allowed list"):
            model.save_to_preset(tmp_path / "p")
    assert os.listdir(tmp_path) == []
