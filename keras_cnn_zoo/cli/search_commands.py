"""The command line of every search, from one search space."""

from typing import Annotated

import typer

from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.cli.parsing import data_options_of
from keras_cnn_zoo.cli.task_commands import DATA, Text
from keras_cnn_zoo.search.engine import TUNERS, SearchOptions, search


def program(space):
    """The typer program that searches `space`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command(
        help=f"Search {', '.join(space.names)} of {space.model} for the best {space.task.metric} on val."
    )
    @one_line_errors
    def run(
        data: Annotated[Text, DATA] = None,
        tuner: Annotated[str, typer.Option(help=", ".join(TUNERS[:-1]) + f" or {TUNERS[-1]}")] = "random",
        max_trials: Annotated[
            int | None,
            typer.Option(help=f"{space.max_trials} if not given; hyperband: as many as its schedule takes"),
        ] = None,
        epochs: Annotated[int | None, typer.Option(help=f"of a trial; {space.epochs} if not given")] = None,
        seed: int = 0,
        out: Annotated[
            Text, typer.Option(help=f"folder of the search; runs/tuning/{space.name} if not given")
        ] = None,
        resume: Annotated[bool, typer.Option("--resume", help="go on with the search in --out")] = False,
        skip_bad: bool = False,
        split_file: Text = None,
        ignore_label: int | None = None,
        class_names: Annotated[Text, typer.Option(help="a,b,c")] = None,
        encoding: Text = None,
    ):
        options = SearchOptions(
            data=data,
            data_options=data_options_of(skip_bad, split_file, ignore_label, class_names, encoding),
            tuner=tuner,
            max_trials=max_trials,
            epochs=epochs,
            seed=seed,
            out=out,
            resume=resume,
        )
        search(space, options)

    return app
