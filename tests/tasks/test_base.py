"""A task holds choices: other choices are another task, and inputs become answers in one way."""

import copy
import dataclasses
import json
import pickle

import keras
import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("sklearn")

from keras_cnn_zoo import tasks
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.training import FitOptions
from keras_cnn_zoo.training.start import starting_model
from keras_cnn_zoo.training.validation import Keeper
from keras_cnn_zoo.utils.errors import InputError


def test_another_task_has_the_new_arguments_and_this_one_stays():
    task = tasks.Detection(turns=True)
    other = task.configured(recipe={"epochs": 3}, scale=(1.0, 1.1), image_size=(64, 96))
    assert (other.turns, other.scale, other.image_size) == (True, (1.0, 1.1), (64, 96))
    assert (task.scale, task.image_size, task.recipe) == ((0.6, 1.6), None, tasks.Detection.recipe)
    assert other.recipe == dataclasses.replace(task.recipe, epochs=3)
    assert other.configured(turns=False).recipe.epochs == 3


def test_attributes_set_by_a_caller_survive_another_recipe():
    task = tasks.Detection()
    task.turns = "set by hand"
    assert task.configured(recipe={"epochs": 3}).turns == "set by hand"


@pytest.mark.parametrize(
    ("recipe", "arguments", "message"),
    [
        ({}, {"turn": 1}, "the task detection takes scale, turns, .* Received: turn"),
        ({}, {"image_size": [0, 3]}, "`image_size` must be two positive integers. Received: \\[0, 3\\]"),
        ({}, {"self": 1}, "the task detection takes scale, .* Received: self"),
        ({"self": 1}, {}, "a recipe has epochs, .* Received: self"),
        ({"epoch": 1}, {}, "a recipe has epochs, .* Received: epoch"),
        ({"epochs": 2.5}, {}, "`epochs` must be an integer of at least 1. Received: 2.5"),
        ({"batch_size": True}, {}, "`batch_size` must be an integer"),
        ({"learning_rate": "fast"}, {}, "`learning_rate` must be a positive number. Received: 'fast'"),
        ({"weight_decay": -1}, {}, "`weight_decay` must be a number of at least 0. Received: -1"),
        ({"warmup": 1}, {}, "`warmup` must be a number in \\[0, 1\\). Received: 1"),
    ],
)
def test_bad_choices_are_refused(recipe, arguments, message):
    with pytest.raises(InputError, match=message):
        tasks.Detection().configured(recipe=recipe, **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 2, "recipe_options": {"epochs": 3}}, "`epochs` and `recipe.epochs` exclude each other"),
        (
            {"image_size": (8, 8), "task_options": {"image_size": [9, 9]}},
            "`image_size` and `task.image_size` exclude each other",
        ),
        (
            {"recipe_options": {"fine_tune_learning_rate": 0.1}},
            "`recipe.fine_tune_learning_rate` needs `preset`",
        ),
        (
            {"preset": "a", "learning_rate": 0.1, "recipe_options": {"fine_tune_learning_rate": 0.1}},
            "`learning_rate` and `recipe.fine_tune_learning_rate` exclude each other",
        ),
        ({"preset": "a", "variant": ""}, "`variant` must not be empty"),
        ({"model": ""}, "`model` must not be empty"),
        ({"out": ""}, "`out` must not be empty"),
        ({"seed": 2**32}, "`seed` must be at least 0 and below 4294967296. Received: 4294967296"),
        (
            {"task_options": {"augmentation": (object(),)}},
            "`task_options` must have JSON values: Object of type",
        ),
    ],
)
def test_one_choice_is_given_once_and_none_is_ignored(options, message):
    with pytest.raises(InputError, match=message):
        FitOptions(**options).check()


def test_a_recipe_is_not_an_argument_of_a_task():
    with pytest.raises(InputError, match="the task classification has no argument recipe: .* `recipe.NAME`"):
        FitOptions(task_options={"recipe": 1}).configured(tasks.Classification())


