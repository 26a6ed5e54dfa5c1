"""`python -m applications.publish RUN NAME ...`: turns a finished run into a bundled preset with its card.

The metrics on the card are read from the run folder. Facts that are not in a run, such as the source of the
data and its license, are options.
"""

import json
import os
import shlex
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import typer

from keras_cnn_zoo import presets
from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.presets import bundled
from keras_cnn_zoo.training.run_folder import EMBEDDED, RunFolder
from keras_cnn_zoo.utils.command_lines import option_words

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def command_of(config):
    """Returns the `fit` command of a run, from its config.json."""
    words = ["keras-cnn-zoo", config["task"], "fit"]
    data = dict(config["data_options"])
    spec = data.pop("spec")
    if spec is not None:
        words += ["--data", spec]
    options = {key: value for key, value in config.items() if key not in ("task", "backend", "data_options")}
    if options.get("image_size"):
        options["image_size"] = "x".join(map(str, options["image_size"]))
    for key, prefix in (("model_options", ""), ("task_options", "task."), ("recipe_options", "recipe.")):
        for name, value in (options.pop(key, None) or {}).items():
            words += ["--set", f"{prefix}{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join([*words, *option_words({**data, **options})])


@app.command()
@one_line_errors
def publish(
    run: Annotated[str, typer.Argument(help="a finished run folder")],
    name: Annotated[str, typer.Argument(help="the preset's name")],
    summary: Annotated[str, typer.Option(help="one sentence")],
    data: Annotated[str, typer.Option(help="what the network was trained on")],
    license: Annotated[
        str,
        typer.Option("--license", "--licence", help="of the data, as its source states it, or 'none stated'"),
    ],
    notes: Annotated[str, typer.Option(help="what a user should know")] = "",
    overwrite: bool = False,
):
    """Saves a run's model as a preset of the package."""
    folder = RunFolder(run)
    config, metrics = folder.config(), folder.read_json("metrics.json")
    model = folder.load_model()
    card = {
        "summary": summary,
        "data": data,
        "data_spec": config["data_options"]["spec"] or EMBEDDED,
        "data_options": {k: v for k, v in config["data_options"].items() if k not in ("spec", "class_names")},
        "task_options": config.get("task_options") or None,
        "license": license,
        "metrics": {key: value for key, value in metrics.items() if isinstance(value, float)},
        "evaluated_on": f"{metrics['split']} split; baseline {metrics['baseline']}",
        "command": command_of(config),
        "seed": config["seed"],
        "notes": notes or f"Trained on the {config['backend']} backend; weights stored in half precision.",
    }
    path = bundled.FOLDER / name
    if not folder.has_splits:
        # A run of version 0.1: `evaluate` draws its missing splits as then.
        card["data_options"]["old_draw"] = True
    splits = folder.splits_text() if folder.has_splits else None
    presets.save(model, path, card=card, overwrite=overwrite, splits=splits)
    print(path)


if __name__ == "__main__":
    app(prog_name="python -m applications.publish")
