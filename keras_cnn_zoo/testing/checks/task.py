"""The guarantees of a task: pure batches, one answer per item, plain measures, and arguments by name."""

import copy
import json
import math
import os
import tempfile

import keras

from keras_cnn_zoo.testing.equality import difference
from keras_cnn_zoo.testing.guarantees import Broken

SEED = (3, 1, 2)
TOLERANCE = 1e-4  # Of scores of one item alone and in a batch: the order of sums differs.
UNKNOWN = "an_argument_of_no_task"

PURE = "derive every draw from `seed` and the example, and build new arrays"
NAMED = "compare the names with the arguments that the task has, and raise InputError with the unknown name"


def check_description(case):
    """Checks C1 for tasks: the attributes, and `configured`, which leaves the old task as it was."""
    task = case.task
    for name in ("name", "default_model", "metric"):
        value = getattr(task, name, None)
        if not isinstance(value, str) or not value:
            raise Broken(f"`{name}` is {value!r}, not a name", f"set the attribute `{name}` to a string")
    if task.default_model not in task.models:
        what = f"the default model {task.default_model!r} is not in `models`: {', '.join(task.models)}"
        raise Broken(what, "add the class to `models`, a dict from names to classes")
    if getattr(task, "recipe", None) is None:
        raise Broken("`recipe` is missing", "set the attribute `recipe`")
    before = _snapshot(vars(task))
    new = task.configured(**case.arguments)
    if new is task or type(new) is not type(task):
        what = f"`configured` returns {'the task itself' if new is task else type(new).__name__}"
        raise Broken(what, "return a new task of the same class")
    changed = difference(vars(task), before, place="task")
    if changed:
        raise Broken(f"`configured` changes the old task: {changed}", "change a copy")
    if case.arguments and difference(vars(new), vars(task)) is None:
        names = ", ".join(case.arguments)
        raise Broken(f"`configured` ignores {names}", "store the arguments in the new task")


def _snapshot(values):
    """Returns a copy of a dict. An object that never equals its copy stays itself."""
    copies = copy.deepcopy(values)
    return {
        name: copies[name] if difference(copies[name], value) is None else value
        for name, value in values.items()
    }


def check_arguments(case):
    """Checks C11 for tasks: an unknown argument of `configured` is refused by name."""
    try:
        case.task.configured(**{UNKNOWN: 1})
    except (TypeError, ValueError) as error:
        if UNKNOWN not in str(error):
            what = f"the error for an unknown argument does not name it: {str(error)!r}"
            raise Broken(what, NAMED) from error
    else:
        raise Broken("`configured` accepts an argument that it does not know", NAMED)


def check_batches(case):
    """Checks C3 for tasks: the form of batches, and one answer per item."""
    task = case.task
    source, model, examples = case.made()
    named = [getattr(one, "class_names", None) for one in (model, source)]
    if all(named) and tuple(named[0]) != tuple(named[1]):
        what = f"the model has the classes {', '.join(named[0])}, and the data {', '.join(named[1])}"
        raise Broken(what, "build the model with the class names of the data")
    for name, batch in (
        ("training_batch", task.training_batch(model, source, examples, SEED)),
        ("measuring_batch", task.measuring_batch(model, source, examples)),
    ):
        if not isinstance(batch, tuple) or len(batch) not in (2, 3):
            raise Broken(f"`{name}` returns a {type(batch).__name__}", "return (x, y[, sample_weight])")
        sizes = {len(leaf) for leaf in keras.tree.flatten(batch[0])}
        if sizes != {len(examples)}:
            what = f"`{name}` gives {sorted(sizes)} inputs for {len(examples)} examples"
            raise Broken(what, "give one input per example")
    items = [task.item(example) for example in examples]
    answers = task.answers(model, items)
    if not isinstance(answers, list) or len(answers) != len(items):
        what = f"`answers` gives {_count(answers)} for {len(items)} items"
        raise Broken(what, "return a list with one answer per item")


def _count(answers):
    return f"{len(answers)} answers" if isinstance(answers, list) else f"a {type(answers).__name__}"


