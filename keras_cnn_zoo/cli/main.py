"""The `keras-cnn-zoo` command: its first word selects the program, and only that program is loaded."""

import importlib
import sys

from keras_cnn_zoo.utils.tasks import TASKS
from keras_cnn_zoo.utils.version import __version__

PROGRAM = "keras-cnn-zoo"
EXTRA = "apps"
# Number of missing packages to name; the message counts the others.
SHOWN = 4
# Searches that are not named after a task.
MORE_SEARCHES = {"deeplab": "the width, rates, and decoder of a DeepLab"}


def main(arguments=None):
    """Runs the command and returns its exit code.

    Args:
        arguments: the words after the command; None for those of this process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print("\n".join(usage()))
        return 0 if arguments else 2
    word, *rest = arguments
    if word == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    if word == "catalog":
        from keras_cnn_zoo.cli import catalog_command

        return catalog_command.main(rest)
    if word == "presets":
        from keras_cnn_zoo.cli import presets_command

        return presets_command.main(rest)
    if word == "tune":
        return _tune(rest)
    if word == "inspect":
        return _inspect(rest)
    if word not in TASKS:
        return _refuse(
            f"unknown command {word!r}. Known: catalog, inspect, presets, tune, {', '.join(TASKS)}"
        )
    if _lacks_packages(word):
        return 2
    from keras_cnn_zoo import tasks
    from keras_cnn_zoo.cli.task_commands import application

    return _run(application(tasks.TASKS[word]()), rest, f"{PROGRAM} {word}")


def usage():
    """Yields the lines of `keras-cnn-zoo --help`."""
    yield f"usage: {PROGRAM} COMMAND ..."
    yield ""
    yield "Convolutional networks for Keras 3: train, measure, search, and export them."
    yield ""
    yield "commands:"
    yield "  TASK fit        train a model, or fine-tune a preset, on your own folder"
    yield "  TASK evaluate   measure a run or a preset"
    yield "  TASK predict    write the predictions for files"
    yield "  TASK export     write a file for serving"
    yield "  inspect TASK    look at data: examples, class counts, sizes, problems"
    yield "  tune NAME       search for the best model of a task, or of deeplab"
    yield "  catalog         list every layer, loss, and other component"
    yield "  presets [TASK]  list the pretrained models"
    yield ""
    yield "tasks:"
    yield from (f"  {name:<15} {summary}" for name, summary in TASKS.items())
    yield ""
    yield "options:"
    yield "  --version       print the version"
    yield "  -h, --help      print this; after any command, its own help"
    yield ""
    yield f"Start with: {PROGRAM} segmentation fit --out runs/first"


def _tune(arguments):
    about = "Searches with KerasTuner for the best model of a task."
    name, code = _chosen("tune", "NAME [OPTIONS]", about, {**TASKS, **MORE_SEARCHES}, arguments)
    if name is None:
        return code
    from keras_cnn_zoo.cli.search_commands import program

    space = importlib.import_module(f"keras_cnn_zoo.search.spaces.{name}").SPACE
    return _run(program(space), arguments[1:], f"{PROGRAM} tune {name}")


def _inspect(arguments):
    about = "Writes a sheet of labeled examples and a report about data."
    name, code = _chosen("inspect", "NAME --data SPEC --out DIR [OPTIONS]", about, TASKS, arguments)
    if name is None:
        return code
    from keras_cnn_zoo import tasks
    from keras_cnn_zoo.cli.inspect_command import program

    return _run(program(tasks.TASKS[name]()), arguments[1:], f"{PROGRAM} inspect {name}")


def _chosen(word, usage, about, choices, arguments):
    """Returns (name after a command, None), or (None, exit code) after printing its help or an error."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: {PROGRAM} {word} {usage}\n")
        print(f"{about} NAME is one of:")
        print("\n".join(f"  {name:<15} {summary}" for name, summary in choices.items()))
        return None, 0 if arguments else 2
    name = arguments[0]
    if name not in choices:
        return None, _refuse(f"`{PROGRAM} {word}`: unknown name {name!r}. Known: {', '.join(choices)}")
    return (None, 2) if _lacks_packages(f"{word} {name}") else (name, None)


def _lacks_packages(command):
    """Returns whether packages of the extra are missing; if so, prints an error that names them."""
    from keras_cnn_zoo.cli.extras import missing_packages

    missing = missing_packages(EXTRA)
    if missing:
        more = f" and {len(missing) - SHOWN} more packages" if len(missing) > SHOWN else ""
        _refuse(
            f"`{PROGRAM} {command}` needs {', '.join(missing[:SHOWN])}{more}: "
            f'install the extra with pip install "keras-cnn-zoo[{EXTRA}]"'
        )
    return bool(missing)


def _refuse(message):
    print(f"error: {message}", file=sys.stderr)
    return 2


def _run(app, arguments, prog):
    """Runs a typer program, which ends with SystemExit, and returns its exit code."""
    try:
        app(arguments, prog_name=prog)
    except SystemExit as end:
        return end.code or 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