@pytest.mark.parametrize("name", ["num_classes", "class_names"])
def test_the_classes_of_a_new_model_are_those_of_the_data(name):
    task = tasks.Classification()
    with pytest.raises(InputError, match=f"`model_options` {name}: the data have the classes"):
        starting_model(task, task.load(), FitOptions(model_options={name: 10}))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("classification", {"augmentation": "none"}, "`augmentation` must be .* Received: 'none'"),
        ("detection", {"augmentation": [1]}, r"`augmentation` must be .* Received: \[1\]"),
        ("detection", {"scale": 5}, "`scale` must be two positive numbers, .* Received: 5"),
        ("detection", {"scale": [2, 1]}, r"`scale` must be two positive numbers, .* Received: \[2, 1\]"),
        ("detection", {"turns": 1}, "`turns` must be True or False"),
        ("segmentation", {"crop_scale": [0, 1]}, "`crop_scale` must be two positive numbers"),
        ("segmentation", {"crop_scale": None}, "`crop_scale` must be two positive numbers"),
        ("segmentation", {"crop_scale": [float("nan"), 1]}, "`crop_scale` must be two positive numbers"),
        ("speech", {"speed": "fast"}, "`speed` must be a finite number at least 0 and below 1"),
        ("speech", {"shift": -1}, "`shift` must be a finite number at least 0"),
        ("speech", {"noise_db": [0, -5]}, "`noise_db` must be two finite numbers, the smaller one first"),
        ("language", {"vocabulary_size": 1.5}, "`vocabulary_size` must be a positive integer"),
        ("language", {"min_count": "2"}, "`min_count` must be a positive integer"),
        ("text", {"synthetic": 1}, "`synthetic` must be a finite number"),
        ("tracking", {"pairs": 2.5}, "`pairs` must be a positive integer"),
        ("tracking", {"val_sequences": 0}, "`val_sequences` must be a positive integer"),
        ("tracking", {"val_frames": "3"}, "`val_frames` must be a positive integer"),
        ("tracking", {"strengths": {"blur": 1}}, "`strengths` must be a `Strengths` or None"),
        ("tracking", {"tracker": ["ab"]}, "`tracker` must be a dict with context, "),
        ("tracking", {"tracker": {"scale": 3}}, "`tracker` must be a dict with context, "),
    ],
)
def test_a_bad_argument_of_a_task_is_refused_before_anything_is_written(name, arguments, message, tmp_path):
    options = FitOptions(task_options=arguments, out=str(tmp_path / "run"))
    with pytest.raises(InputError, match=f"the task {name}: {message}"):
        tasks.fit(tasks.TASKS[name](), options)
    assert not (tmp_path / "run").exists()


class PassedOn(tasks.Classification):
    """Passes on what it does not know."""

    def __init__(self, *args, extra=1, **kwargs):
        super().__init__(*args, **kwargs)
        self.extra = extra


class Popped(tasks.Classification):
    """Takes an argument out of others."""

    def __init__(self, **kwargs):
        self.extra = kwargs.pop("extra", 1)
        super().__init__(**kwargs)


class PositionsOnly(tasks.Classification):
    """Takes arguments without names."""

    def __init__(self, *args):
        super().__init__(*args)


class Required(tasks.Classification):
    """Has arguments without a default."""

    def __init__(self, loss, /, image_size=None, *, extra):
        super().__init__(loss=loss, image_size=image_size)
        self.extra = extra


@dataclasses.dataclass
class Fields(tasks.Classification):
    """Has its arguments as fields."""

    extra: int = 1

    def __post_init__(self):
        super().__init__(loss="hinge")


@dataclasses.dataclass(frozen=True)
class Frozen(tasks.Task):
    """Has fields that cannot be set."""

    name = "frozen"
    extra: int = 1


class Bare(tasks.Task):
    """Has no constructor."""

    name = "bare"


def copies(task):
    return [task, copy.copy(task), copy.deepcopy(task), pickle.loads(pickle.dumps(task))]


