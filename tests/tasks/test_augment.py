"""The levels of augmentation, and the weight of rare classes, of every task."""

import types

import keras
import numpy as np
import pytest

from keras_cnn_zoo import tasks
from keras_cnn_zoo.data.augmentation.levels import LEVELS
from keras_cnn_zoo.data.source import Source, Split
from keras_cnn_zoo.training.run_folder import RunFolder
from keras_cnn_zoo.training.validation import Keeper
from keras_cnn_zoo.utils.errors import InputError


class Network:
    """A network as a training batch sees it: it takes the images as they are."""

    num_classes, preprocessing = 3, {"mean": np.zeros(3), "std": np.ones(3)}
    input_shape = (None, 32, 40, 3)

    def preprocess(self, images):
        return np.stack(images).astype("float32")

    def preprocess_boxes(self, boxes, size):
        return boxes

    def normalize(self, images):
        return images

    def with_channels(self, image, channels):
        return image


def colored(count, size=(32, 40)):
    """Random images of three classes, each with an object of the value 100 + 50 times its class."""
    rng = np.random.default_rng(0)
    examples = []
    for index in range(count):
        image = rng.integers(0, 60, size=(*size, 3)).astype("uint8")
        mask = np.zeros(size, "uint8")
        left, top, label = rng.integers(2, 12), rng.integers(2, 12), index % 3
        image[top : top + 14, left : left + 16] = 100 + 50 * label
        mask[top : top + 14, left : left + 16] = 1 + label % 2
        examples.append(
            {
                "image": image,
                "label": label,
                "mask": mask,
                "boxes": np.array([[left, top, left + 16, top + 14]], "float32"),
                "classes": np.array([label], "int32"),
                "crowd": np.zeros(1, bool),
            }
        )
    return examples


def source_of(task, examples):
    split = Split(
        [str(index) for index in range(len(examples))],
        examples.__getitem__,
        labels=[one["label"] for one in examples],
    )
    return Source("drawn", task, dict.fromkeys(("train", "val", "test"), split), ("a", "b", "c"), 3)


def batches(name, examples=None, size=4, **arguments):
    task = tasks.TASKS[name](**arguments)
    source = source_of(name, colored(32) if examples is None else examples)
    return task.batches(Network(), source, "train", batch_size=size, seed=3, training=True)


def same(one, other):
    for left, right in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", ["classification", "detection", "segmentation"])
def test_batch_7_alone_is_batch_7_of_the_whole_epoch(name):
    arguments = {"augment": "strong", "class_balance": 0.5}
    whole, alone = (batches(name, **arguments) for _ in range(2))
    for made in (whole, alone):
        made.epoch = 2
    epoch = [whole[index] for index in range(8)]
    same(alone[7], epoch[7])
    alone.epoch = 3
    assert (alone[7][0] != epoch[7][0]).any()


@pytest.mark.parametrize("name", ["classification", "detection", "segmentation"])
def test_the_default_is_standard_and_strong_is_another(name):
    first = batches(name)[0]
    same(first, batches(name, augment="standard")[0])
    light, strong = (batches(name, augment=level)[0] for level in ("light", "strong"))
    assert (light[0] != first[0]).any() and (strong[0] != first[0]).any()


@pytest.mark.parametrize("name", ["classification", "detection"])
def test_without_augmentation_the_network_sees_what_is_measured(name):
    made = batches(name, augment="none")
    images = made[0][0]
    examples = [made.split[int(place)] for place in made.order()[:4]]
    np.testing.assert_array_equal(images, np.stack([one["image"] for one in examples]))
    if name == "detection":
        boxes, classes = made[0][1]["boxes"], made[0][1]["classes"]
        np.testing.assert_array_equal(boxes[:, 0], np.concatenate([one["boxes"] for one in examples]))
        assert (classes[:, 1:] == -1).all() and boxes.shape[1] == 8


def test_segmentation_without_augmentation_takes_crops_as_they_are():
    made = batches("segmentation", augment="none", class_balance=0.0)
    images, masks, _ = made[0]
    examples = [made.split[int(place)] for place in made.order()[:4]]
    np.testing.assert_array_equal(images, np.stack([one["image"] for one in examples]))
    np.testing.assert_array_equal(masks, np.stack([one["mask"] for one in examples]))


