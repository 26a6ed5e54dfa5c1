"""A run records its splits, and everything made from it uses them again."""

import os
import shutil

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("matplotlib")
pytest.importorskip("typer")

from PIL import Image

from applications.publish import publish
from keras_cnn_zoo import data, presets, tasks
from keras_cnn_zoo.presets import bundled
from keras_cnn_zoo.training import old_runs, results
from keras_cnn_zoo.training.run_folder import RunFolder
from keras_cnn_zoo.training.validation import Keeper
from keras_cnn_zoo.utils.errors import InputError

COUNTS = {"cat": 14, "dog": 9, "owl": 5}


class Watched(tasks.Classification):
    """Remembers the splits of each call of `load`."""

    loaded = []

    def load(self, spec=None, **options):
        source = super().load(spec, **options)
        self.loaded.append({name: split.names for name, split in source.splits.items()})
        return source


TASK = Watched(augmentation=())


def write_images(folder, counts):
    for label, count in counts.items():
        os.makedirs(folder / label, exist_ok=True)
        for i in range(count):
            if not (folder / label / f"{i}.png").exists():
                pixels = np.random.default_rng((len(label), i)).integers(0, 255, (20, 20)).astype("uint8")
                Image.fromarray(pixels).save(folder / label / f"{i}.png")


def options(root, **changed):
    values = {"width": 0.1, "epochs": 1, "batch_size": 4, "seed": 7, "jit": "off", "out": str(root / "run")}
    return tasks.FitOptions(data=f"images:{root / 'data'}", **{**values, **changed})