@pytest.mark.parametrize(
    "task",
    [
        PassedOn(loss="hinge", extra=2),
        PassedOn(None, "hinge", extra=2),
        Popped(loss="hinge", extra=2),
        Required("hinge", extra=2),
    ],
    ids=["keywords", "positions", "popped", "required"],
)
def test_subclasses_may_have_any_constructor(task):
    for one in copies(task):
        other = one.configured(recipe={"epochs": 3}, image_size=(20, 30))
        assert type(other) is type(task) and other.image_size == (20, 30)
        assert (other.loss_name, other.extra, other.recipe.epochs) == ("hinge", 2, 3)
        assert other.configured(image_size=None).extra == 2 and one.image_size is None


@pytest.mark.parametrize("task", [Fields(2), Frozen(2), Frozen(extra=2)], ids=["open", "frozen", "named"])
def test_dataclasses_can_be_tasks(task):
    for one in copies(task):
        assert one.configured(recipe={"epochs": 3}).recipe.epochs == 3
        other = one.configured(recipe={"epochs": 3}, extra=4)
        assert (one.extra, other.extra, other.recipe.epochs) == (2, 4, 3)


def test_arguments_without_a_name_stay():
    task = PositionsOnly(None, "hinge")
    for one in copies(task):
        assert one.configured(recipe={"epochs": 3}).loss_name == "hinge"
    with pytest.raises(InputError, match="the task classification takes no arguments. Received: loss"):
        task.configured(loss="hinge")


def test_a_task_without_a_constructor_takes_no_arguments():
    assert Bare().configured(recipe={"epochs": 3}).recipe.epochs == 3
    with pytest.raises(TypeError):
        Bare(1)
    with pytest.raises(TypeError):
        Bare(loss=1)


def test_a_run_records_the_arguments_and_the_recipe_of_its_task():
    task = tasks.Detection(turns=True, scale=(0.5, 1.0)).configured(recipe={"warmup": 0.5, "epochs": 9})
    options = FitOptions(image_size=(64, 96), epochs=3, recipe_options={"weight_decay": 0})
    recorded = options.record(options.configured(task))
    # As it is read from `config.json`.
    assert recorded == json.loads(json.dumps(recorded))
    assert recorded["task_options"] == {"turns": True, "scale": [0.5, 1.0]}
    assert recorded["recipe_options"] == {"warmup": 0.5, "weight_decay": 0}
    assert (recorded["image_size"], recorded["epochs"]) == ([64, 96], 3)
    again = tasks.Detection().configured(**recorded["task_options"])
    assert (again.turns, again.scale) == (True, (0.5, 1.0))


def test_a_run_without_choices_records_none():
    for options in (FitOptions(), FitOptions(preset="lenet5_mnist", epochs=2)):
        recorded = options.record(options.configured(tasks.Classification()))
        assert not {"task_options", "recipe_options"} & recorded.keys()


class AnySize:
    """A network of which only the input shape is asked."""

    input_shape = (None, None, None, 1)


@pytest.mark.parametrize("name", sorted(tasks.TASKS))
def test_no_inputs_have_no_answers(name):
    assert tasks.TASKS[name]().answers(AnySize(), []) == []


def test_a_preset_learns_at_the_rate_for_fine_tuning_unless_another_is_given():
    task = tasks.Classification()
    rate = {
        "preset": FitOptions(preset="lenet5_mnist"),
        "given": FitOptions(preset="lenet5_mnist", learning_rate=0.5),
        "recipe": FitOptions(preset="lenet5_mnist", recipe_options={"learning_rate": 0.25}),
        "changed": FitOptions(preset="lenet5_mnist", recipe_options={"fine_tune_learning_rate": 0.125}),
        "new": FitOptions(),
    }
    found = {name: options.configured(task).recipe.learning_rate for name, options in rate.items()}
    assert found == {"preset": 1e-3, "given": 0.5, "recipe": 0.25, "changed": 0.125, "new": 2e-3}


