"""`make demo`: a pretrained digit reader meets other writers, and a U-Net finds digits in scenes.

Everything comes with the package: no download, about a minute on two cores.
"""

import dataclasses
import logging
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_cnn_zoo import data, models
from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.tasks import Classification, Segmentation

LABELLED = 200
DRAWS = 5
EPOCHS = 20
BATCH_SIZE = 20


def draw_split(source, seed):
    """The embedded digits as 200 labelled examples and the rest, by a seeded draw."""
    everything = data.Split.concatenate(source.splits.values())
    order = np.random.default_rng(seed).permutation(len(everything))
    return everything.select(order[:LABELLED]), everything.select(order[LABELLED:])


def stack(task, model, split):
    """Preprocessed images and labels of a whole split."""
    return task.measuring_batch(model, None, list(split))


def train(model, task, images, labels, seed):
    """Fits `model` on a few examples; the recipe is the same from scratch and from a preset."""
    keras.utils.set_random_seed(seed)
    steps = EPOCHS * (len(images) // BATCH_SIZE)
    model.compile(task.optimizer(steps, learning_rate=1e-3), task.loss())
    model.fit(images, labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)


def accuracy(model, images, labels):
    """Share of right answers."""
    answers = model.predict(images, batch_size=512, verbose=0).argmax(axis=-1)
    return float(np.mean(answers == labels))


def fine_tune(out):
    """Accuracy before, from scratch and fine-tuned over the draws; returns the last fine-tuned model."""
    task = Classification()
    source = task.load()
    print(f"1. lenet5_mnist on scikit-learn's digits: {LABELLED} labelled, {DRAWS} draws")
    results = {"before": [], "from scratch": [], "fine-tuned": []}
    bar = keras.utils.Progbar(DRAWS, unit_name="draw")
    for seed in range(DRAWS):
        labelled, rest = draw_split(source, seed)
        tuned = models.from_preset("lenet5_mnist")
        images, labels = stack(task, tuned, labelled)
        rest_images, rest_labels = stack(task, tuned, rest)
        results["before"].append(accuracy(tuned, rest_images, rest_labels))
        keras.utils.set_random_seed(seed)
        scratch = models.LeNet5(10, class_names=tuned.class_names)
        train(scratch, task, images, labels, seed)
        results["from scratch"].append(accuracy(scratch, rest_images, rest_labels))
        train(tuned, task, images, labels, seed)
        results["fine-tuned"].append(accuracy(tuned, rest_images, rest_labels))
        bar.update(seed + 1)
    for name, values in results.items():
        print(
            f"   {name:<13} accuracy {np.mean(values):.3f}  "
            f"({DRAWS} draws: {min(values):.3f} to {max(values):.3f})"
        )
    unseen = dataclasses.replace(source, splits={**source.splits, "test": rest})
    figure = task.draw(tuned, unseen, count=12)
    figure.savefig(os.path.join(out, "digits.png"), dpi=110)


def segment(out):
    """Masks of embedded test scenes by `unet_digit_scenes`."""
    task = Segmentation()
    source = task.load()
    model = models.from_preset("unet_digit_scenes")
    print("2. unet_digit_scenes on the embedded test scenes")
    measured = task.evaluate(model, source)
    baseline = task.baseline(source)
    print(f"   mean IoU {measured['mean_iou']:.3f}  (all background: {baseline['mean_iou']:.3f})")
    for position in range(3):
        image = source.split("test")[position]["image"]
        (answer,) = task.answers(model, [image])
        _, pictures = task.describe(model, image, answer)
        for suffix, picture in pictures.items():
            picture.save(os.path.join(out, f"scene-{position}{suffix}"))
    task.draw(model, source, count=4).savefig(os.path.join(out, "scenes.png"), dpi=110)


@one_line_errors
def main(out="runs/demo"):
    """Runs both parts and says where the pictures are."""
    # Ten small models are traced one after the other: TensorFlow's advice on retracing is not for the reader.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    os.makedirs(out, exist_ok=True)
    fine_tune(out)
    segment(out)
    print(f"pictures: {os.path.abspath(out)} (digits.png, scenes.png, scene-*.png)")


if __name__ == "__main__":
    main(*sys.argv[1:2])
