"""The command line of every search, from one search space."""

from typing import Annotated

import typer

from keras_cnn_zoo.cli.data_options import with_data_options
from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.cli.task_commands import HELP_OPTIONS, Data, Resume, Text, option
from keras_cnn_zoo.search import TUNERS, SearchOptions, search


def program(space):
    """Returns the typer program that searches `space`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP_OPTIONS)

    @app.command(
        help=f"Search {', '.join(space.names)} of {space.model} for the best {space.task.metric} on val."
    )
    @one_line_errors
    @with_data_options
    def run(
        data: Data = None,
        tuner: Annotated[str, option(", ".join(TUNERS[:-1]) + f" or {TUNERS[-1]}")] = "random",
        max_trials: Annotated[
            int | None,
            option(f"number of trials; {space.max_trials} if not given, or those of Hyperband's schedule"),
        ] = None,
        epochs: Annotated[int | None, option(f"epochs per trial; {space.epochs} if not given")] = None,
        seed: Annotated[int, option("seed of proposals, weights, and order")] = 0,
        out: Annotated[Text, option(f"folder of the search; runs/tuning/{space.name} if not given")] = None,
        resume: Resume = False,
        *,
        data_options,
    ):
        options = SearchOptions(
            data=data,
            data_options=data_options,
            tuner=tuner,
            max_trials=max_trials,
            epochs=epochs,
            seed=seed,
            out=out,
            resume=resume,
        )
        search(space, options)

    return app
