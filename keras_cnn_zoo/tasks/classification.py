"""Classification: one class per image."""

import keras
import numpy as np

from keras_cnn_zoo import losses, models
from keras_cnn_zoo.data.augmentation.images import Augmentation
from keras_cnn_zoo.data.augmentation.levels import LEVELS
from keras_cnn_zoo.data.augmentation.policies import Mixing, RandAugment
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.tasks.argument import (
    AUGMENT,
    CLASS_BALANCE,
    EXPLAIN,
    FLIP,
    IMAGE_SIZE,
    checked_layers,
    checked_level,
    checked_size,
)
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.tasks.single_label import SingleLabel, described, explained, labels_of, verdict
from keras_cnn_zoo.tasks.views import mirrored_scores
from keras_cnn_zoo.training import rates
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError

LOSSES = ("cross_entropy", "hinge")


class Classification(SingleLabel):
    """Images to class names; metric `accuracy`, the fraction of right answers.

    Training images are rotated, shifted, and zoomed a little. They are not flipped, because a mirrored digit
    or letter is a different one. With `augment="strong"`, `RandAugment` changes them further, and with the
    loss "cross_entropy", half of the batches are mixed by MixUp or CutMix.

    Args:
        augmentation: Keras image layers applied to training images, or None for the task's default.
        loss: "cross_entropy", or "hinge" for the squared `MulticlassHinge`, whose probabilities mean less.
        image_size: (height, width) of the network's images, or None for that of the preset, and for a new
            network the size of the first training image, at most 224.
        backbone_rate: factor of the backbone's learning rate, above 0 and at most 1.
        augment: "none", "light" (half of the standard angles and distances), "standard", or "strong".
        class_balance: exponent of the class weights: an example of a class with frequency f has a weight
            proportional to f^-class_balance in the loss. 0 gives all examples the same weight.
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
    fit_arguments = (IMAGE_SIZE, AUGMENT, CLASS_BALANCE)
    predict_arguments = (FLIP, EXPLAIN)
    evaluate_arguments = (FLIP,)

    def __init__(
        self,
        augmentation=None,
        loss="cross_entropy",
        *,
        image_size=None,
        backbone_rate=1.0,
        augment="standard",
        class_balance=0.0,
    ):
        self.augment = checked_level(augment, augmentation)
        self.class_balance = validation.finite_number("class_balance", class_balance, minimum=0)
        self.loss_name = validation.one_of("loss", loss, LOSSES)
        self.image_size = checked_size(image_size)
        self.backbone_rate = rates.check(backbone_rate)
        if augmentation is None:
            augmentation = _layers(self.augment)
        self.augmentation = Augmentation(checked_layers(augmentation))
        strong = self.augment == "strong"
        self._policies = {channels: RandAugment(channels) for channels in (1, 3)} if strong else {}
        # The hinge loss is one of single classes.
        self._mixing = Mixing() if strong and loss == "cross_entropy" else None

    def input_shape(self, source):
        size = self.image_size or np.minimum(source.split("train")[0]["image"].shape[:2], 224)
        return (int(size[0]), int(size[1]), source.channels)

    def adapt(self, preset, source, *, weights=None):
        model = super().adapt(preset, source, weights=weights)
        takes = model.input_shape[1:3]
        size = self.image_size or (self.input_shape(source)[:2] if None in takes else takes)
        return model if size == takes else _resized(model, size)

    def training_batch(self, model, source, examples, seed):
        images, labels = self.measuring_batch(model, source, examples)
        if self.augmentation.layers:
            # Keras' layers compute in 0..255; afterwards the images return to the network's scale.
            mean, std = model.preprocessing["mean"], model.preprocessing["std"]
            pixels = self.augmentation(images * std + mean, seed=seed)
            if self._policies:
                pixels = self._policies[pixels.shape[-1]](np.clip(pixels, 0, 255), seed=(*seed, 1))
            if self._mixing is not None:
                pixels, labels = self._mixing(pixels, labels, seed=(*seed, 2))
            images = model.normalize(pixels)
        return self.weighted(source, images, labels)

    def measuring_batch(self, model, source, examples):
        images = model.preprocess([example["image"] for example in examples])
        labels = labels_of(examples)
        if self._mixing is not None:
            # The loss is one of probabilities.
            labels = np.eye(model.num_classes, dtype="float32")[labels]
        return images, labels

    def loss(self):
        if self._mixing is not None:
            return keras.losses.CategoricalCrossentropy(from_logits=True)
        return super().loss() if self.loss_name == "cross_entropy" else losses.MulticlassHinge(p=2)

    def answers(self, model, items, *, batch_size=None, flip=False, explain=False):
        """Returns a dict for each image, as `SingleLabel` says.

        A network of any size answers images of different sizes one by one.

        Args:
            model: a model of this task.
            items: list of images.
            batch_size: images per step, or None for the task's.
            flip: whether to average the probabilities with those of the mirrored images.
            explain: whether each answer also has `heat`, the `grad_cam` of its class.
        """
        if len({np.shape(item)[:2] for item in items}) > 1 and None in model.input_shape[1:3]:
            alone = [self.answers(model, [item], batch_size=1, flip=flip, explain=explain) for item in items]
            return [answer for (answer,) in alone]
        found = super().answers(model, items, batch_size=batch_size, flip=flip)
        return explained(model, items, found, batch_size or self.batch_size) if explain else found

    def _outputs(self, model, items, size, *, flip=False):
        return mirrored_scores(model, items, size) if flip else super()._outputs(model, items, size)

    def describe(self, model, image, answer):
        return described(answer, image)

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


def _layers(level):
    """Returns the Keras layers of a level; "strong" adds to the standard ones."""
    factor = min(1.0, LEVELS[level])
    if not factor:
        return ()
    options = {"fill_mode": "nearest", "data_format": "channels_last"}
    return (
        keras.layers.RandomRotation(0.03 * factor, **options),
        keras.layers.RandomTranslation(0.08 * factor, 0.08 * factor, **options),
        keras.layers.RandomZoom(0.1 * factor, 0.1 * factor, **options),
    )


def _resized(model, size):
    """Returns a classifier for another image size; `model` itself if its weights depend on the size."""
    config = {**model.get_config(), "input_shape": (*size, model.input_shape[-1])}
    try:
        other = type(model).from_config(config)
    except ValueError as error:
        raise InputError(f"`image_size` {size[0]}x{size[1]}: {error}") from error
    if [weight.shape for weight in other.weights] != [weight.shape for weight in model.weights]:
        return model
    other.set_weights(model.get_weights())
    return other
