"""Images of other channels than the network's are converted in training, and in what measures it."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("sklearn")

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.training import FitOptions
from keras_cnn_zoo.training.start import starting_model
from keras_cnn_zoo.utils.errors import InputError

NETWORKS = {
    "classification": lambda channels: models.LeNet5(10, input_shape=(28, 28, channels), width=0.2),
    "segmentation": lambda channels: models.UNet(
        11, input_shape=(None, None, channels), width=0.0625, depth=1
    ),
    "detection": lambda channels: models.RetinaNet(10, input_shape=(64, 64, channels), width=0.0625),
}


def embedded(task, channels):
    """Four examples of the embedded data in gray or with colors."""
    source = task.load()
    examples = source.split("train")

    def read(position):
        example = examples[position]
        return {**example, "image": np.repeat(example["image"][..., :1], channels, axis=-1)}

    split = Split(examples.names[:4], read)
    return dataclasses.replace(source, splits=dict.fromkeys(source.splits, split), channels=channels)


@pytest.mark.parametrize("of_network", [1, 3])
@pytest.mark.parametrize("of_data", [1, 3])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_batch_has_the_channels_of_the_network(name, of_data, of_network):
    task = tasks.TASKS[name]()
    model, source = NETWORKS[name](of_network), embedded(task, of_data)
    for training in (True, False):
        images = task.batches(model, source, "train", batch_size=2, training=training)[0][0]
        assert images.shape[-1] == of_network and np.isfinite(images).all()


def test_a_tracker_for_gray_images_gets_gray_crops():
    task = tasks.Tracking(pairs=4)
    model = models.SiamFC(input_shape=(71, 71, 1), exemplar_size=47, variant="small", width=0.1)
    inputs = task.batches(model, task.load(), "train", batch_size=2, training=True)[0][0]
    assert {batch.shape[-1] for batch in inputs.values()} == {1}


@pytest.mark.parametrize("name", ["segmentation", "detection"])
def test_a_pretrained_backbone_keeps_its_channels_and_a_new_one_takes_those_of_the_data(name):
    size = None if name == "segmentation" else (64, 64)
    task, model = tasks.TASKS[name](image_size=size), {"segmentation": "fcn", "detection": "retinanet"}[name]
    source = embedded(task, 1)
    options = {"model": model, "width": 0.125}
    assert task.build(source, backbone="resnet18_cifar10", **options).input_shape[-1] == 3
    assert task.build(source, backbone="resnet18", **options).input_shape[-1] == 1


def test_set_reaches_the_arguments_that_are_options_too():
    task = tasks.Segmentation()
    source = embedded(task, 1)
    model = starting_model(task, source, FitOptions(model_options={"variant": "tiny", "width": 0.25}))
    assert (model.variant, model.width) == ("tiny", 0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"variant": "tiny", "model_options": {"variant": "small"}},
            "`variant` and `model_options` variant exclude",
        ),
        ({"model_options": {"source": 1}}, "`model_options`: a model has no argument source"),
        ({"model_options": {"image_size": 1}}, "`model` unet takes .* Received: image_size"),
        ({"model_options": {"hight": 1}}, "Received: hight"),
    ],
)
def test_set_refuses_what_cannot_be(options, message):
    task = tasks.Segmentation()
    with pytest.raises(InputError, match=message):
        starting_model(task, embedded(task, 1), FitOptions(**options))
