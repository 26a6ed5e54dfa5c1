"""A space turns choices into arguments of the model, the task, and the recipe."""

import dataclasses
import importlib

import pytest

pytest.importorskip("keras_tuner")
pytest.importorskip("typer")

from keras_cnn_zoo import losses
from keras_cnn_zoo.search import trials
from keras_cnn_zoo.search.engine import SearchOptions, search
from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Classification, Tracking
from tests.search import samples

pytestmark = [pytest.mark.filterwarnings(line) for line in samples.WARNINGS]
PROGRAMS = (
    "classification",
    "deeplab",
    "detection",
    "language",
    "segmentation",
    "speech",
    "text",
    "tracking",
)
SPACE = SearchSpace(
    task=Classification(),
    model="lenet5",
    choices={"width": (0.2, 0.4)},
    task_choices={"loss": ("cross_entropy", "hinge"), "augmentation": {"own": lambda: None, "none": tuple}},
    recipe_choices={"weight_decay": (0.0, 0.5), "batch_size": (4, 8)},
    learning_rate=(1e-3, 1e-2),
    epochs=1,
    max_trials=2,
)
VALUES = {"width": 0.2, "loss": "hinge", "augmentation": "none", "weight_decay": 0.5, "batch_size": 8}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_has_a_space_of_its_name_with_loss_data_and_schedule(program):
    space = importlib.import_module(f"tuning.{program}").SPACE
    assert space.name == program
    assert space.task_choices and {"weight_decay", "warmup"} <= set(space.recipe_choices)
    assert (
        len(set(space.names)) == len(space.choices) + len(space.task_choices) + len(space.recipe_choices) + 1
    )
    for name, values in {**space.task_choices, **space.recipe_choices}.items():
        for value in values:
            assert type(space.task_for({name: value})) is type(space.task)


def test_a_task_has_what_was_chosen_and_nothing_else_changes():
    task = SPACE.task_for(VALUES)
    assert isinstance(task.loss(), losses.MulticlassHinge) and not task.augmentation.layers
    assert (task.recipe.weight_decay, task.recipe.batch_size) == (0.5, 8)
    assert Classification().recipe == SPACE.task.recipe == Classification.recipe
    assert SPACE.task_for({}).recipe == Classification.recipe


def test_arguments_of_the_task_hold_in_every_trial():
    space = dataclasses.replace(SPACE, task=Tracking(), task_arguments={"pairs": 7}, task_choices={})
    assert space.task_for({}).pairs == 7


def test_a_trial_is_trained_as_chosen(tmp_path, monkeypatch):
    seen = []

    def train(model, batches, keeper, first):
        decay = model.optimizer.weight_decay
        seen.append((type(model.loss).__name__, decay, batches.batch_size, keeper.task.loss_name))
        keeper.best, keeper.best_epoch = 0.5, 1
        model.save_weights(keeper.folder.file(trials.WEIGHTS))

    monkeypatch.setattr(trials, "train", train)
    data = samples.write_archive(tmp_path / "data.npz")
    search(SPACE, SearchOptions(data=data, out=str(tmp_path / "out"), max_trials=6))
    assert len(set(seen)) > 2
    names = {"cross_entropy": "SparseCategoricalCrossentropy", "hinge": "MulticlassHinge"}
    assert all(loss == names[chosen] for loss, _, _, chosen in seen)
    assert {decay for _, decay, _, _ in seen} <= {0.0, 0.5} and {size for *_, size, _ in seen} <= {4, 8}
