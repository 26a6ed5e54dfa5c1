"""`keras-cnn-zoo inspect TASK`: a look at a data set before training."""

import sys
from typing import Annotated

import typer

from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.cli.parsing import data_options_of
from keras_cnn_zoo.cli.task_commands import (
    HELP_OPTIONS,
    ClassNames,
    Data,
    Encoding,
    IgnoreLabel,
    Palette,
    SkipBad,
    SplitFile,
    option,
)
from keras_cnn_zoo.training import inspection


def program(task):
    """Returns the typer program that inspects data for `task`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP_OPTIONS)

    @app.command(help=f"Look at data for {task.name}: examples, counts, sizes, and problems.")
    @one_line_errors
    def run(
        out: Annotated[str, option("folder for inspect.json and examples.png")],
        data: Data = None,
        seed: Annotated[int, option("of splits that are drawn")] = 0,
        skip_bad: SkipBad = False,
        split_file: SplitFile = None,
        ignore_label: IgnoreLabel = None,
        class_names: ClassNames = None,
        encoding: Encoding = None,
        palette: Palette = None,
    ):
        options = data_options_of(skip_bad, split_file, ignore_label, class_names, encoding, palette)
        report = inspection.inspect(task, data, out, data_options=options, seed=seed)
        print("\n".join(inspection.lines(report)))
        # As for `fit` on the same data.
        sys.exit(2 if report["problems"] else 0)

    return app
