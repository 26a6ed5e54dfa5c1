"""The options of how data are read become one dict."""

import inspect

import pytest

pytest.importorskip("typer")

import typer
from typer.testing import CliRunner

from keras_cnn_zoo import data
from keras_cnn_zoo.cli.data_options import OPTIONS, with_data_options


@pytest.fixture
def called():
    """Returns a function from command-line words to what the command got."""
    app, seen = typer.Typer(), []

    @app.command()
    @with_data_options
    def run(name: str = "x", *, data_options):
        seen.append((name, data_options))

    def call(*words):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        return seen.pop()

    return call


def test_only_the_options_that_were_given_are_passed_on(called):
    assert called() == ("x", {})
    words = ["--skip-bad", "--split-file", "s.tsv", "--ignore-label", "11"]
    words += ["--encoding", "latin-1", "--palette", "p.txt"]
    assert called("--name", "y", *words, "--class-names", "a, b") == (
        "y",
        {
            "skip_bad": True,
            "split_file": "s.tsv",
            "ignore_label": 11,
            "class_names": ["a", "b"],
            "encoding": "latin-1",
            "palette": "p.txt",
        },
    )
    # Label 0 is a label.
    assert called("--ignore-label", "0") == ("x", {"ignore_label": 0})


def test_a_flag_has_no_opposite(called):
    with pytest.raises(AssertionError, match="No such option"):
        called("--no-skip-bad")


def test_the_names_are_those_of_the_reader():
    known = set(inspect.signature(data.load).parameters)
    assert set(OPTIONS) <= known, set(OPTIONS) - known
