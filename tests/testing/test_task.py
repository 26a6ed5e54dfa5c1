"""check_task: a small right task meets it, and one wrong task for each thing that it refuses."""

import copy
import dataclasses
import math
import types

import keras
import numpy as np
import pytest

from keras_cnn_zoo.testing import ContractError, check_task
from tests.testing.parts import register


@register
class Line(keras.Model):
    """A functional model of the fake task."""

    def __init__(self, **kwargs):
        inputs = keras.Input((3,))
        super().__init__(inputs, keras.layers.Dense(2, name="scores")(inputs), **kwargs)


class Text:
    """A file that can be saved."""

    def __init__(self, text):
        self.text = text

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text)


class Right:
    """A right task on random vectors of two classes; the wrong ones change one thing."""

    name = "lines"
    models = {"line": Line}
    default_model = "line"
    metric = "accuracy"
    recipe = types.SimpleNamespace(epochs=1)

    def __init__(self):
        self.noise = 0.1
        self.part = object()  # It never equals its copy.

    def load(self, spec=None):
        rng = np.random.default_rng(0)
        examples = [
            {"vector": rng.normal(size=3).astype("float32"), "label": int(label)} for label in (0, 1, 1, 0, 1)
        ]
        return types.SimpleNamespace(split=lambda name: examples)

    def build(self, source):
        keras.utils.set_random_seed(7)
        return Line()

    def training_batch(self, model, source, examples, seed):
        x, y = self.measuring_batch(model, source, examples)
        return x + self.noise * np.random.default_rng(seed).normal(size=x.shape), y

    def measuring_batch(self, model, source, examples):
        vectors = np.stack([example["vector"] for example in examples])
        return vectors, np.array([example["label"] for example in examples])

    def item(self, example):
        return example["vector"]

    def answers(self, model, items, *, batch_size=None):
        batch_size = batch_size or len(items)
        starts = range(0, len(items), batch_size)
        outputs = [model(np.stack(items[start : start + batch_size]), training=False) for start in starts]
        scores = np.concatenate([keras.ops.convert_to_numpy(output) for output in outputs])
        return [{"label": int(row.argmax()), "scores": row} for row in scores]

    def describe(self, model, item, answer):
        return {"label": answer["label"], "scores": answer["scores"].tolist()}, {".txt": Text("a line")}

    def evaluate(self, model, source, split):
        examples = source.split(split)
        answers = self.answers(model, [self.item(example) for example in examples])
        pairs = zip(answers, examples, strict=True)
        return {"accuracy": float(np.mean([answer["label"] == one["label"] for answer, one in pairs]))}

    def baseline(self, source, split):
        return {"accuracy": float(np.mean([example["label"] for example in source.split(split)]))}

    def trainer(self, model):
        return model

    def deployable(self, model):
        return model

    def configured(self, **arguments):
        new = copy.copy(self)
        for name, value in arguments.items():
            if name not in vars(self):
                raise ValueError(f"unknown argument {name!r} of the task {self.name}")
            setattr(new, name, value)
        return new


def check(task):
    return check_task(task, arguments={"noise": 0.3})


def test_a_right_task_passes():
    outcomes = check(Right())
    passed = [outcome.guarantee for outcome in outcomes if outcome.status == "pass"]
    assert passed == ["C1", "C2", "C3", "C10", "C11", "C12", "C13"]
    assert {outcome.status for outcome in outcomes} == {"pass", "exempt"}


def test_a_trainer_that_holds_the_model_passes():
    class Trainer(keras.Model):
        def __init__(self, model):
            super().__init__()
            self.model = model
            self.scale = self.add_weight(name="scale", shape=())

    class WithTrainer(Right):
        def trainer(self, model):
            return Trainer(model)

    check(WithTrainer())


class NoMetric(Right):
    metric = None


class UnknownDefault(Right):
    default_model = "circle"


class NoRecipe(Right):
    recipe = None


class ConfiguresItself(Right):
    def configured(self, **arguments):
        for name, value in arguments.items():
            setattr(self, name, value)
        return self


class ConfiguresItselfAndACopy(Right):
    def configured(self, **arguments):
        self.noise = arguments.get("noise", self.noise)
        return super().configured(**arguments)


