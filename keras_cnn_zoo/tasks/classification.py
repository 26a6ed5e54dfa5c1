"""Classification: one class per picture."""

import keras
import numpy as np

from keras_cnn_zoo import losses, models
from keras_cnn_zoo.data.augmentation.images import Augmentation
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.models.decoding import decode_classes
from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.utils import validation

LOSSES = {
    "cross_entropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "hinge": lambda: losses.MulticlassHinge(p=2),
}


class Classification(Task):
    """Pictures to class names; metric `accuracy`, the share of right answers.

    Training pictures are rotated, moved and zoomed a little; they are not flipped, because a mirrored digit
    or letter is another one.

    Args:
        augmentation: Keras image layers applied to training pictures, or None for the task's own.
        loss: "cross_entropy", or "hinge" for the squared `MulticlassHinge`, whose probabilities mean less.
    """

    name = "classification"
    models = {"lenet5": models.LeNet5, "resnet": models.ResNet}
    default_model = "lenet5"
    metric = "accuracy"
    recipe = Recipe(epochs=20, batch_size=64, learning_rate=2e-3, fine_tune_learning_rate=1e-3)

    def __init__(self, augmentation=None, loss="cross_entropy"):
        self.loss_name = validation.one_of("loss", loss, tuple(LOSSES))
        if augmentation is None:
            augmentation = (
                keras.layers.RandomRotation(0.03, fill_mode="nearest", data_format="channels_last"),
                keras.layers.RandomTranslation(0.08, 0.08, fill_mode="nearest", data_format="channels_last"),
                keras.layers.RandomZoom(0.1, 0.1, fill_mode="nearest", data_format="channels_last"),
            )
        self.augmentation = Augmentation(augmentation)

    def input_shape(self, source, image_size=None):
        if image_size is None:
            # The size of the data where it is small; large pictures are shrunk to the field's usual one.
            image_size = np.minimum(source.split("train")[0]["image"].shape[:2], 224)
        return (int(image_size[0]), int(image_size[1]), source.channels)

    def prepare(self, model, source, examples, seed=None):
        images = model.preprocess([example["image"] for example in examples])
        labels = np.array([int(example["label"]) for example in examples], dtype="int32")
        if seed is not None and self.augmentation.layers:
            # Keras' layers count in 0..255; the network's own scale is put back behind them.
            mean, std = model.preprocessing["mean"], model.preprocessing["std"]
            images = model.normalize(self.augmentation(images * std + mean, seed=seed))
        return images, labels

    def loss(self):
        return LOSSES[self.loss_name]()

    def evaluate(self, model, source, split="test", *, batch_size=None):
        metric = keras.metrics.SparseCategoricalAccuracy()
        for images, labels in self.batches(model, source, split, batch_size=batch_size or 256):
            metric.update_state(labels, model.predict_on_batch(images))
        return {"accuracy": float(metric.result())}

    def baseline(self, source, split="test"):
        """Always answering the class that is most frequent in training."""
        train = source.splits["train"] if len(source.splits["train"]) else source.split(split)
        answer = np.bincount(_labels(train), minlength=len(source.class_names)).argmax()
        return {"accuracy": float(np.mean(_labels(source.split(split)) == answer))}

    def describe(self, model, image):
        answer = decode_classes(model.predict_on_batch(model.preprocess([image])), model.class_names)[0]
        title = f"{answer['class_name']}  {answer['probability']:.0%}"
        return answer, {".png": sheets.captioned(image, title)}

    def draw(self, model, source, split="test", count=12):
        examples = sheets.sample(source.split(split), count)
        titles = []
        for example in examples:
            answer, _ = self.describe(model, example["image"])
            truth = source.class_names[int(example["label"])]
            right = answer["class_name"] == truth
            titles.append((f"{answer['class_name']} ({answer['probability']:.0%}), true: {truth}", right))
        return sheets.grid([example["image"] for example in examples], titles)


def _labels(split):
    if split.labels is not None:
        return split.labels
    return np.array([int(example["label"]) for example in split], dtype="int64")
