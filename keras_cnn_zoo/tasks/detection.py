"""Detection: a box, a class and a score for each object of a picture."""

import concurrent.futures
import os

import keras
import numpy as np

from keras_cnn_zoo import models
from keras_cnn_zoo.data.augmentation.boxes import padded, random_view, turned
from keras_cnn_zoo.data.augmentation.images import Augmentation
from keras_cnn_zoo.drawing import boxes as box_drawing
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.metrics import MeanAveragePrecision
from keras_cnn_zoo.tasks.argument import IMAGE_SIZE, checked_layers, checked_range, checked_size
from keras_cnn_zoo.tasks.base import Task
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.training import rates
from keras_cnn_zoo.utils import validation

# The longer side of a new network's images by default, and what both sides are multiples of.
_LONGEST, _MULTIPLE = 320, 32
# Answers with a lower score are left out of pictures, not of JSON and metrics.
SHOWN = 0.5


class Detection(Task):
    """Images to boxes with classes and scores; metrics `map` and `map50`, as COCO defines them.

    `map50` counts a box as right from an intersection over union of 0.5. `map`, which selects the best epoch,
    is the mean over the thresholds 0.50, 0.55 .. 0.95. Training sees images at random scales and positions,
    mirrored if the data allow it, with random brightness, contrast, and hue. Measuring sees whole images and
    compares boxes in the pixels of the original images.

    Args:
        scale: range of the random magnification in training; at 1 an image just fits the network.
        turns: whether training images are also turned by 90, 180, and 270 degrees, for data without an up,
            such as cells or aerial images.
        augmentation: Keras image layers applied to training images and boxes, or None for the task's default.
            A `RandomFlip` is left out for data whose images must not be mirrored.
        image_size: (height, width) of a new network's images, or None for the median shape of the training
            images, scaled to a longer side of at most 320.
        backbone_rate: factor of the backbone's learning rate, above 0 and at most 1.
    """

    name = "detection"
    summary = "boxes and their classes"
    models = {"faster_rcnn": models.FasterRCNN, "retinanet": models.RetinaNet}
    default_model = "faster_rcnn"
    # Over few pictures `map50` jumps more from epoch to epoch than the mean over ten thresholds.
    metric = "map"
    recipe = Recipe(
        epochs=40,
        batch_size=4,
        learning_rate=5e-4,
        fine_tune_learning_rate=2e-4,
        weight_decay=1e-2,
        least_steps=600,
        patience=15,
    )
    batch_size = 4
    fit_arguments = (IMAGE_SIZE,)

    def __init__(
        self, scale=(0.6, 1.6), turns=False, augmentation=None, *, image_size=None, backbone_rate=1.0
    ):
        self.image_size = checked_size(image_size)
        self.backbone_rate = rates.check(backbone_rate)
        self.scale = checked_range("scale", scale, positive=True)
        self.turns = validation.boolean("turns", turns)
        if augmentation is None:
            augmentation = (
                keras.layers.RandomFlip(
                    "horizontal", bounding_box_format="xyxy", data_format="channels_last"
                ),
                keras.layers.RandomBrightness(0.15, value_range=(0, 255), data_format="channels_last"),
                keras.layers.RandomContrast(0.3, value_range=(0, 255), data_format="channels_last"),
                keras.layers.RandomHue(0.03, value_range=(0, 255), data_format="channels_last"),
            )
        self.augmentation = Augmentation(checked_layers(augmentation))

    # --- data ---------------------------------------------------------------------------------------------
    def measuring_batch(self, model, source, examples):
        targets = [_targets(example) for example in examples]
        boxes = [
            model.preprocess_boxes(own, example["image"].shape[:2])
            for (own, _), example in zip(targets, examples, strict=True)
        ]
        count = _rows(max(len(classes) for _, classes in targets))
        boxes, classes = padded(boxes, [classes for _, classes in targets], count)
        images = model.preprocess([example["image"] for example in examples])
        return images, {"boxes": boxes, "classes": classes}

    def training_batch(self, model, source, examples, seed):
        frames, all_boxes, all_classes = [], [], []
        for position, example in enumerate(examples):
            rng = np.random.default_rng((*seed, position))
            image, (boxes, classes) = _with_channels(example["image"], model), _targets(example)
            if self.turns:
                image, boxes = turned(image, boxes, int(rng.integers(4)))
            fill = float(np.mean(model.preprocessing["mean"]))
            frame, boxes, kept = random_view(
                image, boxes, size=model.input_shape[1:3], scale=self.scale, fill=fill, rng=rng
            )
            frames.append(frame)
            all_boxes.append(boxes)
            all_classes.append(classes[kept])
        # One number of rows for all batches, so that the step is compiled once.
        boxes, classes = padded(all_boxes, all_classes, source.once("most objects", lambda: _most(source)))
        augmentation = self._layers(model, source)
        images, y = augmentation(np.stack(frames), boxes={"boxes": boxes, "classes": classes}, seed=seed)
        return model.normalize(images), y

    def _layers(self, model, source):
        layers = self.augmentation.layers
        if not source.mirror:
            layers = [layer for layer in layers if not isinstance(layer, keras.layers.RandomFlip)]
        if model.input_shape[-1] == 1:
            layers = [layer for layer in layers if not isinstance(layer, keras.layers.RandomHue)]
        return Augmentation(layers)

    # --- model --------------------------------------------------------------------------------------------
    def input_shape(self, source):
        image_size = self.image_size
        if image_size is None:
            sizes = [example["image"].shape[:2] for example in sheets.sample(source.split("train"), 50)]
            height, width = np.median(np.array(sizes, dtype="float64"), axis=0)
            scale = min(1.0, _LONGEST / max(height, width))
            image_size = [
                max(1, int(np.ceil(edge * scale / _MULTIPLE - 1e-6))) * _MULTIPLE for edge in (height, width)
            ]
        return (int(image_size[0]), int(image_size[1]), source.channels)

    def further_arguments(self, name, source, arguments):
        """Returns anchors that suit the objects of `source` for a Faster R-CNN without anchors."""
        if name != "faster_rcnn" or {"min_level", "anchor_sizes"} & arguments.keys():
            return {}
        shape = validation.positive_integers("input_shape", arguments["input_shape"], 3)
        return anchors_for(source.split("train"), shape)

    def loss(self):
        return None

    # --- measuring and showing ----------------------------------------------------------------------------
    def _decode(self, model, outputs, items):
        return model.decode(outputs, sizes=[image.shape[:2] for image in items])

    def measure(self, source, pairs):
        summary = _metric(pairs).summary()
        return {"map": summary["map"], "map50": summary["map50"]}

    def class_average_precision(self, model, source, split="test"):
        """Returns `map` and `map50` of each class in the split, as a dict from class name."""
        classes = _metric(self.answered(model, source, split)).summary()["classes"]
        return {
            source.class_names[class_id]: {"map": figures["map"], "map50": figures["map50"]}
            for class_id, figures in classes.items()
        }

    def baseline(self, source, split="test"):
        """Returns the metrics of the same boxes for every image: each class's mean box, tiled edge to edge.

        Mean width and height are fractions of the image. A class's score is its fraction of the training
        objects.
        """
        train = "train" if len(source.splits["train"]) else split
        answer = usual_boxes(looked_at(source.split(train)), len(source.class_names))

        def guess(example):
            height, width = example["size"]
            return {**answer, "boxes": answer["boxes"] * np.array([width, height, width, height])}

        return self.measure(source, ((one, guess(one)) for one in looked_at(source.split(split))))

    def describe(self, model, image, answer):
        names = model.class_names or tuple(str(index) for index in range(model.num_classes))
        objects = [
            {
                "class_id": int(class_id),
                "class_name": names[int(class_id)],
                "score": float(score),
                "box": [round(float(edge), 2) for edge in box],
            }
            for box, score, class_id in zip(answer["boxes"], answer["scores"], answer["classes"], strict=True)
        ]
        shown = [one for one in objects if one["score"] >= SHOWN]
        picture = box_drawing.boxed(
            image,
            [one["box"] for one in shown],
            [f"{one['class_name']} {one['score']:.2f}" for one in shown],
            [one["class_id"] for one in shown],
        )
        height, width = (int(edge) for edge in image.shape[:2])
        return {"objects": objects, "height": height, "width": width}, {".png": picture}

    def deployable_facts(self, model):
        return {**super().deployable_facts(model), "score_threshold": SHOWN}

    def draw_truth(self, source, split="train", count=9):
        examples = sheets.sample(source.split(split), count)
        rows = [
            (
                example["image"],
                np.zeros((0, 4)),
                {"boxes": example["boxes"], "classes": example["classes"], "scores": None},
            )
            for example in examples
        ]
        return box_drawing.sheet(rows, source.class_names)

    def draw(self, model, source, split="test", count=9):
        examples = sheets.sample(source.split(split), count)
        found = self.answers(model, [self.item(example) for example in examples])
        rows = []
        for example, answer in zip(examples, found, strict=True):
            shown = answer["scores"] >= SHOWN
            answer = {key: answer[key][shown] for key in ("boxes", "scores", "classes")}
            rows.append((example["image"], example["boxes"], answer))
        return box_drawing.sheet(rows, source.class_names)


