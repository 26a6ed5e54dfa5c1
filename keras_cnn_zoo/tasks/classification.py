"""Classification: one class per image."""

import keras
import numpy as np

from keras_cnn_zoo import losses, models
from keras_cnn_zoo.data.augmentation.images import Augmentation
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.tasks.argument import IMAGE_SIZE, checked_layers, checked_size
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.tasks.single_label import SingleLabel, caption, labels_of, verdict
from keras_cnn_zoo.training import rates
from keras_cnn_zoo.utils import validation

LOSSES = ("cross_entropy", "hinge")


class Classification(SingleLabel):
    """Images to class names; metric `accuracy`, the fraction of right answers.

    Training images are rotated, shifted, and zoomed a little. They are not flipped, because a mirrored digit
    or letter is a different one.

    Args:
        augmentation: Keras image layers applied to training images, or None for the task's default.
        loss: "cross_entropy", or "hinge" for the squared `MulticlassHinge`, whose probabilities mean less.
        image_size: (height, width) of a new network's images, or None for the size of the first training
            image, at most 224.
        backbone_rate: factor of the backbone's learning rate, above 0 and at most 1.
    """

    name = "classification"
    summary = "one class per image"
    models = {
        "efficientnet_lite": models.EfficientNetLite,
        "lenet5": models.LeNet5,
        "resnet": models.ResNet,
        "vgg": models.VGG,
    }
    default_model = "lenet5"
    recipe = Recipe(
        epochs=20,
        batch_size=64,
        learning_rate=2e-3,
        fine_tune_learning_rate=1e-3,
        least_steps=200,
        patience=15,
    )
    fit_arguments = (IMAGE_SIZE,)

    def __init__(self, augmentation=None, loss="cross_entropy", *, image_size=None, backbone_rate=1.0):
        self.loss_name = validation.one_of("loss", loss, LOSSES)
        self.image_size = checked_size(image_size)
        self.backbone_rate = rates.check(backbone_rate)
        if augmentation is None:
            augmentation = (
                keras.layers.RandomRotation(0.03, fill_mode="nearest", data_format="channels_last"),
                keras.layers.RandomTranslation(0.08, 0.08, fill_mode="nearest", data_format="channels_last"),
                keras.layers.RandomZoom(0.1, 0.1, fill_mode="nearest", data_format="channels_last"),
            )
        self.augmentation = Augmentation(checked_layers(augmentation))

    def input_shape(self, source):
        size = self.image_size or np.minimum(source.split("train")[0]["image"].shape[:2], 224)
        return (int(size[0]), int(size[1]), source.channels)

    def training_batch(self, model, source, examples, seed):
        images, labels = self.measuring_batch(model, source, examples)
        if self.augmentation.layers:
            # Keras' layers compute in 0..255; afterwards the images return to the network's scale.
            mean, std = model.preprocessing["mean"], model.preprocessing["std"]
            images = model.normalize(self.augmentation(images * std + mean, seed=seed))
        return images, labels

    def measuring_batch(self, model, source, examples):
        images = model.preprocess([example["image"] for example in examples])
        return images, labels_of(examples)

    def loss(self):
        return super().loss() if self.loss_name == "cross_entropy" else losses.MulticlassHinge(p=2)

    def describe(self, model, image, answer):
        return answer, {".png": sheets.captioned(image, caption(answer))}

    def draw_truth(self, source, split="train", count=12):
        examples = sheets.sample(source.split(split), count)
        titles = [(source.class_names[int(example["label"])], True) for example in examples]
        return sheets.grid([example["image"] for example in examples], titles)

    def draw(self, model, source, split="test", count=12):
        examples = sheets.sample(source.split(split), count)
        answers = self.answers(model, [self.item(example) for example in examples])
        titles = [
            verdict(answer, source.class_names[int(example["label"])])
            for example, answer in zip(examples, answers, strict=True)
        ]
        return sheets.grid([example["image"] for example in examples], titles)