def test_strong_images_are_mixed_as_their_labels_say():
    # Without other augmentation, an image of class c is the constant c + 1 and stays it until it is mixed.
    examples = [{"image": np.full((24, 24, 3), 1 + i % 3, "uint8"), "label": i % 3} for i in range(12)]
    task = tasks.Classification(augment="strong")
    kinds = set()
    for batch in range(12):
        own = [examples[place] for place in np.random.default_rng(batch).permutation(12)[:6]]
        images, labels = task.measuring_batch(Network(), None, own)
        mixed, shares = task._mixing(images, labels, seed=(0, 1, batch))
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
        flat = mixed.reshape(6, -1)
        # A pasted rectangle has whole pixels: its area is off by less than a row and a column.
        np.testing.assert_allclose(flat.mean(axis=1), shares @ [1, 2, 3], atol=2 * 2 * 24 / 24**2)
        changed = (shares.max(axis=1) < 1) & (shares.max(axis=1) > 0.1)
        kinds.add("none" if not changed.any() else "mixup" if (np.ptp(flat, 1) == 0).all() else "cutmix")
    assert kinds == {"none", "mixup", "cutmix"}
    assert isinstance(task.loss(), keras.losses.CategoricalCrossentropy)


def test_the_hinge_loss_is_not_mixed():
    task = tasks.Classification(loss="hinge", augment="strong")
    source = source_of("classification", colored(8))
    _, labels = task.batches(Network(), source, "train", batch_size=4, training=True)[0]
    assert labels.ndim == 1 and type(task.loss()).__name__ == "MulticlassHinge"


def test_mosaics_hold_the_objects_of_four_images():
    made = batches("detection", augment="strong", augmentation=None)
    counts = np.concatenate([(made[index][1]["classes"] >= 0).sum(axis=1) for index in range(8)])
    assert made[0][1]["classes"].shape == (4, 32)
    assert counts.max() > 1 and (counts <= 1).any()


@pytest.mark.parametrize("name", sorted(tasks.TASKS))
def test_every_task_has_the_argument_and_refuses_other_levels(name):
    task = tasks.TASKS[name]()
    assert "augment" in [argument.name for argument in task.fit_arguments]
    assert task.configured(augment="none").augment == "none"
    with pytest.raises(InputError, match="`augment` must be .*none.* Received: .*max"):
        task.configured(augment="max")


@pytest.mark.parametrize("level", ["light", "strong"])
def test_texts_are_not_augmented(level):
    with pytest.raises(InputError, match=f"`augment` must be none or standard: .* Received: '{level}'"):
        tasks.Language().configured(augment=level)


@pytest.mark.parametrize("name", ["classification", "detection", "segmentation"])
def test_a_level_and_own_layers_exclude_each_other(name):
    with pytest.raises(InputError, match="`augment` must be standard if `augmentation` is given"):
        tasks.TASKS[name]().configured(augment="strong", augmentation=())


def test_recordings_change_more_at_higher_levels():
    audio = np.sin(np.arange(400) / 5).astype("float32")
    examples = [{"audio": audio, "sample_rate": 400, "label": 0}] * 4
    model = types.SimpleNamespace(preprocess=lambda clips: np.stack([np.resize(c, 400) for c, _ in clips]))
    model.sample_rate = 400
    source = source_of("speech", [{"label": 0}] * 4)
    changes = {}
    for level in LEVELS:
        task = tasks.Speech(augment=level)
        batch = task.training_batch(model, source, examples, (1, 2, 3))[0]
        changes[level] = np.abs(batch - audio).mean()
    assert changes["none"] == 0 < changes["light"] < changes["standard"]
    # Noise alone: the amplitude is proportional to the factor.
    noise = {}
    for level in ("light", "standard", "strong"):
        task = tasks.Speech(speed=0, shift=0, augment=level)
        noise[level] = task.training_batch(model, source, examples, (1, 2, 3))[0] - audio
    np.testing.assert_allclose(noise["light"], 0.5 * noise["standard"], atol=1e-6)
    np.testing.assert_allclose(noise["strong"], 1.5 * noise["standard"], atol=1e-6)