class IgnoresArguments(Right):
    def configured(self, **arguments):
        return copy.copy(self)


class AcceptsAnything(Right):
    def configured(self, **arguments):
        new = copy.copy(self)
        vars(new).update(arguments)
        return new


class RefusesWithoutTheName(Right):
    def configured(self, **arguments):
        if set(arguments) - set(vars(self)):
            raise ValueError("one of the arguments is wrong")
        return super().configured(**arguments)


class GivesOneInputLess(Right):
    def measuring_batch(self, model, source, examples):
        x, y = super().measuring_batch(model, source, examples)
        return x[1:], y[1:]


class GivesADict(Right):
    def training_batch(self, model, source, examples, seed):
        x, y = super().training_batch(model, source, examples, seed)
        return {"x": x, "y": y}


class GivesOneAnswerForAll(Right):
    def answers(self, model, items, *, batch_size=None):
        return super().answers(model, items)[:1]


class GivesAnArray(Right):
    def answers(self, model, items, *, batch_size=None):
        return np.zeros(len(items))


class DrawsFromNumPy(Right):
    def training_batch(self, model, source, examples, seed):
        x, y = self.measuring_batch(model, source, examples)
        return x + np.random.normal(size=x.shape), y


class DrawsWhileMeasuring(Right):
    def measuring_batch(self, model, source, examples):
        x, y = super().measuring_batch(model, source, examples)
        return x + np.random.normal(size=x.shape), y

    def training_batch(self, model, source, examples, seed):
        return super().measuring_batch(model, source, examples)


class ScalesExamples(Right):
    def training_batch(self, model, source, examples, seed):
        for example in examples:
            example["vector"] *= 0.5
            example["vector"] /= 0.5000001
        return np.zeros((len(examples), 3)), np.zeros(len(examples))


class ScalesWhileMeasuring(Right):
    def measuring_batch(self, model, source, examples):
        batch = super().measuring_batch(model, source, examples)
        examples[0]["label"] = 5
        return batch[0], np.zeros(len(examples))

    def training_batch(self, model, source, examples, seed):
        return super().measuring_batch(model, source, examples)


class ItemChangesExample(Right):
    def item(self, example):
        vector = example["vector"].copy()
        example["label"] = 7
        return vector


class NormalizesOverTheBatch(Right):
    def answers(self, model, items, *, batch_size=None):
        return super().answers(model, [item / np.max(np.abs(items)) for item in items])


class LoadsOneMoreEachTime(Right):
    def load(self, spec=None):
        self.noise += 1
        examples = super().load().split("test")[: 3 + int(self.noise)]
        return types.SimpleNamespace(split=lambda name: examples)


class ModelHasOtherClasses(Right):
    def load(self, spec=None):
        return types.SimpleNamespace(split=super().load().split, class_names=("a", "b", "c"))

    def build(self, source):
        model = super().build(source)
        model.class_names = ("a", "b")
        return model


class AnswersAtRandom(Right):
    def answers(self, model, items, *, batch_size=None):
        return [int(value) for value in np.random.randint(1000, size=len(items))]


class TrainsSomethingElse(Right):
    def trainer(self, model):
        return Line()


class ForgetsVariables(Right):
    def trainer(self, model):
        trainer = Line()
        object.__setattr__(trainer, "model", model)
        return trainer


class TrainsAFunction(Right):
    def trainer(self, model):
        return lambda inputs: inputs


class DeploysAFunction(Right):
    def deployable(self, model):
        return lambda inputs: model(inputs)


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


class DeploysASubclass(Right):
    def deployable(self, model):
        return Subclassed()


class DescribesWithArrays(Right):
    def describe(self, model, item, answer):
        return answer, {}


class DescribesWithoutFiles(Right):
    def describe(self, model, item, answer):
        return {"label": answer["label"]}


class SavesNothing(Right):
    def describe(self, model, item, answer):
        return {"label": 1}, {".png": types.SimpleNamespace(save=lambda path: None)}


class GivesNaN(Right):
    def evaluate(self, model, source, split):
        return {"accuracy": math.nan}


