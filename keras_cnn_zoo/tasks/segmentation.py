"""Segmentation: one class per pixel."""

import collections

import keras
import numpy as np

from keras_cnn_zoo import losses, models
from keras_cnn_zoo.data.augmentation.images import Augmentation, elastic, random_crop
from keras_cnn_zoo.data.augmentation.levels import LEVELS, scaled
from keras_cnn_zoo.data.final_checks import class_pixels
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.tasks.argument import (
    AUGMENT,
    FLIP,
    IMAGE_SIZE,
    TILES,
    Argument,
    check_options,
    checked_layers,
    checked_level,
    checked_range,
    checked_size,
)
from keras_cnn_zoo.tasks.balance import class_weights
from keras_cnn_zoo.tasks.base import Task
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.tasks.tally import PixelTally
from keras_cnn_zoo.tasks.views import mirrored_scores, tiled_mask
from keras_cnn_zoo.training import rates
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError

# Edge of the training crops in the DeepLab papers, for which they chose their rates.
_DEEPLAB_CROP = 513
# Most crops of an image per epoch, and of all images: each crop decodes its image.
_MOST_CROPS, _MOST_PER_EPOCH = 8, 6000
# Marks ignored pixels for the Lovasz loss; no class has this id.
_IGNORED = -1


class CrossEntropyAndLovasz(keras.losses.Loss):
    """Weighted cross-entropy of pixels, plus Lovasz-Softmax of the pixels with a weight above 0.

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
            y_true = keras.ops.cast(y_true, "int32")  # An unsigned mask cannot hold -1.
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
    """Images to masks; metrics `mean_iou` over classes and `pixel_accuracy`, without ignored pixels.

    Training uses crops of random scale, brightness, and contrast, bent a little, and mirrored if the data
    allow it. An image larger than the crop gives several crops per epoch. Evaluation uses whole images in
    their original size. Rare classes weigh more in the loss: a pixel of a class with
    frequency f has the weight f^-class_balance, scaled to a mean of 1.

    Args:
        crop_scale: range of the random magnification of training crops.
        class_balance: exponent of the class weights; 0 gives all pixels the same weight.
        augmentation: Keras image layers applied to training crops and masks, or None for the task's default.
            A `RandomFlip` is left out for data whose images must not be mirrored.
        loss: "cross_entropy", or "lovasz" for the mean of cross-entropy and `LovaszSoftmax`.
        image_size: (height, width) of the training crops, or None for the size of the first training image,
            at most 224 x 224.
        crops: crops of each image per epoch, or None for the number that covers an image, at most 8, and at
            most 6,000 of all images.
        elastic: strength of a smooth random deformation of training crops, as the standard deviation of the
            displacement of a 3 x 3 grid, in fractions of the edge; 0 for none.
        backbone_rate: factor of the backbone's learning rate, above 0 and at most 1.
        augment: "none" for crops at random positions without any other change, "light", "standard", or
            "strong". "light" halves the changes of light, `elastic`, and the logarithm of `crop_scale`;
            "strong" raises them by half.
    """

    name = "segmentation"
    summary = "one class per pixel"
    models = {"deeplab": models.DeepLab, "fcn": models.FCN, "unet": models.UNet}
    pretrained_backbone = "efficientnet_lite0_imagenet"
    default_model = "unet"
    metric = "mean_iou"
    recipe = Recipe(
        epochs=30,
        batch_size=8,
        learning_rate=2e-3,
        fine_tune_learning_rate=5e-4,
        least_steps=800,
        patience=15,
    )
    few_images = {"learning_rate": 1e-3}
    batch_size = 4
    predict_arguments = evaluate_arguments = (FLIP, TILES)
    fit_arguments = (
        IMAGE_SIZE,
        AUGMENT,
        Argument("class_balance", float, None, "exponent of the weight of rare classes; else 0.4"),
    )

    def __init__(
        self,
        crop_scale=(0.7, 1.7),
        class_balance=0.4,
        augmentation=None,
        loss="cross_entropy",
        *,
        image_size=None,
        crops=None,
        elastic=0.02,
        backbone_rate=1.0,
        augment="standard",
    ):
        self.augment = checked_level(augment, augmentation)
        self.image_size = checked_size(image_size)
        self.crops = validation.positive_integer("crops", crops, optional=True)
        self.elastic = validation.finite_number("elastic", elastic, minimum=0)
        self.backbone_rate = rates.check(backbone_rate)
        self.crop_scale = checked_range("crop_scale", crop_scale, positive=True)
        self.class_balance = validation.finite_number("class_balance", class_balance, minimum=0)
        self.loss_name = validation.one_of("loss", loss, tuple(LOSSES))
        if augmentation is None:
            augmentation = _layers(self.augment)
        self.augmentation = Augmentation(checked_layers(augmentation))

    def input_shape(self, source):
        # Height and width are unknown: the network is trained on crops and used on whole images.
        return (None, None, source.channels)

    def crop_size(self, source):
        """Returns (height, width) of the training crops."""
        if self.image_size is not None:
            return self.image_size
        return tuple(int(edge) for edge in np.minimum(source.split("train")[0]["image"].shape[:2], 224))

    def crops_per_image(self, source, size):
        """Returns the number of crops of `size` that each training image gives per epoch."""
        if self.crops is not None:
            return self.crops
        edges = np.array([example["image"].shape[:2] for example in sheets.sample(source.split("train"), 20)])
        # An image smaller than the crop along one axis is scaled up to it.
        area = np.maximum(edges, size).prod(axis=1) / np.prod(size)
        most = min(_MOST_CROPS, _MOST_PER_EPOCH // len(source.split("train")))
        return int(max(1, min(most, np.median(area).round())))

    def training_examples(self, model, source):
        """Returns the training split, each image as often as it gives crops."""
        examples = source.split("train")
        size = _fixed_size(model) or self.crop_size(source)
        times = source.once(("crops", self.crops, size), lambda: self.crops_per_image(source, size))
        if times == 1:
            return examples
        names = [str(position) for position in range(times * len(examples))]
        return Split(names, lambda position: examples[position % len(examples)])

    def further_arguments(self, name, source, arguments):
        """Returns rates that suit the training crops for a DeepLab without rates.

        The papers' rates are for crops of 513 pixels. In smaller crops, the outer taps of the kernels would
        always be outside the feature map and stay untrained.
        """
        if name != "deeplab" or arguments.get("rates") is not None:
            return {}
        stride = validation.positive_integer("output_stride", arguments.get("output_stride", 16))
        scale = min(self.crop_size(source)) / _DEEPLAB_CROP * 16 / stride
        return {"rates": tuple(max(1, round(rate * scale)) for rate in models.DeepLab.rates_at_16)}

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False):
        if training:
            # Raises an error before the first step if all pixels are ignored.
            self.class_weights(source)
            fixed = _fixed_size(model)
            if fixed is not None and self.image_size not in (None, fixed):
                raise InputError(
                    f"`image_size` must be {fixed[0]}x{fixed[1]}, the only size that the network takes. "
                    f"Received: {self.image_size[0]}x{self.image_size[1]}"
                )
        return super().batches(model, source, split, batch_size=batch_size, seed=seed, training=training)

    def measuring_batch(self, model, source, examples):
        images = model.preprocess([example["image"] for example in examples])
        masks = np.stack([example["mask"] for example in examples]).astype("int32")
        valid = masks != source.ignore_label
        return images, np.where(valid, masks, 0), valid.astype("float32")

    def training_batch(self, model, source, examples, seed):
        size = _fixed_size(model) or source.once(
            ("crop size", self.image_size), lambda: self.crop_size(source)
        )
        pairs, strength = [], self.elastic * LEVELS[self.augment]
        scale = scaled(self.crop_scale, self.augment)
        for position, example in enumerate(examples):
            rng = np.random.default_rng((*seed, position))
            pair = random_crop(example["image"], example["mask"], size=size, scale=scale, rng=rng)
            pairs.append(elastic(*pair, strength=strength, rng=rng) if strength else pair)
        images, masks = (np.stack(part) for part in zip(*pairs, strict=True))
        layers = self.augmentation.layers
        if not source.mirror:
            layers = [layer for layer in layers if not isinstance(layer, keras.layers.RandomFlip)]
        images, masks = Augmentation(layers)(images, masks, seed=seed, ignore_label=source.ignore_label)
        valid = masks != source.ignore_label
        classes = np.where(valid, masks, 0)
        # A preset may take gray images while the data have colors, or the reverse.
        images = np.stack([model.with_channels(image, model.input_shape[-1]) for image in images])
        weights = np.where(valid, self.class_weights(source)[classes], 0)
        return model.normalize(images), classes, weights.astype("float32")

    def class_weights(self, source):
        """Returns the weight of a pixel of each class, float32; the mean over the training pixels is 1."""
        return class_weights(self.class_counts(source, "train"), self.class_balance, source.name)

    def class_counts(self, source, split):
        """Returns the number of pixels of each class in a split."""
        return class_pixels(source, split)[0]

    def loss(self):
        return LOSSES[self.loss_name]()

    def answers(self, model, items, *, batch_size=None, flip=False, tiles=None):
        """Returns a mask (height, width) for each image; images of the same shape share a batch.

        Args:
            model: a model of this task.
            items: list of images.
            batch_size: images per step, or None for the task's.
            flip: whether to average the probabilities with those of the mirrored images.
            tiles: (height, width) of overlapping tiles that are answered instead of whole images, or None.
                Each pixel gets the class from the tile in which it is farthest from an edge.
        """
        check_options(tiles=tiles)
        if tiles is not None:
            dtype = "uint8" if model.num_classes <= 256 else "int32"

            def answer(parts):
                return self.answers(model, parts, flip=flip)

            return [tiled_mask(answer, image, tiles, self.batch_size, dtype) for image in items]
        if _fixed_size(model) is not None:
            return super().answers(model, items, batch_size=batch_size, flip=flip)
        places = collections.defaultdict(list)
        for place, image in enumerate(items):
            places[image.shape].append(place)
        found = [None] * len(items)
        for same in places.values():
            size = min(batch_size or self.batch_size, len(same))
            answers = super().answers(model, [items[place] for place in same], batch_size=size, flip=flip)
            for place, answer in zip(same, answers, strict=True):
                found[place] = answer
        return found

    def _outputs(self, model, items, size, *, flip=False):
        if flip:
            return mirrored_scores(model, items, size, columns=2)
        return super()._outputs(model, items, size)

    def _decode(self, model, outputs, items):
        masks = model.decode(outputs)
        if _fixed_size(model) is None:
            return list(masks)
        # The images were resized for the network: their masks get the size of the images.
        return [_resized(mask, image.shape[:2]) for mask, image in zip(masks, items, strict=True)]

    def measure(self, source, pairs):
        tally = self._counted(source, pairs)
        hits, union = tally.hits_and_union()
        seen = union > 0
        return {
            "mean_iou": float(np.mean(hits[seen] / union[seen])) if seen.any() else 0.0,
            "pixel_accuracy": float(hits.sum() / max(tally.confusion.sum(), 1)),
        }

    def tally(self, source):
        return PixelTally(source.class_names, source.ignore_label)

    def _counted(self, source, pairs):
        """Returns the `PixelTally` of pairs (example, mask)."""
        tally = PixelTally(source.class_names, source.ignore_label)
        for example, answer in pairs:
            tally.add(example, answer)
        return tally

    def class_iou(self, model, source, split="test"):
        """Returns a dict from class name to intersection over union, None for a class that never occurs."""
        hits, union = self._counted(source, self.answered(model, source, split)).hits_and_union()
        return {
            name: (float(hit / total) if total else None)
            for name, hit, total in zip(source.class_names, hits, union, strict=True)
        }

    def baseline(self, source, split="test"):
        """Returns the metrics of a constant mask, the class that is most frequent in training."""
        train = "train" if len(source.splits["train"]) else split
        answer = self.class_counts(source, train).argmax()
        counts = self.class_counts(source, split)
        share = float(counts[answer] / counts.sum())
        present = np.count_nonzero(counts) + (counts[answer] == 0)
        return {"mean_iou": share / int(present), "pixel_accuracy": share}

    def describe(self, model, image, mask):
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

    def draw_truth(self, source, split="train", count=4):
        examples = sheets.sample(source.split(split), count)
        rows = [(example["image"], example["mask"]) for example in examples]
        return sheets.mask_rows(rows, source.class_names, source.ignore_label)

    def draw(self, model, source, split="test", count=4):
        examples = sheets.sample(source.split(split), count)
        masks = self.answers(model, [self.item(example) for example in examples])
        rows = [
            (example["image"], example["mask"], mask) for example, mask in zip(examples, masks, strict=True)
        ]
        return sheets.mask_rows(rows, source.class_names, source.ignore_label)


def _layers(level):
    """Returns the Keras layers of a level, which flip images and change their light."""
    factor = LEVELS[level]
    if not factor:
        return ()
    color = {"value_range": (0, 255), "data_format": "channels_last"}
    return (
        keras.layers.RandomFlip("horizontal", data_format="channels_last"),
        keras.layers.RandomBrightness(0.2 * factor, **color),
        keras.layers.RandomContrast(0.4 * factor, **color),
    )


def _fixed_size(model):
    """Returns (height, width) of the only images that a network takes; None for any size."""
    size = tuple(model.input_shape[1:3])
    return None if None in size else size


def _resized(mask, size):
    """Returns an integer mask in another size (height, width), with nearest neighbor."""
    from PIL import Image

    if mask.shape == size:
        return mask
    picture = Image.fromarray(np.asarray(mask, dtype="int32"))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.NEAREST))
