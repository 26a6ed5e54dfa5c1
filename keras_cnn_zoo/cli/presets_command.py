"""`keras-cnn-zoo presets`: the bundled presets as a table, or as JSON for machines."""

import argparse
import json

from keras_cnn_zoo.presets import list_presets
from keras_cnn_zoo.utils.tasks import TASKS


def main(arguments=None):
    """Prints the presets and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="keras-cnn-zoo presets", description="Lists the pretrained models that come with the package."
    )
    parser.add_argument("task", nargs="?", choices=sorted(TASKS), metavar="TASK", help="only those of a task")
    parser.add_argument("--json", action="store_true", help="a JSON list of objects instead of a table")
    options = parser.parse_args(arguments)
    presets = list_presets(options.task)
    if options.json:
        print(json.dumps(presets, indent=2, ensure_ascii=False))
        return 0
    width = max((len(preset["name"]) for preset in presets), default=0)
    for preset in presets:
        print(f"{preset['name']:<{width}}  {preset['task']:<14}  {_measured(preset)}")
        print(f"{'':<{width}}  {preset['summary']}")
    return 0


def _measured(preset):
    figures = ", ".join(f"{key} {value:.4f}" for key, value in preset["metrics"].items())
    return f"{preset['class']}, {preset['bytes'] / 1e6:.1f} MB, {figures}"
