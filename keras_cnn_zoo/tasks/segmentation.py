"""Segmentation: one class per pixel."""

import keras
import numpy as np

from keras_cnn_zoo import losses, models
from keras_cnn_zoo.data.augmentation.images import Augmentation, random_crop
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError

# Edge of the crops that DeepLab's rates were chosen for, in its papers.
_DEEPLAB_CROP = 513
# No class has this id: what the Lovasz loss knows ignored pixels by.
_IGNORED = -1


class CrossEntropyAndLovasz(keras.losses.Loss):
    """Cross-entropy of pixels, weighted as given, and Lovasz-Softmax of those with a weight above 0.

    Args:
        lovasz_weight: share of the Lovasz-Softmax loss in the sum, in [0, 1].
        name: name of the loss.
    """

    def __init__(self, lovasz_weight=0.5, name="cross_entropy_and_lovasz"):
        super().__init__(name=name)
        self.lovasz_weight = validation.probability("lovasz_weight", lovasz_weight)
        self.cross_entropy = _cross_entropy()
        self.lovasz = losses.LovaszSoftmax(from_logits=True, ignore_class=_IGNORED)

    def __call__(self, y_true, y_pred, sample_weight=None):
        marked = y_true
        if sample_weight is not None:
            y_true = keras.ops.convert_to_tensor(y_true)
            counts = keras.ops.convert_to_tensor(sample_weight) > 0
            marked = keras.ops.where(counts, y_true, keras.ops.full_like(y_true, _IGNORED))
        share = self.lovasz_weight
        cross_entropy = self.cross_entropy(y_true, y_pred, sample_weight)
        return (1 - share) * cross_entropy + share * self.lovasz(marked, y_pred)

    def get_config(self):
        return {"lovasz_weight": self.lovasz_weight, "name": self.name}


def _cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")


LOSSES = {"cross_entropy": _cross_entropy, "lovasz": CrossEntropyAndLovasz}


