"""`keras-cnn-zoo inspect TASK`: a look at a data set before training."""

import sys
from typing import Annotated

import typer

from keras_cnn_zoo.cli.data_options import with_data_options
from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.cli.task_commands import HELP_OPTIONS, Data, option
from keras_cnn_zoo.training import inspection


def program(task):
    """Returns the typer program that inspects data for `task`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP_OPTIONS)

    @app.command(help=f"Look at data for {task.name}: examples, counts, sizes, and problems.")
    @one_line_errors
    @with_data_options
    def run(
        out: Annotated[str, option("folder for inspect.json and examples.png")],
        data: Data = None,
        seed: Annotated[int, option("of splits that are drawn")] = 0,
        *,
        data_options,
    ):
        report = inspection.inspect(task, data, out, data_options=data_options, seed=seed)
        print("\n".join(inspection.lines(report)))
        # As for `fit` on the same data.
        sys.exit(2 if report["problems"] else 0)

    return app