class Halves:
    """A model whose answer is the mean of the left and right half of an image."""

    def __init__(self):
        self.batches = []

    def preprocess(self, images):
        return np.stack(images).astype("float32")

    def predict_on_batch(self, images):
        self.batches.append(len(images))
        middle = images.shape[2] // 2
        return np.stack([images[:, :, :middle].mean((1, 2, 3)), images[:, :, middle:].mean((1, 2, 3))], 1)

    def decode(self, outputs):
        return [{"class_id": int(row.argmax())} for row in outputs]


def test_answers_do_not_depend_on_the_batch_and_every_batch_has_one_size():
    images = [np.random.default_rng(i).integers(0, 256, (4, 4, 1)).astype("uint8") for i in range(5)]
    task, model = tasks.Classification(), Halves()
    together = task.answers(model, images, batch_size=2)
    assert model.batches == [2, 2, 2]
    assert together == [task.answers(model, [image])[0] for image in images]
    assert model.batches[3:] == [1] * 5 and len(together) == 5


class Adversarial(keras.Model):
    """Trains a classifier together with a critic, which learns to tell its logits from true classes."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.critic = keras.layers.Dense(1, name="critic")
        self.critic.build((None, model.num_classes))
        self.built = True

    def call(self, inputs, training=None):
        return self.model(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        true = keras.ops.one_hot(y, self.model.num_classes)
        deceived = y_pred @ keras.ops.stop_gradient(self.critic.kernel.value)
        critic = keras.ops.softplus(-self.critic(true)) + keras.ops.softplus(
            self.critic(keras.ops.stop_gradient(y_pred))
        )
        own = super().compute_loss(x, y, y_pred, sample_weight, training)
        return own + keras.ops.mean(critic) + 0.1 * keras.ops.mean(keras.ops.softplus(-deceived))


class WithCritic(tasks.Classification):
    """Classification with a second network in training."""

    trainers = []

    def trainer(self, model):
        self.trainers.append(Adversarial(model))
        return self.trainers[-1]


class Cut(Exception):
    pass


def test_two_networks_train_together_and_resume_bit_for_bit(digits_npz, tmp_path, monkeypatch):
    def fit(out, **more):
        options = FitOptions(
            data=f"npz:{digits_npz}", width=0.2, epochs=3, batch_size=8, out=str(tmp_path / out), **more
        )
        return tasks.fit(WithCritic(), options)

    def cut_off(self, batch, logs=None):
        if self.history:
            raise Cut

    whole, metrics = fit("whole")
    critic = WithCritic.trainers[-1].critic.get_weights()
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_batch_end", cut_off)
        with pytest.raises(Cut):
            fit("cut")
    resumed, again = fit("cut", resume=True)
    trainer = WithCritic.trainers[-1]
    for one, other in zip(
        [*whole.get_weights(), *critic], [*resumed.get_weights(), *trainer.critic.get_weights()], strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert metrics == again and trainer.model is resumed
    histories = [(tmp_path / out / "history.csv").read_text() for out in ("whole", "cut")]
    assert histories[0] == histories[1] and len(histories[0].splitlines()) == 4
    # The critic learned, and is not in what the run leaves.
    assert np.abs(critic[1]).max() > 0
    kept = keras.saving.load_model(tmp_path / "whole" / "model.keras", compile=False)
    assert type(kept) is type(whole) and len(kept.weights) == len(whole.weights)
    with np.load(tmp_path / "whole" / "checkpoint.npz") as checkpoint:
        assert sum(name.startswith("model/") for name in checkpoint.files) > len(whole.variables)


def test_a_set_is_computed_once_per_data_set():
    calls = []
    source = tasks.Classification().load()
    assert [source.once("answer", lambda: calls.append(1) or 42) for _ in range(3)] == [42] * 3
    other = dataclasses.replace(source, splits=dict.fromkeys(source.splits, Split.empty()))
    assert other.once("answer", lambda: 43) == 43 and calls == [1]
