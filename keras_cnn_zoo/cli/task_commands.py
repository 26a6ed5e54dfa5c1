"""The four commands of every task, from one task object."""

import json
import shlex
from typing import Annotated

import typer

from keras_cnn_zoo import training
from keras_cnn_zoo.cli.data_options import with_data_options
from keras_cnn_zoo.cli.errors import one_line_errors, printable
from keras_cnn_zoo.cli.parsing import parse_rate, parse_settings
from keras_cnn_zoo.cli.task_arguments import with_arguments
from keras_cnn_zoo.training.exports.formats import FORMATS
from keras_cnn_zoo.utils.errors import InputError

Text = str | None
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


def option(text, name=None):
    """Returns typer's description of an option; `name` if it differs from the argument's."""
    return typer.Option(*(() if name is None else (name,)), help=text)


Data = Annotated[Text, option("tfds:NAME or FORMAT:PATH; the embedded set if not given")]
Run = Annotated[Text, option("folder written by fit")]
Preset = Annotated[Text, option("name or path of a preset, instead of a run")]
Weights = Annotated[Text, option("file that replaces the download of a spec with a slash")]
Resume = Annotated[bool, option("continue what was interrupted in --out", "--resume")]
SkipBad = Annotated[bool, option("leave out files that cannot be read, and count them", "--skip-bad")]


def application(task):
    """Returns the typer program `fit | evaluate | predict | export` of a task."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=HELP_OPTIONS,
        no_args_is_help=True,
        help=(task.__doc__ or "").partition("\n")[0],
    )

    @app.command()
    @one_line_errors
    @with_arguments(task.fit_arguments)
    @with_data_options
    def fit(
        data: Data = None,
        model: Annotated[Text, option(f"one of {', '.join(task.models)}")] = None,
        preset: Annotated[Text, option("start from a preset's weights")] = None,
        variant: Annotated[Text, option("variant of the model")] = None,
        width: Annotated[float | None, option("scale of the model's channels")] = None,
        backbone: Annotated[Text, option("preset, keras/NAME or the like, or such as resnet18")] = None,
        weights: Weights = None,
        model_options: Annotated[
            list[str] | None,
            option("NAME=VALUE of the model, task.NAME, or recipe.NAME", "--set"),
        ] = None,
        freeze: Annotated[str, option("none, backbone, or N: the stem and the levels up to PN")] = "none",
        epochs: Annotated[int | None, option(f"{task.recipe.epochs} if not given")] = None,
        minutes: Annotated[float | None, option("time for the whole run, instead of --epochs")] = None,
        patience: Annotated[
            int | None, option("stop after N validations without progress; 0 for never")
        ] = None,
        batch_size: Annotated[int | None, option(f"{task.recipe.batch_size} if not given")] = None,
        learning_rate: Annotated[Text, option("peak of the schedule; auto finds it by a test")] = None,
        ema: Annotated[bool, option("keep the moving average of the weights", "--ema")] = False,
        precision: Annotated[str, option("float32, mixed_bfloat16, or mixed_float16")] = "float32",
        jit: Annotated[str, option("auto, on, or off")] = "auto",
        distribute: Annotated[str, option("none or auto")] = "none",
        workers: Annotated[int | None, option("threads that prepare batches; never changes a result")] = None,
        seed: Annotated[int, option("seed of weights, splits, and order")] = 0,
        out: Annotated[Text, option(f"run folder; runs/{task.name} if not given")] = None,
        resume: Resume = False,
        *,
        data_options,
        **given,
    ):
        """Train or fine-tune a model and write a run folder."""
        settings = parse_settings(model_options)
        # An argument of every image task, with a field of `FitOptions`: `config.json` always had it.
        image_size = given.pop("image_size", None)
        for name in sorted(set(given) & set(settings["task"])):
            raise InputError(f"`{name}` and `task.{name}` exclude each other")
        options = training.FitOptions(
            data=data,
            data_options=data_options,
            model=model,
            preset=preset,
            variant=variant,
            width=width,
            backbone=backbone,
            weights=weights,
            model_options=settings["model"],
            task_options={**settings["task"], **given},
            recipe_options=settings["recipe"],
            freeze=freeze,
            epochs=epochs,
            minutes=minutes,
            patience=patience,
            ema=ema or None,
            batch_size=batch_size,
            learning_rate=parse_rate(learning_rate),
            image_size=image_size,
            precision=precision,
            jit=jit,
            distribute=distribute,
            workers=workers,
            seed=seed,
            out=out,
            resume=resume,
        )
        training.fit(task, options)

    @app.command()
    @one_line_errors
    @with_arguments(task.evaluate_arguments)
    @with_data_options
    def evaluate(
        run: Run = None,
        preset: Preset = None,
        weights: Weights = None,
        data: Annotated[Text, option("the recorded data if not given")] = None,
        split: Annotated[str, option("train, val, or test")] = "test",
        out: Annotated[Text, option("folder for numbers per class and pictures")] = None,
        *,
        data_options,
        **given,
    ):
        """Measure a run or preset and print one JSON object."""
        result = training.evaluate(
            task,
            run=run,
            preset=preset,
            weights=weights,
            data=data,
            split=split,
            data_options=data_options,
            out=out,
            options=given,
        )
        print(json.dumps(result))

    @app.command()
    @one_line_errors
    @with_arguments(task.predict_arguments)
    def predict(
        inputs: Annotated[list[str], typer.Argument(metavar="INPUT...")],
        out: Annotated[str, option("folder for the answers")],
        run: Run = None,
        preset: Preset = None,
        weights: Weights = None,
        skip_bad: SkipBad = False,
        resume: Resume = False,
        **given,
    ):
        """Write the predictions for files, or folders of them."""
        answers = training.predict(
            task,
            inputs,
            out,
            run=run,
            preset=preset,
            weights=weights,
            options=given,
            skip_bad=skip_bad,
            resume=resume,
        )
        print(f"{len(answers)} predictions in {printable(out)}")

    @app.command()
    @one_line_errors
    @with_data_options
    def export(
        format: Annotated[str, option(f"{', '.join(FORMATS)}")],
        path: Annotated[
            str, option("file or folder to write; a file gets the suffix of its format", "--out")
        ],
        run: Run = None,
        preset: Preset = None,
        weights: Weights = None,
        quantize: Annotated[str, option("none, weights (8 bits), or full (activations too)")] = "none",
        data: Annotated[Text, option("for --quantize full; the recorded data if not given")] = None,
        split: Annotated[Text, option("for --quantize full: train, val, or test; val if not given")] = None,
        web_runtime: Annotated[
            Text, option("for web: npm, cdn, or FILE.tgz of onnxruntime-web; npm if not given")
        ] = None,
        *,
        data_options,
    ):
        """Write the network, with preprocessing and decoding inside, for a server, a phone, or a browser."""
        path = training.export_model(
            task,
            path,
            format=format,
            run=run,
            preset=preset,
            weights=weights,
            quantize=quantize,
            data=data,
            split=split,
            data_options=data_options,
            web_runtime=web_runtime,
        )
        print(printable(path))
        if format == "web":
            served = printable(shlex.quote(path))
            print(f"python -m http.server --directory {served} 8000    then open http://localhost:8000")

    return app
