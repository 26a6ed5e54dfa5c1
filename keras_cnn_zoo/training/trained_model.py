"""A finished model, found again for `evaluate`, `predict` and `export`."""

import collections.abc
import dataclasses
import functools
import os

import keras

from keras_cnn_zoo import presets
from keras_cnn_zoo.data.recorded_splits import RecordedSplits
from keras_cnn_zoo.presets.loading import recorded_splits
from keras_cnn_zoo.presets.sources import check_weights, collection_of
from keras_cnn_zoo.training.run_folder import EMBEDDED, RunFolder
from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A model and what is recorded of the data it was trained on.

    Args:
        model: the network.
        seed: seed of the run. Missing splits were drawn with it; another seed would turn test
            examples into training examples.
        has_data: whether the data are recorded.
        spec: the recorded `--data` spec; None for the embedded set.
        data_options: the recorded reader options, as a dict.
        task_options: the recorded arguments of the task, as a dict.
        splits: function (keywords of `RecordedSplits`) that returns the arguments of `data.load` for the
            splits of the run, as a dict.
    """

    model: keras.Model
    seed: int = 0
    has_data: bool = False
    spec: str | None = None
    data_options: dict = dataclasses.field(default_factory=dict)
    task_options: dict = dataclasses.field(default_factory=dict)
    splits: collections.abc.Callable = lambda **rules: {}

    def naming(self, spec):
        """Returns the arguments of `data.load` for the class names of a data spec, as a dict.

        The recorded data are named as they were. The embedded sets, `spec=None`, have their own names.
        """
        names = getattr(self.model, "class_names", None)
        if spec is None or not names:
            return {}
        chosen = self.data_options if self.has_data and spec == self.spec else {}
        return {"model_names": names, "class_names": chosen.get("class_names")}


def check_origin(*, run, preset, weights=None):
    """Raises an `InputError` unless exactly one of a run and a preset is given, and nothing is empty.

    Args:
        run: a run folder, or None.
        preset: a preset, or None.
        weights: path of a file, or None.
    """
    for name, value in (("run", run), ("preset", preset), ("weights", weights)):
        if value is not None and not os.fspath(value):
            raise InputError(f"`{name}` must not be empty")
    if (run is None) == (preset is None):
        raise InputError("give exactly one of `run` and `preset`")


def load_model(task, *, run=None, preset=None, weights=None):
    """Returns the `TrainedModel` of a run folder or a preset, of which exactly one is given.

    Args:
        task: a `Task`.
        run: a run folder, or None.
        preset: a preset, or a classifier of another collection such as "timm/resnet18.a1_in1k"; or None.
        weights: path that replaces the download of a `preset` with a slash, as for `presets.load`; or None.

    Raises:
        InputError: for both or neither, for an empty text, for a run or preset of another task, and for
            `weights` next to a run or a preset that is not downloaded.
    """
    check_origin(run=run, preset=preset, weights=weights)
    if weights is not None and run is not None:
        raise InputError(f"`weights` and `run` exclude each other: the run {run} has its own weights")
    check_weights(preset, weights)
    if run is not None:
        folder = RunFolder(run)
        config = folder.config()
        if config.get("task") != task.name:
            raise InputError(f"`run` {run} is a run of {config.get('task')}, not of {task.name}")
        model = folder.load_model()
        options = dict(config["data_options"])
        spec, chosen = options.pop("spec"), config.get("task_options") or {}
        return TrainedModel(model, config["seed"], True, spec, options, chosen, folder.recorded_splits)
    model = presets.load(preset, weights=weights)
    if model.task != task.name:
        raise InputError(f"`preset` {preset} is a {model.task} model, not one for {task.name}")
    if getattr(model, "features_only", False):
        raise InputError(f"`preset` {preset} has no head: it is the `backbone` of a model")
    if collection_of(preset) is not None:
        # Other collections have no cards.
        return TrainedModel(model)
    card = presets.describe(preset, weights=weights)["training"]
    seed, spec = card.get("seed") or 0, card.get("data_spec")
    options, chosen = (_dict_of(preset, card, name) for name in ("data_options", "task_options"))
    old = options.pop("old_draw", False) or _is_old(card)
    splits = functools.partial(_splits_of_preset, preset, weights, old)
    if spec is None:
        return TrainedModel(model, seed, task_options=chosen, splits=splits)
    # Older cards name the embedded set itself; any other data spec has a colon.
    spec = spec if spec != EMBEDDED and ":" in spec else None
    return TrainedModel(model, seed, True, spec, options, chosen, splits)


def _dict_of(preset, card, name):
    """Returns a fact of a card that must be a dict, empty if it is not there."""
    value = card.get(name)
    if not isinstance(value, (dict, type(None))):
        raise InputError(f"`preset` {preset}: its {name} must be a dict. Received: {value!r}")
    return dict(value or {})


def check_flip(source):
    """Refuses to mirror images that mean something else then, such as digits."""
    if not source.mirror:
        raise InputError(f"`flip` is not for {source.name}, whose images must not be mirrored")


def _splits_of_preset(preset, weights, old, **rules):
    """Returns the arguments of `data.load` for the splits of the run that a preset was made from."""
    text = recorded_splits(preset, weights=weights)
    if text is not None:
        return {"recorded": RecordedSplits.parse(text, f"the preset {preset}", **rules)}
    return {"old_draw": True} if old else {}


def _is_old(card):
    """Returns whether version 0.1 wrote a card. Presets of other collections have no version."""
    version = (card.get("versions") or {}).get("keras_cnn_zoo", "")
    return version.startswith("0.1.")