class Segmentation(Task):
    """Pictures to masks; metrics `mean_iou` over classes and `pixel_accuracy`, ignored pixels left out.

    Training sees random crops of random scale, brightness and contrast, mirrored where the data allow it;
    measuring sees whole pictures at their own size. Rare classes weigh more in the loss: a pixel of a class
    with frequency f weighs f^-class_balance, scaled to a mean of 1.

    Args:
        crop_scale: range of the random magnification of training crops.
        class_balance: exponent of the class weights; 0 weighs all pixels alike.
        augmentation: Keras image layers applied to training crops and masks, or None for the task's own; a
            `RandomFlip` is left out for data whose pictures must not be mirrored.
        loss: "cross_entropy", or "lovasz" for the mean of it and `LovaszSoftmax`.
    """

    name = "segmentation"
    models = {"deeplab": models.DeepLab, "fcn": models.FCN, "unet": models.UNet}
    default_model = "unet"
    metric = "mean_iou"
    recipe = Recipe(epochs=60, batch_size=8, learning_rate=2e-3, fine_tune_learning_rate=5e-4)

    def __init__(self, crop_scale=(0.7, 1.7), class_balance=0.4, augmentation=None, loss="cross_entropy"):
        self.crop_scale = crop_scale
        self.class_balance = class_balance
        self.loss_name = validation.one_of("loss", loss, tuple(LOSSES))
        if augmentation is None:
            augmentation = (
                keras.layers.RandomFlip("horizontal", data_format="channels_last"),
                keras.layers.RandomBrightness(0.2, value_range=(0, 255), data_format="channels_last"),
                keras.layers.RandomContrast(0.4, value_range=(0, 255), data_format="channels_last"),
            )
        self.augmentation = Augmentation(augmentation)

    def input_shape(self, source, image_size=None):
        # Fully convolutional: trained on crops, used on whole pictures.
        return (None, None, source.channels)

    def crop_size(self, source, image_size=None):
        """(height, width) of the training crops: at most 224 x 224 where nobody says otherwise."""
        if image_size is not None:
            return tuple(image_size)
        return tuple(int(edge) for edge in np.minimum(source.split("train")[0]["image"].shape[:2], 224))

    def build(self, source, *, model=None, image_size=None, **options):
        """As for every task; a DeepLab gets rates that suit the training crops.

        Its papers' rates are for crops of 513 pixels: in smaller ones their outer taps never meet the map and
        would stay untrained.
        """
        if (model or self.default_model) == "deeplab" and options.get("rates") is None:
            share = min(self.crop_size(source, image_size)) / _DEEPLAB_CROP
            share *= 16 / options.get("output_stride", 16)
            options["rates"] = tuple(max(1, round(rate * share)) for rate in models.DeepLab.rates_at_16)
        return super().build(source, model=model, image_size=image_size, **options)

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False, image_size=None):
        batches = super().batches(model, source, split, batch_size=batch_size, seed=seed, training=training)
        if training:
            size = self.crop_size(source, image_size)
            layers = self.augmentation.layers
            if not source.mirror:
                layers = [layer for layer in layers if not isinstance(layer, keras.layers.RandomFlip)]
            augmentation = Augmentation(layers)
            weights = self.class_weights(source)
            batches.prepare = lambda examples, batch_seed: self._crops(
                model, source, examples, batch_seed, size, weights, augmentation
            )
        return batches

    def prepare(self, model, source, examples, seed=None):
        images = model.preprocess([example["image"] for example in examples])
        masks = np.stack([example["mask"] for example in examples]).astype("int32")
        valid = masks != source.ignore_label
        return images, np.where(valid, masks, 0), valid.astype("float32")

    def _crops(self, model, source, examples, seed, size, weights, augmentation):
        rngs = [np.random.default_rng((*seed, position)) for position in range(len(examples))]
        pairs = [
            random_crop(example["image"], example["mask"], size=size, scale=self.crop_scale, rng=rng)
            for example, rng in zip(examples, rngs, strict=True)
        ]
        images, masks = (np.stack(part) for part in zip(*pairs, strict=True))
        images, masks = augmentation(images, masks, seed=seed, ignore_label=source.ignore_label)
        valid = masks != source.ignore_label
        classes = np.where(valid, masks, 0)
        # A preset may take gray images where the data have colors, or the reverse.
        images = np.stack([model.with_channels(image, model.input_shape[-1]) for image in images])
        return model.normalize(images), classes, np.where(valid, weights[classes], 0).astype("float32")

    def class_weights(self, source):
        """Weight of a pixel of each class, mean 1 over the training pixels, as float32."""
        counts = self.class_counts(source, "train").astype("float64")
        # A class that training never shows gets the weight of the rarest one seen.
        frequency = np.maximum(counts, counts[counts > 0].min()) / counts.sum()
        weights = frequency**-self.class_balance
        return (weights / np.sum(weights * counts / counts.sum())).astype("float32")

    @staticmethod
    def class_counts(source, split):
        """Number of pixels of each class in a split."""
        counts = np.zeros(len(source.class_names), dtype="int64")
        for example in source.split(split):
            mask = example["mask"]
            counts += np.bincount(mask[mask != source.ignore_label], minlength=len(counts))[: len(counts)]
        if not counts.any():
            raise InputError(f"{source.name}: every pixel of the {split} masks is ignored")
        return counts

    def loss(self):
        return LOSSES[self.loss_name]()

    def evaluate(self, model, source, split="test", *, batch_size=None):
        metric = keras.metrics.MeanIoU(num_classes=len(source.class_names))
        for images, masks, valid in _same_size(
            self.batches(model, source, split, batch_size=1), batch_size or 4
        ):
            answers = model.decode(model.predict_on_batch(images))
            metric.update_state(masks.ravel(), answers.ravel(), sample_weight=valid.ravel().astype("int32"))
        confusion = keras.ops.convert_to_numpy(metric.total_cm)
        return {
            "mean_iou": float(metric.result()),
            "pixel_accuracy": float(np.trace(confusion) / max(confusion.sum(), 1)),
        }

    def class_iou(self, model, source, split="test"):
        """Intersection over union of each class, as a dict from class name."""
        metric = keras.metrics.IoU(
            num_classes=len(source.class_names), target_class_ids=range(len(source.class_names))
        )
        for images, masks, valid in self.batches(model, source, split, batch_size=1):
            answers = model.decode(model.predict_on_batch(images))
            metric.update_state(masks.ravel(), answers.ravel(), sample_weight=valid.ravel().astype("int32"))
        confusion = keras.ops.convert_to_numpy(metric.total_cm).astype("float64")
        hits = np.diag(confusion)
        union = confusion.sum(0) + confusion.sum(1) - hits
        return {
            name: (float(hit / total) if total else None)
            for name, hit, total in zip(source.class_names, hits, union, strict=True)
        }

    def baseline(self, source, split="test"):
        """Every pixel gets the class that is most frequent in training."""
        train = "train" if len(source.splits["train"]) else split
        answer = self.class_counts(source, train).argmax()
        counts = self.class_counts(source, split)
        share = float(counts[answer] / counts.sum())
        present = np.count_nonzero(counts) + (counts[answer] == 0)
        return {"mean_iou": share / int(present), "pixel_accuracy": share}

    def describe(self, model, image):
        mask = model.decode(model.predict_on_batch(model.preprocess([image])))[0]
        names = model.class_names or tuple(str(index) for index in range(model.num_classes))
        ids, counts = np.unique(mask, return_counts=True)
        answer = {
            "shares": {names[i]: float(count / mask.size) for i, count in zip(ids, counts, strict=True)},
            "height": int(mask.shape[0]),
            "width": int(mask.shape[1]),
        }
        return answer, {
            ".mask.png": sheets.index_mask(mask),
            ".overlay.png": sheets.overlay(image, mask, names),
        }

    def draw(self, model, source, split="test", count=4):
        examples = sheets.sample(source.split(split), count)
        rows = []
        for example in examples:
            mask = model.decode(model.predict_on_batch(model.preprocess([example["image"]])))[0]
            rows.append((example["image"], example["mask"], mask))
        return sheets.mask_rows(rows, source.class_names, source.ignore_label)


def _same_size(singles, batch_size):
    """Joins single examples into batches of pictures that share one size."""
    held = []
    for single in singles:
        if held and (len(held) == batch_size or held[0][0].shape != single[0].shape):
            yield tuple(np.concatenate(part) for part in zip(*held, strict=True))
            held = []
        held.append(single)
    if held:
        yield tuple(np.concatenate(part) for part in zip(*held, strict=True))
