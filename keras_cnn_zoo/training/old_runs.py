"""Runs and presets of earlier versions, which did not record all that was decided before the first step.

Before there was a `schedule.json`, the recipes and the training examples were others. Those of `_THEN` are
used when such a run is resumed.

Version 0.1 did not record splits either. Missing splits are drawn again as then. The draw is the same only if
the number of examples is. That number is not recorded, but two figures depend on it: the steps per epoch and
the baseline.
"""

import ast
import json
import os
import zipfile

import numpy as np

from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

_TOLERANCE = 1e-5
# Fields of recipes, and arguments of tasks, that have changed since runs have a `schedule.json`.
_THEN = {
    "segmentation": ({"epochs": 60}, {"crops": 1, "elastic": 0.0}),
}


def as_then(task, options):
    """Returns a task with the recipe and the training examples of runs without a `schedule.json`.

    Args:
        task: the configured `Task` of a run that is resumed.
        options: its `FitOptions`; what was given stays.
    """
    recipe, arguments = _THEN.get(task.name, ({}, {}))
    recipe = {"least_steps": 0, "patience": 0, "ema": False, "frozen_statistics": False, **recipe}
    given = options.given_recipe()
    recipe = {name: value for name, value in recipe.items() if name not in given}
    arguments = {name: v for name, v in arguments.items() if name not in options.task_arguments()}
    return task.configured(recipe=recipe, **arguments)


def check_run(folder, source, baseline, *, steps=None):
    """Raises an `InputError` if the data of an old run has changed, as far as that can be seen.

    Args:
        folder: the `RunFolder`.
        source: the data, with its missing splits drawn by the old rule.
        baseline: the baseline on the test split of `source`.
        steps: steps per epoch on `source`, or None if they are not known.
    """
    if not source.drawn:
        return
    done = _steps_done(folder.file("checkpoint.npz"))
    if steps is not None and done is not None and done[0] != steps * done[1]:
        _refuse(folder.path, source, f"{steps} steps per epoch instead of {done[0] / done[1]:g}")
    before = folder.read_json("metrics.json") if os.path.exists(folder.file("metrics.json")) else {}
    check_baseline(folder.path, source, before.get("baseline"), baseline)


def check_baseline(where, source, before, now):
    """Raises an `InputError` if an old run or preset recorded another baseline on test.

    Args:
        where: name of the run or preset.
        source: the data, with its missing splits drawn by the old rule.
        before: the recorded baseline, a dict, or None if there is none.
        now: the baseline on the test split of `source`.
    """
    if not source.drawn:
        return
    for name, value in now.items():
        if name in (before or {}) and abs(before[name] - value) > _TOLERANCE:
            _refuse(where, source, f"a baseline of {name} {value:g} instead of {before[name]:g}")
    splits = " and ".join(source.drawn)
    say(f"{where} is of version 0.1, which did not record its splits: drew {splits} by its rule")


def baseline_on_card(text):
    """Returns the baseline in the words of a card, "test split; baseline {'accuracy': 0.1}", or None."""
    found = (text or "").partition("baseline ")[2]
    try:
        value = ast.literal_eval(found[: found.find("}") + 1])
    except (SyntaxError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _steps_done(path):
    """Returns (steps, epochs) of a checkpoint, or None if it has none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            epochs = json.loads(archive["header"].tobytes())["record"]["epoch"]
            return int(archive["optimizer/0"]), int(epochs)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _refuse(where, source, seen):
    raise InputError(
        f"{where} is of version 0.1, which did not record its splits, and they can be drawn again only "
        f"from the same examples of {source.name}. Received: {seen}"
    )