def splits_of(root):
    """Returns the splits that a run recorded, as a dict of names."""
    found = {"train": [], "val": [], "test": []}
    for line in (root / "run" / "splits.tsv").read_text(encoding="utf-8").splitlines():
        split, name, size = line.split("\t")
        assert int(size) > 0
        found[split].append(name)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run on data without splits, never changed."""
    root = tmp_path_factory.mktemp("made")
    write_images(root / "data", COUNTS)
    tasks.fit(TASK, options(root))
    return root


@pytest.fixture
def root(made, tmp_path, monkeypatch):
    """A copy of it that a test may change, in the folder that the run knows."""
    shutil.move(made / "data", tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", made / "data")
    shutil.copytree(made / "run", tmp_path / "run")
    yield made
    for name, kept in (("data", tmp_path / "kept"), ("run", tmp_path / "run")):
        shutil.rmtree(made / name)
        shutil.move(kept, made / name)


def test_a_run_records_its_splits_as_a_split_file(made):
    recorded = splits_of(made)
    assert recorded == Watched.loaded[0]
    assert sorted(sum(recorded.values(), [])) == sorted(
        f"{k}/{i}.png" for k, n in COUNTS.items() for i in range(n)
    )
    source = data.load(
        f"images:{made / 'data'}", task="classification", split_file=str(made / "run" / "splits.tsv")
    )
    assert {name: split.names for name, split in source.splits.items()} == recorded


def test_evaluate_measures_the_recorded_splits_of_changed_data(root, capsys):
    recorded = splits_of(root)
    write_images(root / "data", {"cat": 30, "dog": 20, "owl": 20})
    os.remove(root / "data" / recorded["test"][0])
    for spec in (None, f"images:{root / 'data'}"):
        assert tasks.evaluate(TASK, run=str(root / "run"), data=spec)["examples"] == len(recorded["test"]) - 1
        assert Watched.loaded[-1] == {**recorded, "test": recorded["test"][1:]}
        printed = capsys.readouterr().err
        assert f"1 example of the run is missing: {recorded['test'][0]} (test)" in printed
        assert "42 examples are not in the run and are left out: " in printed


def test_evaluate_finds_the_splits_of_data_that_has_moved(root, tmp_path):
    recorded = splits_of(root)
    shutil.copytree(root / "data", tmp_path / "moved")
    write_images(tmp_path / "moved", {"cat": 20})
    tasks.evaluate(TASK, run=str(root / "run"), data=f"images:{tmp_path / 'moved'}")
    assert Watched.loaded[-1] == recorded
    # Data of the same names that is not that of the run.
    for folder in COUNTS:
        for path in (tmp_path / "moved" / folder).iterdir():
            Image.fromarray(np.zeros((30, 30), "uint8")).save(path)
    tasks.evaluate(TASK, run=str(root / "run"), data=f"images:{tmp_path / 'moved'}")
    assert sum(map(len, Watched.loaded[-1].values())) == sum(COUNTS.values()) + 6


def test_a_split_file_of_the_call_wins(root, tmp_path):
    recorded = splits_of(root)
    lines = [f"test\t{name}" for name in recorded["train"][:2]]
    lines += [f"train\t{name}" for name in recorded["train"][2:]] + [
        f"val\t{name}" for name in recorded["val"]
    ]
    (tmp_path / "s.tsv").write_text("\n".join(lines))
    tasks.evaluate(TASK, run=str(root / "run"), data_options={"split_file": str(tmp_path / "s.tsv")})
    assert Watched.loaded[-1]["test"] == recorded["train"][:2]


def test_resume_refuses_changed_training_data(root):
    recorded = splits_of(root)
    before = (root / "run" / "config.json").read_bytes()
    path = root / "data" / recorded["train"][1]
    Image.fromarray(np.zeros((20, 20), "uint8")).save(path)
    with pytest.raises(
        InputError, match=rf"training data of .* Received: 1 changed \({recorded['train'][1]}\)"
    ):
        tasks.fit(TASK, options(root, resume=True))
    os.remove(path)
    with pytest.raises(InputError, match=rf"splits.tsv. Received: 1 missing \({recorded['train'][1]}\)"):
        tasks.fit(TASK, options(root, resume=True))
    assert (root / "run" / "config.json").read_bytes() == before


def test_resume_reports_other_changes_and_measures_again(root, capsys, monkeypatch):
    recorded = splits_of(root)
    write_images(root / "data", {"cat": 20})
    os.remove(root / "data" / recorded["test"][0])
    monkeypatch.setattr(Keeper, "on_epoch_end", lambda *args, **kwargs: pytest.fail("trained again"))
    os.remove(root / "run" / "metrics.json")
    _, metrics = tasks.fit(TASK, options(root, resume=True))
    assert metrics == RunFolder(root / "run").read_json("metrics.json")
    assert splits_of(root) == recorded
    printed = capsys.readouterr().err
    assert (
        "6 examples are not in the run and are left out: cat/14.png, cat/15.png, cat/16.png, and 3 more"
        in printed
    )
    assert f"1 example of the run is missing: {recorded['test'][0]} (test)" in printed


@pytest.mark.parametrize("error", [InputError("x.png is damaged"), OSError(28, "No space left on device")])
def test_a_failure_while_measuring_leaves_the_model_and_names_it(made, tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    chosen = options(made, out=str(tmp_path / "out"))
    with monkeypatch.context() as patch:
        patch.setattr(results, "measure", fail)
        with pytest.raises(InputError, match=r"model.keras is saved, but measuring it failed: .*`resume`"):
            tasks.fit(TASK, chosen)
    assert (tmp_path / "out" / "model.keras").exists() and not (tmp_path / "out" / "metrics.json").exists()
    monkeypatch.setattr(Keeper, "on_epoch_end", lambda *args, **kwargs: pytest.fail("trained again"))
    chosen.resume = True
    tasks.fit(TASK, chosen)
    assert (tmp_path / "out" / "metrics.json").exists()


def test_a_bug_while_measuring_keeps_its_traceback(tmp_path, capsys):
    with pytest.raises(ZeroDivisionError), results.after_saving("model.keras"):
        raise ZeroDivisionError
    assert "model.keras is saved, but measuring it failed" in capsys.readouterr().err


def test_a_kill_before_the_config_does_not_block_the_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    os.makedirs(folder.path)
    for name in ("splits.tsv", "config.json.17.partial"):
        (tmp_path / "run" / name).write_text("")
    folder.start({"task": "classification"}, resume=True)
    assert folder.exists


def test_a_published_preset_has_the_splits_of_its_run(root, tmp_path, monkeypatch, capsys):
    recorded = splits_of(root)
    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "bundled")
    words = {"summary": "One.", "data": "Noise.", "license": "none stated"}
    publish(str(root / "run"), "noise", **words)
    path = capsys.readouterr().out.strip()
    write_images(root / "data", {"cat": 30})
    tasks.evaluate(TASK, preset=path)
    assert Watched.loaded[-1] == recorded
    # As one file, and written over itself.
    model = presets.load(path)
    text = (root / "run" / "splits.tsv").read_text(encoding="utf-8")
    for _ in range(2):
        presets.save(
            model,
            tmp_path / "one.zip",
            card={"data_spec": f"images:{root / 'data'}"},
            splits=text,
            overwrite=True,
        )
        tasks.evaluate(TASK, preset=tmp_path / "one.zip")
        assert Watched.loaded[-1] == recorded
    publish(str(root / "run"), "noise", **words, overwrite=True)


@pytest.fixture
def old(root, monkeypatch):
    """The run as version 0.1 would have left it."""
    shutil.rmtree(root / "run")

    class Before(Watched):
        def load(self, spec=None, **options):
            return super().load(spec, **{**options, "old_draw": True})

    tasks.fit(Before(augmentation=()), options(root, epochs=2))
    os.remove(root / "run" / "splits.tsv")
    return root


def test_an_old_run_keeps_its_draw_while_its_data_stays(old, capsys, tmp_path, monkeypatch):
    drawn = Watched.loaded[-1]
    new = data.load(f"images:{old / 'data'}", task="classification", seed=7)
    assert drawn["test"] != new.splits["test"].names
    tasks.evaluate(TASK, run=str(old / "run"))
    assert Watched.loaded[-1] == drawn and not (old / "run" / "splits.tsv").exists()
    assert "is of version 0.1, which did not record its splits: drew test and val" in capsys.readouterr().err
    # A preset made of it knows how it was drawn.
    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "bundled")
    publish(str(old / "run"), "noise", summary="One.", data="Noise.", license="none stated")
    preset = capsys.readouterr().out.strip()
    tasks.evaluate(TASK, preset=preset)
    assert Watched.loaded[-1] == drawn
    # Resumed, it records its splits.
    tasks.fit(TASK, options(old, epochs=2, resume=True))
    assert splits_of(old) == drawn
    os.remove(old / "run" / "splits.tsv")
    write_images(old / "data", {"cat": 40})
    for measured in ({"run": str(old / "run")}, {"preset": preset}):
        with pytest.raises(
            InputError, match="of version 0.1, .* same examples of .* Received: a baseline of"
        ):
            tasks.evaluate(TASK, **measured)
    with pytest.raises(InputError, match=r"of version 0.1, .* Received: \d+ steps per epoch instead of 4"):
        tasks.fit(TASK, options(old, epochs=2, resume=True))


def test_a_baseline_is_read_from_a_card():
    assert old_runs.baseline_on_card("test split; baseline {'accuracy': 0.1}") == {"accuracy": 0.1}
    for text in (None, "", "test split", "baseline {'a': ", "baseline 0.5"):
        assert old_runs.baseline_on_card(text) is None


def test_data_that_cannot_be_trained_on_is_refused_before_anything_is_written(tmp_path):
    for label in ("cat", "dog"):
        write_images(tmp_path / "data", {label: 6})
    np.savez(
        tmp_path / "masks.npz",
        x_train=np.random.default_rng(0).integers(0, 255, (20, 16, 16)).astype("uint8"),
        y_train=np.where(np.arange(16) < 8, 0, 255) * np.ones((20, 16, 1), int),
        classes=["ground", "cat"],
    )
    with pytest.raises(InputError, match="Received: only ground, and .* If 255 is a class, choose another"):
        tasks.fit(
            tasks.Segmentation(),
            tasks.FitOptions(
                data=f"npz:{tmp_path / 'masks.npz'}",
                data_options={"ignore_label": 255},
                out=str(tmp_path / "run"),
            ),
        )
    assert not (tmp_path / "run").exists()


def test_a_baseline_of_one_is_reported(capsys):
    results.report_baseline(TASK, {"accuracy": 1.0}, "test")
    assert "the baseline of test is accuracy 1.0: the same answer" in capsys.readouterr().err
    results.report_baseline(TASK, {"accuracy": 0.99}, "test")
    assert capsys.readouterr().err == ""
