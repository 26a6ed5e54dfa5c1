"""The index and the command that prints it."""

import importlib
import json
import os
import subprocess
import sys

import keras
import pytest

from keras_cnn_zoo import __main__ as program
from keras_cnn_zoo import catalog

KEYS = ["name", "kind", "family", "module", "summary", "reference", "equation", "survey_section"]
KEYS += ["keras_alternative"]


def printed(capsys, *arguments):
    assert program.main(list(arguments)) == 0
    return capsys.readouterr().out


def test_json_has_the_fixed_keys(capsys):
    listed = json.loads(printed(capsys, "--json"))
    assert len(listed) == len(catalog.entries())
    assert all(list(entry) == KEYS for entry in listed)
    assert all(isinstance(value, str) for entry in listed for value in entry.values())


def test_a_component_is_described(capsys):
    listed = json.loads(printed(capsys, "--json"))
    (entry,) = (entry for entry in listed if entry["name"] == "LpPooling3D")
    assert entry["kind"] == "layer"
    assert entry["family"] == "pooling"
    assert entry["module"] == "keras_cnn_zoo.layers"
    assert entry["equation"] == "(7)"
    assert entry["survey_section"] == "3.2.1 Lp Pooling"
    assert entry["keras_alternative"].startswith("keras.layers.AveragePooling3D")


def test_a_part_of_keras_is_pointed_to(capsys):
    listed = json.loads(printed(capsys, "--json"))
    (entry,) = (entry for entry in listed if entry["name"] == "Transposed convolution")
    assert entry["module"] == "keras.layers"
    assert entry["keras_alternative"] == "keras.layers.Conv2DTranspose"


def test_a_second_name_is_listed_next_to_the_first(capsys):
    listed = {entry["name"]: entry for entry in json.loads(printed(capsys, "--json"))}
    assert catalog.aliases() == {"NetVLAD": "VLAD", "DeepLDA": "LDA", "HistogramLoss": "Histogram"}
    for alias, name in catalog.aliases().items():
        assert listed[alias] == {**listed[name], "name": alias, "summary": f"Another name of `{name}`."}
        module = importlib.import_module(listed[alias]["module"])
        assert getattr(module, alias) is getattr(module, name)
        # Files with the original name load where only one of the names is known.
        registered = keras.saving.get_registered_name(getattr(module, alias))
        assert registered == f"keras_cnn_zoo>{name}"
    assert not set(catalog.aliases()) & set(catalog.components())


def test_the_table_names_every_entry_once(capsys):
    lines = printed(capsys).splitlines()
    for entry in catalog.entries():
        assert sum(line.startswith(entry.name + "  ") for line in lines) == 1, entry.name
    assert lines[0].split("  ")[0] == "component"


def test_kind_filters_the_list(capsys):
    listed = json.loads(printed(capsys, "--json", "--kind", "loss"))
    assert {entry["kind"] for entry in listed} == {"loss"}
    assert {"Contrastive", "Softmax loss"} <= {entry["name"] for entry in listed}


def test_an_unknown_kind_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        program.main(["--kind", "colour"])
    assert stop.value.code == 2
    assert "colour" in capsys.readouterr().err.splitlines()[-1]


def test_ranks_are_written_out():
    row = {"name": "Pool1D/3D", "keras_alternative": "keras.layers.MaxPooling*D"}
    assert [written["name"] for written in catalog._write_out_ranks(row)] == ["Pool1D", "Pool3D"]
    assert catalog._write_out_ranks(row)[1]["keras_alternative"] == "keras.layers.MaxPooling3D"


def test_a_row_with_a_missing_tab_is_refused(tmp_path, monkeypatch):
    (tmp_path / "broken.tsv").write_text("name\treference\nMaxout\n", encoding="utf-8")
    monkeypatch.setattr(catalog, "_TABLES", tmp_path)
    with pytest.raises(ValueError, match="line 2"):
        catalog.read_table("broken.tsv")


def test_a_reader_that_stops_early_is_not_an_error():
    command = f'"{sys.executable}" -m keras_cnn_zoo --json | head -n 1'
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "jax"}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[\n"
    assert "BrokenPipeError" not in done.stderr