def check_purity(case):
    """Checks C10 for tasks: batches and answers depend on their arguments only, and change no example."""
    task = case.task
    source, model, examples = case.made()
    before = copy.deepcopy(examples)
    again = task.load(case.spec).split(case.split)
    differs = difference(
        [again[i] for i in range(min(len(examples), len(again)))], examples, place="examples"
    )
    if differs or len(again) != len(source.split(case.split)):
        differs = differs or f"{len(again)} examples"
        raise Broken(f"`load` gives other data a second time: {differs}", "draw splits from a fixed seed")
    for words, make in (
        ("training_batch", lambda: task.training_batch(model, source, examples, SEED)),
        ("measuring_batch", lambda: task.measuring_batch(model, source, examples)),
    ):
        first, second = _twice(make)
        differs = difference(second, first, place="batch")
        if differs:
            raise Broken(f"`{words}` gives another batch a second time: {differs}", PURE)
        differs = difference(examples, before, place="examples")
        if differs:
            raise Broken(f"`{words}` changes an example: {differs}", PURE)
    items = [task.item(example) for example in examples]
    first, second = _twice(lambda: task.answers(model, items))
    differs = difference(second, first, place="answers", tolerance=TOLERANCE)
    if differs:
        raise Broken(f"`answers` gives other answers a second time: {differs}", "run the model at inference")
    for batch_size in (None, 1, 2):
        alone = [task.answers(model, [item], batch_size=batch_size)[0] for item in items]
        together = task.answers(model, items, batch_size=batch_size)
        for found in (alone, together):
            differs = difference(found, first, place="answers", tolerance=TOLERANCE)
            if differs:
                what = f"an item alone, or batch_size={batch_size}, gives another answer: {differs}"
                raise Broken(what, "let no answer depend on the other items of its batch")
    differs = difference(examples, before, place="examples")
    if differs:
        raise Broken(f"`item` or `answers` changes an example: {differs}", PURE)


def _twice(make):
    """Returns two results of a function under different global seeds."""
    results = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        results.append(make())
    return results


def check_trainer(case):
    """Checks C2 for tasks: the trainer is the model, or holds it as `model` with all its variables."""
    _, model, _ = case.made()
    trainer = case.task.trainer(model)
    if not isinstance(trainer, keras.Model):
        raise Broken(f"`trainer` returns a {type(trainer).__name__}", "return a keras.Model")
    if trainer is not model and getattr(trainer, "model", None) is not model:
        raise Broken("the trainer does not hold the model", "store the model as the attribute `model`")
    held = {id(variable) for variable in trainer.variables}
    lost = [variable.path for variable in model.variables if id(variable) not in held]
    if lost:
        what = f"the trainer does not save {len(lost)} variables of the model, such as {lost[0]}"
        raise Broken(what, "store the model as an attribute of the trainer, so that Keras tracks it")


def check_files(case):
    """Checks C12 for tasks: the deployable form is functional; descriptions are JSON, files are saved."""
    task = case.task
    _, model, examples = case.made()
    deployable = task.deployable(model)
    if not isinstance(deployable, keras.Model) or not getattr(deployable, "inputs", None):
        what = f"`deployable` returns a {type(deployable).__name__} that is not functional"
        raise Broken(what, "return keras.Model(inputs, outputs)")
    item = task.item(examples[0])
    answer = task.answers(model, [item])[0]
    described = task.describe(model, item, answer)
    if not isinstance(described, tuple) or len(described) != 2:
        raise Broken(f"`describe` returns a {type(described).__name__}", "return (dict, {suffix: object})")
    description, files = described
    try:
        json.dumps(description, allow_nan=False)
    except (TypeError, ValueError) as error:
        what = f"the description is not strict JSON ({error})"
        raise Broken(what, "convert arrays and NumPy numbers to lists and Python numbers") from error
    if not isinstance(description, dict):
        raise Broken(f"the description is a {type(description).__name__}", "return a dict")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, file in files.items():
            path = os.path.join(folder, f"answer{suffix}")
            file.save(path)
            if not os.path.isfile(path):
                raise Broken(
                    f"the file {suffix!r} of a description was not saved", "write to `path` in `save`"
                )


def check_measures(case):
    """Checks C13 for tasks: `evaluate` and `baseline` give plain finite numbers under the same names."""
    task = case.task
    source, model, _ = case.made()
    found = {
        "evaluate": task.evaluate(model, source, case.split),
        "baseline": task.baseline(source, case.split),
    }
    for words, measures in found.items():
        for name, value in measures.items():
            if type(value) not in (int, float) or not math.isfinite(value):
                what = f"`{words}` gives {name}={value!r}"
                raise Broken(what, "return finite Python numbers: float(...) of arrays, a value for 0 / 0")
        if task.metric not in measures:
            what = f"`{words}` gives {', '.join(measures)}, without the metric {task.metric!r}"
            raise Broken(what, "return the metric that selects the best epoch")
    if set(found["evaluate"]) != set(found["baseline"]):
        only = sorted(set(found["evaluate"]) ^ set(found["baseline"]))
        what = f"`evaluate` and `baseline` do not have the same keys: {', '.join(only)}"
        raise Broken(what, "measure the baseline with the function that measures the model")
