"""`backbone_rate`: what each variable learns in a step, and what a run keeps of two optimizers."""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.training import freezing, rates
from keras_cnn_zoo.training.validation import Keeper
from keras_cnn_zoo.utils.errors import InputError
from tests.helpers import run_python
from tests.tasks.test_base import WithCritic

SIZE = (32, 32, 3)
STEPS, PEAK = 40, 1e-2


def small():
    """Returns a classifier with a backbone, whose steps compile fast."""
    images = keras.Input(SIZE)
    x = keras.layers.Conv2D(4, 3, strides=4, use_bias=False, name="stem")(images)
    x = keras.layers.BatchNormalization(name="normalization")(x)
    backbone = keras.Model(images, keras.layers.GlobalAveragePooling2D()(x), name="backbone")
    x = keras.layers.Dense(5, activation="tanh", name="neck")(backbone(images))
    model = keras.Model(images, keras.layers.Dense(3, name="logits")(x))
    model.backbone = backbone
    return model


BUILD = {
    "small": small,
    "DeepLab": lambda: models.DeepLab(3, input_shape=SIZE, width=0.0625),
    "ResNet": lambda: models.ResNet(3, input_shape=SIZE, width=0.0625),
}


@pytest.fixture(autouse=True)
def _float32():
    yield
    keras.config.set_dtype_policy("float32")


def numbers(variables):
    """Returns copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def batch():
    draw = np.random.default_rng(3)
    return draw.normal(size=(4, *SIZE)).astype("float32"), draw.integers(0, 3, 4)


def made(name, *, freeze="none", precision="float32", **arguments):
    """Returns a compiled model with the weights of one seed."""
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(5)
    model = BUILD[name]()
    freezing.apply(model, freeze)
    task = tasks.Classification(**arguments).configured(recipe={"weight_decay": 0.5})
    optimizer = task.optimizer(STEPS, learning_rate=PEAK, model=model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    model.optimizer.build(model.trainable_variables)
    return model


def changes(model, steps=1):
    """Returns what some steps change in each trainable variable."""
    before = numbers(model.trainable_variables)
    for _ in range(steps):
        model.train_on_batch(*batch())
    return [new - old for old, new in zip(before, numbers(model.trainable_variables), strict=True)]


def of_the_backbone(model):
    """Returns for each trainable variable whether it is the backbone's, by the names of the layers."""
    if isinstance(model, models.classifier.Classifier):
        heads = [model.get_layer("logits")]
    else:
        heads = [layer for layer in model.layers if layer is not model.backbone]
    head = {id(variable) for layer in heads for variable in layer.trainable_variables}
    return [id(variable) not in head for variable in model.trainable_variables]


def parts(optimizer):
    """Returns the optimizers of the head and of the backbone."""
    found = {one.name: one for one in optimizer.optimizers}
    assert set(found) == {"head", "backbone"}
    return found["head"], found["backbone"]


def test_a_step_of_the_backbone_is_as_long_as_the_rate_says():
    """Adam's step and the decay of a step are proportional to the learning rate."""
    plain = changes(made("small"))
    model = made("small", backbone_rate=0.25)
    ours = of_the_backbone(model)
    assert sum(ours) == 3 and len(ours) == 7
    for own, full, slow, variable in zip(ours, plain, changes(model), model.trainable_variables, strict=True):
        assert np.abs(full).max() > 0, variable.path
        size = np.abs(numbers([variable])[0]).max()
        np.testing.assert_allclose(
            slow, full * (0.25 if own else 1), rtol=1e-4, atol=2e-7 * size, err_msg=variable.path
        )