def looked_at(split):
    """Returns boxes, classes, crowds, and (height, width) of each image of a split, without the pixels."""

    def look(position):
        example = split[position]
        return {
            "size": example["image"].shape[:2],
            **{key: example[key] for key in ("boxes", "classes", "crowd")},
        }

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(look, range(len(split))))


def anchors_for(split, input_shape):
    """Returns `min_level` and `anchor_sizes` of a `FasterRCNN` for the sizes of a split's objects.

    There are two anchors per octave, 4 and 5.7 cells wide. Level 2 costs more than all others together. It is
    left out if 95 % of the objects measure at least 20 pixels (geometric mean) in the network's image.
    """
    sides = []
    for example in looked_at(split):
        scale = min(input_shape[0] / example["size"][0], input_shape[1] / example["size"][1])
        boxes = example["boxes"]
        sides.extend(np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])) * scale)
    first = 3 if sides and np.quantile(sides, 0.05) >= 20 else 2
    sizes = [[4 * 2**level, round(4 * 2 ** (level + 0.5))] for level in range(first, 7)]
    return {"min_level": first, "anchor_sizes": sizes}


def usual_boxes(examples, num_classes):
    """Returns the baseline's answer: a dict of `boxes` in fractions of the image, `scores`, and `classes`."""
    boxes, scores, classes = [], [], []
    total = sum(len(example["classes"]) for example in examples)
    for class_id in range(num_classes):
        shares = [
            (example["boxes"][:, 2:] - example["boxes"][:, :2])[example["classes"] == class_id]
            / np.array(example["size"][::-1], dtype="float64")
            for example in examples
        ]
        shares = np.concatenate(shares)
        if not len(shares):
            continue
        width, height = shares.mean(axis=0)
        lefts = np.linspace(0, 1 - width, max(1, round(1 / width)))
        tops = np.linspace(0, 1 - height, max(1, round(1 / height)))
        tiles = [(left, top, left + width, top + height) for top in tops for left in lefts]
        boxes.extend(tiles)
        scores.extend([len(shares) / total] * len(tiles))
        classes.extend([class_id] * len(tiles))
    return {"boxes": np.array(boxes), "scores": np.array(scores), "classes": np.array(classes)}


def _metric(pairs):
    """Returns a `MeanAveragePrecision` over pairs (example, answer)."""
    metric = MeanAveragePrecision()
    for example, answer in pairs:
        metric.update_state(_batch_of_one(example), _batch_of_one(answer))
    return metric


def _rows(count):
    """Returns the number of rows for `count` objects, a multiple of eight."""
    return max(8, (count + 7) // 8 * 8)


def _most(source):
    """Returns the number of rows that is enough for every training image."""
    return _rows(max((len(one["classes"]) for one in looked_at(source.split("train"))), default=1))


def _targets(example):
    """Returns the boxes and classes to learn: crowds are left out."""
    alone = ~np.asarray(example["crowd"], dtype=bool)
    return np.asarray(example["boxes"])[alone], np.asarray(example["classes"])[alone]


def _with_channels(image, model):
    """Returns uint8 pixels with as many channels as the network takes."""
    channels = model.input_shape[-1]
    if image.shape[-1] == channels:
        return image
    return np.rint(model.with_channels(image, channels)).astype("uint8")


def _batch_of_one(example):
    keys = [key for key in ("boxes", "classes", "crowd", "scores") if key in example]
    return {key: np.asarray(example[key])[None] for key in keys}