class GivesNumPy(Right):
    def baseline(self, source, split):
        return {"accuracy": np.float64(0.5)}


class LacksTheMetric(Right):
    def evaluate(self, model, source, split):
        return {"loss": 1.0}


class MeasuresMore(Right):
    def evaluate(self, model, source, split):
        return {**super().evaluate(model, source, split), "loss": 1.0}


@pytest.mark.parametrize(
    ("guarantee", "task", "message"),
    [
        ("C1", NoMetric, "`metric` is None, not a name"),
        ("C1", UnknownDefault, "the default model 'circle' is not in `models`: line"),
        ("C1", NoRecipe, "`recipe` is missing"),
        ("C1", ConfiguresItself, "`configured` returns the task itself"),
        ("C1", ConfiguresItselfAndACopy, r"`configured` changes the old task: task\['noise'\]"),
        ("C1", IgnoresArguments, "`configured` ignores noise"),
        ("C11", AcceptsAnything, "`configured` accepts an argument that it does not know"),
        ("C11", RefusesWithoutTheName, "the error for an unknown argument does not name it"),
        ("C3", GivesOneInputLess, r"gives \[2\] inputs for 3 examples"),
        ("C3", ModelHasOtherClasses, "the model has the classes a, b, and the data a, b, c"),
        ("C3", GivesADict, "`training_batch` returns a dict"),
        ("C3", GivesOneAnswerForAll, "`answers` gives 1 answers for 3 items"),
        ("C3", GivesAnArray, "`answers` gives a ndarray for 3 items"),
        ("C10", DrawsFromNumPy, "`training_batch` gives another batch a second time"),
        ("C10", DrawsWhileMeasuring, "`measuring_batch` gives another batch a second time"),
        ("C10", ScalesExamples, r"`training_batch` changes an example: examples\[0\]\['vector'\]"),
        ("C10", ScalesWhileMeasuring, "`measuring_batch` changes an example"),
        ("C10", ItemChangesExample, r"`item` or `answers` changes an example: examples\[0\]\['label'\]"),
        ("C10", NormalizesOverTheBatch, "an item alone, or batch_size=None, gives another answer"),
        ("C10", LoadsOneMoreEachTime, "`load` gives other data a second time: 5 examples"),
        ("C10", AnswersAtRandom, "`answers` gives other answers a second time"),
        ("C2", TrainsSomethingElse, "the trainer does not hold the model"),
        ("C2", ForgetsVariables, "the trainer does not save 2 variables of the model"),
        ("C2", TrainsAFunction, "`trainer` returns a function"),
        ("C12", DeploysAFunction, "`deployable` returns a function that is not functional"),
        ("C12", DeploysASubclass, "`deployable` returns a Subclassed that is not functional"),
        ("C12", DescribesWithArrays, "the description is not strict JSON"),
        ("C12", DescribesWithoutFiles, "`describe` returns a dict"),
        ("C12", SavesNothing, "the file '.png' of a description was not saved"),
        ("C13", GivesNaN, "`evaluate` gives accuracy=nan"),
        ("C13", GivesNumPy, r"`baseline` gives accuracy=np.float64\(0.5\)"),
        ("C13", LacksTheMetric, "`evaluate` gives loss, without the metric 'accuracy'"),
        ("C13", MeasuresMore, "`evaluate` and `baseline` do not have the same keys: loss"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_a_wrong_task_is_caught_under_its_guarantee(guarantee, task, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: lines: .*{message}"):
        check(task())


def test_the_data_and_the_arguments_of_the_model_are_passed_on():
    given = []

    class Recording(Right):
        def load(self, spec=None):
            given.append(spec)
            return super().load()

        def build(self, source, *, width=1.0):
            given.append(width)
            return super().build(source)

    check_task(Recording(), "images:here", build_kwargs={"width": 0.25})
    assert given == ["images:here", 0.25, "images:here"]


def test_a_task_may_be_a_dataclass():
    @dataclasses.dataclass
    class Configured(Right):
        noise: float = 0.1

        def configured(self, **arguments):
            return dataclasses.replace(self, **arguments)

    check(Configured())
