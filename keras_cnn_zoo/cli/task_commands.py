"""The four commands of every task, from one task object."""

import json
from typing import Annotated

import typer

from keras_cnn_zoo import training
from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.cli.parsing import data_options_of, parse_box, parse_settings, parse_size

Text = str | None
DATA = typer.Option(help="nothing: the embedded set; tfds:NAME; FORMAT:PATH")


def application(task):
    """The typer program `fit | evaluate | predict | export` of a task."""
    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=task.__doc__
    )

    @app.command()
    @one_line_errors
    def fit(
        data: Annotated[Text, DATA] = None,
        model: Annotated[Text, typer.Option(help=f"one of {', '.join(task.models)}")] = None,
        preset: Annotated[Text, typer.Option(help="start from a preset's weights")] = None,
        variant: Text = None,
        width: float | None = None,
        backbone: Annotated[Text, typer.Option(help="preset that the backbone starts from")] = None,
        model_options: Annotated[
            list[str] | None, typer.Option("--set", help="NAME=VALUE of the model's constructor, JSON")
        ] = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        image_size: Annotated[Text, typer.Option(help="HxW")] = None,
        precision: Annotated[str, typer.Option(help="float32, mixed_bfloat16 or mixed_float16")] = "float32",
        jit: Annotated[str, typer.Option(help="auto, on or off")] = "auto",
        distribute: Annotated[str, typer.Option(help="none or auto")] = "none",
        seed: int = 0,
        out: Annotated[Text, typer.Option(help=f"run folder; runs/{task.name} if not given")] = None,
        resume: bool = False,
        skip_bad: bool = False,
        split_file: Text = None,
        ignore_label: int | None = None,
        class_names: Annotated[Text, typer.Option(help="a,b,c")] = None,
        encoding: Text = None,
    ):
        """Train or fine-tune, and leave a run folder."""
        options = training.FitOptions(
            data=data,
            data_options=data_options_of(skip_bad, split_file, ignore_label, class_names, encoding),
            model=model,
            preset=preset,
            variant=variant,
            width=width,
            backbone=backbone,
            model_options=parse_settings(model_options),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            image_size=parse_size(image_size),
            precision=precision,
            jit=jit,
            distribute=distribute,
            seed=seed,
            out=out,
            resume=resume,
        )
        training.fit(task, options)

    @app.command()
    @one_line_errors
    def evaluate(
        run: Text = None,
        preset: Text = None,
        data: Annotated[Text, DATA] = None,
        split: str = "test",
        skip_bad: bool = False,
        split_file: Text = None,
        ignore_label: int | None = None,
        class_names: Annotated[Text, typer.Option(help="a,b,c")] = None,
        encoding: Text = None,
    ):
        """Measure a run or preset and print one JSON object."""
        options = data_options_of(skip_bad, split_file, ignore_label, class_names, encoding)
        result = training.evaluate(task, run=run, preset=preset, data=data, split=split, data_options=options)
        print(json.dumps(result))

    @app.command()
    @one_line_errors
    def predict(
        inputs: Annotated[list[str], typer.Argument(metavar="INPUT...")],
        out: Annotated[str, typer.Option()],
        run: Text = None,
        preset: Text = None,
        box: Annotated[Text, typer.Option(help="X,Y,W,H of the target in the first frame (tracking)")] = None,
    ):
        """Answer for files or folders of them."""
        answers = training.predict(task, inputs, out, run=run, preset=preset, options={"box": parse_box(box)})
        print(f"{len(answers)} predictions in {out}")

    @app.command()
    @one_line_errors
    def export(
        format: Annotated[str, typer.Option(help="saved_model or onnx")],
        out: Annotated[str, typer.Option()],
        run: Text = None,
        preset: Text = None,
    ):
        """Write the network, with preprocessing and decoding inside, for serving."""
        training.export_model(task, out, format=format, run=run, preset=preset)
        print(out)

    return app
