"""`make demo`: fine-tunes a digit classifier for other writers, and segments digit scenes with a U-Net.

All data come with the package, without a download. Takes about a minute on two cores.
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

LABELED = 200
DRAWS = 5
EPOCHS = 20
BATCH_SIZE = 20


def draw_split(source, seed):
    """Returns 200 randomly drawn labeled examples of the embedded digits, and the rest."""
    everything = data.Split.concatenate(source.splits.values())
    order = np.random.default_rng(seed).permutation(len(everything))
    return everything.select(order[:LABELED]), everything.select(order[LABELED:])


def stack(task, model, split):
    """Returns the preprocessed images and labels of a split."""
    return task.measuring_batch(model, None, list(split))


def train(model, task, images, labels, seed):
    """Trains `model` on a few examples, with the same recipe from scratch and from a preset."""
    keras.utils.set_random_seed(seed)
    steps = EPOCHS * (len(images) // BATCH_SIZE)
    model.compile(task.optimizer(steps, learning_rate=1e-3), task.loss())
    model.fit(images, labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)


def accuracy(model, images, labels):
    """Returns the share of correct predictions."""
    predicted = model.predict(images, batch_size=512, verbose=0).argmax(axis=-1)
    return float(np.mean(predicted == labels))


def fine_tune(out):
    """Prints the accuracy before fine-tuning, from scratch, and fine-tuned, over several draws."""
    task = Classification()
    source = task.load()
    print(f"1. lenet5_mnist on scikit-learn's digits: {LABELED} labeled, {DRAWS} draws")
    results = {"before": [], "from scratch": [], "fine-tuned": []}
    bar = keras.utils.Progbar(DRAWS, unit_name="draw")
    for seed in range(DRAWS):
        labeled, rest = draw_split(source, seed)
        tuned = models.from_preset("lenet5_mnist")
        images, labels = stack(task, tuned, labeled)
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
    """Predicts masks of embedded test scenes with `unet_digit_scenes`."""
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
    """Runs both parts and prints where the pictures are."""
    # Ten small models are traced one after the other, so TensorFlow would warn about retracing.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    os.makedirs(out, exist_ok=True)
    fine_tune(out)
    segment(out)
    print(f"pictures: {os.path.abspath(out)} (digits.png, scenes.png, scene-*.png)")


if __name__ == "__main__":
    main(*sys.argv[1:2])