def test_several_steps_are_those_of_two_optimizers_by_hand():
    model, other = made("small", backbone_rate=0.25), made("small")
    ours = of_the_backbone(other)

    def by_hand(peak):
        schedule = keras.optimizers.schedules.CosineDecay(
            peak / 100, STEPS - 2, warmup_target=peak, warmup_steps=2
        )
        return keras.optimizers.AdamW(schedule, weight_decay=0.5)

    class Halves:
        """Has what `train_step` asks of an optimizer, and hands each half of the variables to one."""

        def __init__(self):
            self.parts = (by_hand(PEAK), by_hand(0.25 * PEAK))
            for part, own in zip(self.parts, (False, True), strict=True):
                part.build(
                    [v for v, is_own in zip(other.trainable_variables, ours, strict=True) if is_own == own]
                )

        def apply(self, gradients):
            for part, own in zip(self.parts, (False, True), strict=True):
                part.apply([g for g, is_own in zip(gradients, ours, strict=True) if is_own == own])

    halves = Halves()
    x, y = batch()
    for _ in range(3):
        model.train_on_batch(x, y)
        halves.apply(gradients(other, x, y))
    for one, two in zip(model.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_allclose(*numbers([one, two]), rtol=1e-5, atol=1e-6, err_msg=one.path)


def gradients(model, x, y):
    """Returns the gradients of the loss in training mode; moving statistics change as in a step."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients by hand are TensorFlow's here")
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x, training=True))
    return tape.gradient(loss, [variable.value for variable in model.trainable_variables])


@pytest.mark.parametrize("name", sorted(BUILD))
def test_each_variable_has_one_optimizer(name):
    model = made(name, backbone_rate=0.1)
    head, backbone = parts(model.optimizer)
    # Two moments for each variable, and the counter of steps.
    ours = sum(of_the_backbone(model))
    assert len(backbone.variables) == 2 * ours + 1
    assert len(head.variables) == 2 * (len(model.trainable_variables) - ours) + 1
    # All of them are in a checkpoint.
    held = {id(variable) for variable in model.optimizer.variables}
    assert all(id(variable) in held for one in (head, backbone) for variable in one.variables)


def test_a_second_network_with_the_same_names_learns_at_the_full_rate():
    model, twin = BUILD["ResNet"](), BUILD["ResNet"]()
    assert model.variables[0].path == twin.variables[0].path
    optimizer = tasks.Classification(backbone_rate=0.5).optimizer(STEPS, model=model)
    optimizer.build([*model.trainable_variables, *twin.trainable_variables])
    head, backbone = parts(optimizer)
    ours = len(model.trainable_variables) - 2
    assert len(backbone.variables) == 2 * ours + 1
    assert len(head.variables) == 2 * (len(twin.trainable_variables) + 2) + 1


def test_a_rate_of_one_is_the_optimizer_of_before():
    optimizer = tasks.Classification().optimizer(STEPS)
    assert isinstance(optimizer, keras.optimizers.AdamW)
    with_model = tasks.Classification(backbone_rate=1).optimizer(STEPS, model=BUILD["ResNet"]())
    assert isinstance(with_model, keras.optimizers.AdamW)
    configs = [{**one.get_config(), "name": None} for one in (optimizer, with_model)]
    assert configs[0] == configs[1]
    # Models without a backbone are no matter then.
    assert tasks.Classification().optimizer(STEPS, model=models.LeNet5(3)).name


def test_a_frozen_backbone_leaves_one_optimizer():
    assert isinstance(made("DeepLab", freeze="backbone", backbone_rate=0.1).optimizer, keras.optimizers.AdamW)
    model = made("DeepLab", freeze=2, backbone_rate=0.1)
    _, backbone = parts(model.optimizer)
    assert len(backbone.variables) == 2 * len(model.backbone.trainable_variables) + 1
    assert 0 < len(model.backbone.trainable_variables) < len(BUILD["DeepLab"]().backbone.trainable_variables)


@pytest.mark.parametrize("rate", [0, -0.1, 1.5, float("nan"), "0.1", True, None])
def test_other_rates_are_refused(rate):
    with pytest.raises(ValueError, match="`backbone_rate` must be a finite number .*Received"):
        rates.check(rate)
    for cls in (tasks.Classification, tasks.Detection, tasks.Segmentation):
        with pytest.raises(InputError, match=f"the task {cls.name}: `backbone_rate` must be"):
            cls().configured(backbone_rate=rate)


def test_a_model_without_a_backbone_is_refused():
    unet = models.UNet(3, input_shape=SIZE, width=0.0625)
    for task, model in ((tasks.Classification, models.LeNet5(3)), (tasks.Segmentation, unet)):
        message = (
            f"`backbone_rate` must be 1 for {type(model).__name__}, which has no backbone. Received: 0.1"
        )
        with pytest.raises(InputError, match=message):
            task(backbone_rate=0.1).optimizer(STEPS, model=model)
    with pytest.raises(ValueError, match="`optimizer` needs `model` for a `backbone_rate`. Received: 0.1"):
        tasks.Segmentation(backbone_rate=0.1).optimizer(STEPS)


class OfBefore(tasks.Classification):
    """Has a separate optimizer, from the time before `model`."""

    def optimizer(self, steps, *, learning_rate=None):
        return keras.optimizers.SGD(0.1 if learning_rate is None else learning_rate)


def test_optimizers_of_subclasses_that_take_no_model_still_work():
    model = BUILD["ResNet"]()
    assert float(rates.optimizer_of(OfBefore(), model, 3).learning_rate) == pytest.approx(0.1)
    assert float(rates.optimizer_of(OfBefore(), model, 3, learning_rate=0.5).learning_rate) == 0.5
    message = "`backbone_rate` must be 1 for OfBefore, whose `optimizer` takes no `model`. Received: 0.5"
    with pytest.raises(InputError, match=message):
        rates.optimizer_of(OfBefore(backbone_rate=0.5), model, 3)


def test_half_precision_scales_the_loss_of_both():
    model = made("small", backbone_rate=0.25, precision="mixed_float16")
    scaled = model.optimizer
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
    before = numbers(model.trainable_variables)
    model.train_on_batch(*batch())
    for old, variable in zip(before, model.trainable_variables, strict=True):
        new = numbers([variable])[0]
        assert np.isfinite(new).all() and (new != old).any(), variable.path
    both = parts(scaled.inner_optimizer)
    assert [int(one.iterations) for one in both] == [1, 1]
    # A step without finite gradients is left out by both.
    before = numbers(model.trainable_variables)
    x, y = batch()
    model.train_on_batch(np.full_like(x, np.inf), y)
    assert [int(one.iterations) for one in both] == [1, 1]
    for old, new in zip(before, numbers(model.trainable_variables), strict=True):
        np.testing.assert_array_equal(old, new)


def options(data, out, **changed):
    chosen = {"model": "resnet", "width": 0.0625, "epochs": 3, "batch_size": 8, "jit": "off", **changed}
    chosen.setdefault("task_options", {"backbone_rate": 0.25})
    return tasks.FitOptions(data=f"npz:{data}", out=str(out), **chosen)


def test_a_run_with_two_rates_records_them_and_its_file_loads_whole(digits_npz, tmp_path):
    model, _ = tasks.fit(tasks.Classification(), options(digits_npz, tmp_path / "run", epochs=1))
    config = json.loads(pathlib.Path(tmp_path / "run" / "config.json").read_text())
    assert config["task_options"] == {"backbone_rate": 0.25}
    loaded = keras.saving.load_model(tmp_path / "run" / "model.keras")
    found = loaded.optimizer
    assert isinstance(found, keras.optimizers.MultiOptimizer)
    assert [one.name for one in found.optimizers] == [one.name for one in model.optimizer.optimizers]
    for one, other in zip(model.optimizer.variables, found.variables, strict=True):
        assert one.path == other.path
        np.testing.assert_array_equal(*numbers([one, other]), err_msg=one.path)
    events = b"".join(path.read_bytes() for path in (tmp_path / "run" / "tensorboard").rglob("events*"))
    if keras.backend.backend() == "tensorflow":
        assert b"epoch_learning_rate_head" in events and b"epoch_learning_rate_backbone" in events
    with pytest.raises(InputError, match="the run was started with task_options="):
        again = options(digits_npz, tmp_path / "run", epochs=1, task_options={}, resume=True)
        tasks.fit(tasks.Classification(), again)


def test_a_model_without_a_backbone_writes_nothing(digits_npz, tmp_path):
    with pytest.raises(InputError, match="`backbone_rate` must be 1 for LeNet5"):
        tasks.fit(tasks.Classification(), options(digits_npz, tmp_path / "run", model="lenet5"))
    assert not (tmp_path / "run").exists()


class Cut(Exception):
    pass


@pytest.mark.parametrize(
    ("task", "rate", "precision"),
    [
        pytest.param(tasks.Classification, 1, "mixed_float16", id="half precision"),
        pytest.param(WithCritic, 0.25, "float32", id="two networks and rates"),
        pytest.param(tasks.Classification, 0.25, "mixed_float16", marks=pytest.mark.slow, id="all"),
    ],
)
def test_a_run_cut_off_and_resumed_ends_bit_for_bit_the_same(
    task, rate, precision, digits_npz, tmp_path, monkeypatch
):
    # A network with a backbone takes much longer to compile.
    body = property(lambda self: keras.Model(self.input, self.get_layer("logits").input))
    monkeypatch.setattr(models.LeNet5, "backbone", body, raising=False)

    def fit(out, **more):
        # As in a new process: `Classification` makes layers, and `fit` does not reset the precision.
        keras.config.set_dtype_policy("float32")
        chosen = {"model": "lenet5", "width": 0.2, "epochs": 2, "precision": precision, **more}
        chosen["task_options"] = {"backbone_rate": rate}
        model, metrics = tasks.fit(task(), options(digits_npz, tmp_path / out, **chosen))
        return task.trainers[-1] if task is WithCritic else model, metrics

    def cut_off(self, batch, logs=None):
        if self.history:
            raise Cut

    whole, metrics = fit("whole")
    optimizer = getattr(whole.optimizer, "inner_optimizer", whole.optimizer)
    assert isinstance(optimizer, keras.optimizers.MultiOptimizer) == (rate != 1)
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_batch_end", cut_off)
        with pytest.raises(Cut):
            fit("cut")
    resumed, again = fit("cut", resume=True)
    for one, other in zip(whole.optimizer.variables, resumed.optimizer.variables, strict=True):
        np.testing.assert_array_equal(*numbers([one, other]), err_msg=one.path)
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(*numbers([one, other]), err_msg=one.path)
    assert metrics == again


# The end of a script with a function `change`, which trains and returns the changes of the variables.
RATIO = """
full, ours = change()
slow, _ = change(backbone_rate=0.25)
for own, one, other in zip(ours, full, slow):
    ratio = numpy.linalg.norm(other) / numpy.linalg.norm(one)
    assert abs(ratio - (0.25 if own else 1)) < 1e-3, ratio
print("trained")
"""
COMPILED = """
import keras, numpy
from tests.training import test_rates
def change(**more):
    model = test_rates.made("small", **more)
    model.jit_compile = True
    return test_rates.changes(model), test_rates.of_the_backbone(model)
"""
ELSEWHERE = """
import numpy
from tests.training import test_rates
full = test_rates.changes(test_rates.made("small"), 2)
model = test_rates.made("small", backbone_rate=0.25)
slow = test_rates.changes(model, 2)
for own, one, other in zip(test_rates.of_the_backbone(model), full, slow):
    ratio = numpy.linalg.norm(other) / numpy.linalg.norm(one)
    assert (0.2 < ratio < 0.35) if own else (0.9 < ratio < 1.1), ratio
for name in ("DeepLab", "ResNet"):
    test_rates.test_each_variable_has_one_optimizer(name)
print("trained")
"""
TWO_REPLICAS = """
import numpy, tensorflow
config = tensorflow.config
half = config.LogicalDeviceConfiguration()
config.set_logical_device_configuration(config.list_physical_devices("CPU")[0], [half, half])
from tests.training import test_rates
strategy = tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
def change(**more):
    with strategy.scope():
        model = test_rates.made("small", **more)
        before = test_rates.numbers(model.trainable_variables)
    model.fit(*test_rates.batch(), batch_size=4, epochs=1, verbose=0)
    after = test_rates.numbers(model.trainable_variables)
    return [new - old for old, new in zip(before, after)], test_rates.of_the_backbone(model)
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [COMPILED, TWO_REPLICAS], ids=["xla", "replicas"])
def test_compiled_and_on_two_replicas(script):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("other backends compile without this, and distribution strategies are TensorFlow's")
    result = run_python("-c", script + RATIO)
    assert result.stdout.split()[-1:] == ["trained"], result.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_and_divide_the_networks_alike(backend, monkeypatch):
    pytest.importorskip(backend)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    result = run_python("-c", ELSEWHERE)
    assert result.stdout.split()[-1:] == ["trained"], result.stderr[-3000:]
