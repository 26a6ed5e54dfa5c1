"""The four verbs of every application, from one task object."""

import functools
import json
import math
import os
import sys
from typing import Annotated

# Quieter TensorFlow: its start-up log is no use to someone who trains a model.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import typer

from keras_cnn_zoo import tasks
from keras_cnn_zoo.utils.errors import InputError

Text = str | None
DATA = typer.Option(help="nothing: the embedded set; tfds:NAME; FORMAT:PATH")


def parse_size(text):
    """ "HxW" to (height, width)."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"--image-size must be HxW, such as 224x224. Received: {text!r}")
    return int(parts[0]), int(parts[1])


def parse_box(text):
    """ "X,Y,W,H" in pixels to four numbers."""
    if text is None:
        return None
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise InputError(f"--box must be X,Y,W,H in pixels, width and height above 0. Received: {text!r}")
    return box


def parse_settings(settings):
    """ "NAME=VALUE" texts to a dict; a value is JSON, or text where it is none."""
    found = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"--set must be NAME=VALUE. Received: {setting!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def one_line_errors(function):
    """Bad input and a full disk end with one line and exit code 2; bugs keep their traceback."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (InputError, OSError) as error:
            print("error: " + " ".join(str(error).split()), file=sys.stderr)
            raise typer.Exit(2) from None

    return wrapper


def data_options_of(skip_bad, split_file, ignore_label, class_names, encoding):
    """What was given of the reader options, as a dict."""
    options = {
        "skip_bad": skip_bad or None,
        "split_file": split_file,
        "ignore_label": ignore_label,
        "class_names": None if class_names is None else [name.strip() for name in class_names.split(",")],
        "encoding": encoding,
    }
    return {name: value for name, value in options.items() if value is not None}


def option_words(options):
    """{option: value} as words of a command line; what is None or False is not told."""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
    return words


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
        options = tasks.FitOptions(
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
        tasks.fit(task, options)

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
        result = tasks.evaluate(task, run=run, preset=preset, data=data, split=split, data_options=options)
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
        answers = tasks.predict(task, inputs, out, run=run, preset=preset, options={"box": parse_box(box)})
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
        tasks.export_model(task, out, format=format, run=run, preset=preset)
        print(out)

    return app
