"""The image size of classifiers that start from a preset."""

import json

import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Two classes of images of different sizes, the first of which is 40 x 24."""
    root, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 255, (40 + 7 * i, 24 + 5 * i, 3), dtype="uint8")
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")
    return f"images:{root}"


@pytest.fixture(scope="module")
def any_size(tmp_path_factory):
    """A preset of a network that takes images of any size."""
    path = tmp_path_factory.mktemp("preset") / "any"
    models.ResNet(3, variant="18", width=0.05).save_to_preset(path)
    return str(path)


@pytest.mark.parametrize("size, expected", [(None, (40, 24)), ((32, 48), (32, 48))])
def test_photographs_of_different_sizes_are_resized_for_a_network_of_any_size(
    photographs, any_size, size, expected, tmp_path
):
    options = tasks.FitOptions(
        data=photographs, preset=any_size, epochs=1, batch_size=4, jit="off", out=str(tmp_path / "run")
    )
    model, metrics = tasks.fit(tasks.Classification(image_size=size), options)
    assert model.input_shape[1:3] == expected and 0 <= metrics["accuracy"] <= 1
    decided = json.loads((tmp_path / "run" / "config.json").read_text())
    assert decided["preset"] == any_size


def test_a_network_of_any_size_answers_images_of_different_sizes_as_if_they_were_alone(any_size):
    task, model, rng = tasks.Classification(), models.from_preset(any_size), np.random.default_rng(0)
    images = [rng.integers(0, 255, (*size, 3), dtype="uint8") for size in ((40, 30), (50, 40), (40, 30))]
    together = task.answers(model, images, flip=True)
    for image, answer in zip(images, together, strict=True):
        (alone,) = task.answers(model, [image], flip=True)
        assert answer["class_id"] == alone["class_id"]
        assert answer["probability"] == pytest.approx(alone["probability"], abs=1e-5)


def test_a_preset_keeps_its_weights_at_another_size(photographs, any_size):
    source = tasks.Classification().load(photographs)
    kept = models.from_preset(any_size)
    model = tasks.Classification(image_size=(64, 64)).adapt(any_size, source)
    old = {weight.path: np.array(weight) for weight in kept.weights if weight.path.startswith("stem")}
    assert old
    for weight in model.weights:
        if weight.path in old:
            np.testing.assert_array_equal(np.array(weight), old[weight.path])


def test_a_size_that_the_weights_do_not_fit_is_refused(photographs, tmp_path):
    options = {"data": photographs, "preset": "lenet5_mnist", "out": str(tmp_path / "run")}
    with pytest.raises(InputError, match="`image_size`: the preset takes 28x28. Received: 32x32"):
        tasks.fit(tasks.Classification(image_size=(32, 32)), tasks.FitOptions(**options))
    with pytest.raises(InputError, match="`image_size` 8x8: .*at least 16 pixels"):
        tasks.fit(tasks.Classification(image_size=(8, 8)), tasks.FitOptions(**options))
    assert not (tmp_path / "run").exists()
