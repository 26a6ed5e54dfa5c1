"""The examples on which `export` measures the range of activations."""

import os

import numpy as np

from keras_cnn_zoo.training.run_folder import announce
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

# More examples change the ranges little.
MOST = 100
SPLITS = ("train", "val", "test")


def examples(task, trained, network, facts, *, data=None, split="val", data_options=None):
    """Returns a function that iterates over inputs of a deployable network, each a batch of one.

    The data are read here, so that nothing is written if they cannot be.

    Args:
        task: the task.
        trained: the `TrainedModel`.
        network: the deployable network.
        facts: what `Task.deployable_facts` returns.
        data: a data spec; None for the recorded data.
        split: "train", "val", or "test".
        data_options: dict of reader options, or None.

    Raises:
        InputError: for an unknown or empty split, and if no data are recorded or the recorded ones are gone.
    """
    if split not in SPLITS:
        raise InputError(f"`split` must be one of {', '.join(SPLITS)}. Received: {split!r}")
    source = _source(task, trained, data, dict(data_options or {}))
    announce(source)
    chosen = source.split(split)
    count = min(MOST, len(chosen))
    say(f"activations are measured on {count} of {len(chosen)} examples of {source.name} ({split})")
    places = np.linspace(0, len(chosen) - 1, count).round().astype(int)

    def generate():
        for place in places:
            inputs = task.measuring_batch(trained.model, source, [chosen[int(place)]])[0]
            yield as_deployable_inputs(inputs, network, facts)

    return generate


def as_deployable_inputs(inputs, network, facts):
    """Returns inputs of a model as those of its deployable network, which scales images itself.

    Args:
        inputs: what `preprocess` of the model returns.
        network: the deployable network.
        facts: what `Task.deployable_facts` returns.

    Returns:
        A dict from the name of an input to an array.
    """
    names = [tensor.name for tensor in network.inputs]
    inputs = inputs if isinstance(inputs, dict) else {names[0]: inputs}
    found = {}
    for tensor in network.inputs:
        array = np.asarray(inputs[tensor.name])
        scaling = facts.get("inputs", {}).get(tensor.name, {}).get("scaling_inside")
        if scaling is not None:
            array = array * np.asarray(scaling["std"]) + np.asarray(scaling["mean"])
        found[tensor.name] = array.astype(tensor.dtype)
    return found


def _source(task, trained, data, given):
    """Returns the data that are named, or those of the run with its splits."""
    spec = trained.spec if data is None else data
    options = {"seed": trained.seed, **trained.naming(spec)}
    if data is not None:
        return task.load(data, **{**options, **given})
    if not trained.has_data:
        raise InputError("`data` is needed for `quantize` full, because no data are recorded")
    if spec is not None:
        kind, _, path = spec.partition(":")
        if kind != "tfds" and not os.path.exists(path):
            raise InputError(f"`data` is needed for `quantize` full: the recorded data {spec} are not there")
        options |= trained.data_options
    splits = {} if "split_file" in given else trained.splits()
    return task.load(spec, **{**options, **given, **splits})
