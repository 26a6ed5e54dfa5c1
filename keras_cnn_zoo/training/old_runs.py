"""Runs and presets of version 0.1, which did not record their splits.

Their missing splits are drawn again as then. The draw is the same only if the number of examples is. That
number is not recorded either, but two figures depend on it: the steps per epoch and the baseline.
"""

import ast
import json
import os
import zipfile

import numpy as np

from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

_TOLERANCE = 1e-5


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