def test_trackers_keep_the_shift_at_every_level():
    strengths = tasks.Tracking().strengths
    assert strengths.scaled(1.0) is strengths
    none, strong = strengths.scaled(0.0), strengths.scaled(1.5)
    assert (none.turn, none.flip, none.blur, none.shift) == (0, 0, 0, strengths.shift)
    assert (strong.turn, strong.flip, strong.frame_range) == (15.0, strengths.flip, 60)


class Cut(Exception):
    pass


def cut_off(self, batch, logs=None):
    if self.history:
        raise Cut


@pytest.mark.slow
def test_a_strong_run_is_recorded_and_resumes_bit_for_bit(digits_npz, tmp_path, monkeypatch):
    def fit(out, **more):
        chosen = {"augment": "strong", "class_balance": 0.5}
        options = tasks.FitOptions(
            data=f"npz:{digits_npz}", width=0.1, epochs=2, batch_size=10, seed=4, jit="off",
            task_options=chosen,
            out=str(tmp_path / out), **more,
        )  # fmt: skip
        return tasks.fit(tasks.Classification(), options)

    whole, metrics = fit("whole")
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_batch_end", cut_off)
        with pytest.raises(Cut):
            fit("cut")
    resumed, again = fit("cut", resume=True)
    same(whole.get_weights(), resumed.get_weights())
    assert metrics == again and 0 <= metrics["accuracy"] <= 1
    recorded = RunFolder(tmp_path / "whole").config()["task_options"]
    assert recorded == {"augment": "strong", "class_balance": 0.5}


# --- rare classes


@pytest.mark.parametrize("name", sorted(tasks.TASKS))
def test_tasks_with_classes_have_the_balance(name):
    known = [argument.name for argument in tasks.TASKS[name].fit_arguments]
    assert ("class_balance" in known) == (name not in ("text", "tracking"))
    if "class_balance" in known:
        with pytest.raises(InputError, match="`class_balance` must be .* Received: .*-1"):
            tasks.TASKS[name]().configured(class_balance=-1)


def test_examples_of_rare_classes_weigh_more():
    # Six of a, two of b: the weights are f^-0.5, scaled to a mean of 1 over the examples.
    examples = [{"image": np.zeros((8, 8, 3), "uint8"), "label": int(i >= 6)} for i in range(8)]
    made = batches("classification", examples, size=8, class_balance=0.5, augment="none")
    _, labels, weights = made[0]
    ratio = np.sqrt(3)
    unit = 8 / (6 + 2 * ratio)
    np.testing.assert_allclose(weights, np.where(labels == 1, ratio * unit, unit), rtol=1e-6)
    assert len(batches("classification", examples, size=8, augment="none")[0]) == 2
    mixed = batches("classification", examples, size=8, class_balance=0.5, augment="strong")[0]
    np.testing.assert_allclose(mixed[2], mixed[1] @ [unit, ratio * unit, ratio * unit], rtol=1e-5)
    with pytest.raises(InputError, match="`class_balance` is too large for the rarest class of drawn"):
        batches("classification", examples, class_balance=1e6)


def test_images_with_rare_objects_occur_more_often():
    examples = colored(10)
    for place, one in enumerate(examples):
        # Eight images with a alone, one with a and b, one without objects.
        one["classes"] = np.array([0] if place < 8 else [0, 1] if place == 8 else [], "int32")
        one["boxes"] = np.repeat(one["boxes"], len(one["classes"]), axis=0)
        one["crowd"] = np.zeros(len(one["classes"]), bool)
    task, source = tasks.Detection(class_balance=0.5), source_of("detection", examples)
    split = task.training_examples(None, source)
    counts = [sum(split[place] is one for place in range(len(split))) for one in examples]
    # 9 images with a, 1 with b: it occurs sqrt(9) times.
    assert counts == [1] * 8 + [3, 1]
    many = tasks.Detection(class_balance=50.0).training_examples(None, source)
    assert len(many) == 9 + 8
    assert tasks.Detection().training_examples(None, source) is source.split("train")
