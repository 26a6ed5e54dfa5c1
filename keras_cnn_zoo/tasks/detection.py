"""Detection: a box, a class and a score for each object of a picture."""

import keras
import numpy as np

from keras_cnn_zoo import models
from keras_cnn_zoo.data.augmentation.boxes import padded, random_view, turned
from keras_cnn_zoo.data.augmentation.images import Augmentation
from keras_cnn_zoo.data.augmentation.levels import LEVELS, scaled
from keras_cnn_zoo.data.augmentation.mosaic import mosaic
from keras_cnn_zoo.drawing import boxes as box_drawing
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.metrics import MeanAveragePrecision
from keras_cnn_zoo.tasks.argument import (
    AUGMENT,
    CLASS_BALANCE,
    FLIP,
    IMAGE_SIZE,
    SCORE_THRESHOLD,
    TILES,
    check_options,
    checked_layers,
    checked_level,
    checked_range,
    checked_size,
)
from keras_cnn_zoo.tasks.balance import repeated
from keras_cnn_zoo.tasks.base import Task
from keras_cnn_zoo.tasks.object_sizes import anchors_for, looked_at, usual_boxes
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.tasks.tally import ObjectTally, batch_of_one
from keras_cnn_zoo.tasks.views import mirrored_boxes, tiled_boxes
from keras_cnn_zoo.training import rates
from keras_cnn_zoo.utils import validation

# The longer side of a new network's images by default, and what both sides are multiples of.
_LONGEST, _MULTIPLE = 320, 32
# Fraction of the images that are mosaics with `augment="strong"`.
_MOSAICS = 0.5
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
        augment: "none" for whole images as in measuring, "light", "standard", or "strong". "light" halves the
            changes of color and the logarithm of `scale`. "strong" raises them by half, and makes half of the
            images mosaics of four.
        class_balance: exponent that makes images with rare classes more frequent in an epoch: an image occurs
            about (f_most / f)^class_balance times, at most 8, where f is the fraction of images with its
            rarest class. 0 for once.
    """

    name = "detection"
    summary = "boxes and their classes"
    models = {"faster_rcnn": models.FasterRCNN, "retinanet": models.RetinaNet}
    pretrained_backbone = "efficientnet_lite0_imagenet"
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
    few_images = {"learning_rate": 1e-3}
    batch_size = 4
    fit_arguments = (IMAGE_SIZE, AUGMENT, CLASS_BALANCE)
    predict_arguments = evaluate_arguments = (SCORE_THRESHOLD, FLIP, TILES)

    def __init__(
        self,
        scale=(0.6, 1.6),
        turns=False,
        augmentation=None,
        *,
        image_size=None,
        backbone_rate=1.0,
        augment="standard",
        class_balance=0.0,
    ):
        self.augment = checked_level(augment, augmentation)
        self.class_balance = validation.finite_number("class_balance", class_balance, minimum=0)
        self.image_size = checked_size(image_size)
        self.backbone_rate = rates.check(backbone_rate)
        self.scale = checked_range("scale", scale, positive=True)
        self.turns = validation.boolean("turns", turns)
        if augmentation is None:
            augmentation = _layers(self.augment)
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

    def training_examples(self, model, source):
        """Returns the training split; with `class_balance`, images with rare classes occur several times."""
        examples = source.split("train")
        if not self.class_balance:
            return examples
        return source.once(
            ("repeated", self.class_balance),
            lambda: repeated(examples, [one["classes"] for one in looked_at(examples)], self.class_balance),
        )

    def training_batch(self, model, source, examples, seed):
        # One number of rows for all batches, so that the step is compiled once.
        rows = source.once("most objects", lambda: _most(source))
        if self.augment == "none":
            images, y = self.measuring_batch(model, source, examples)
            boxes, classes = padded(*_without_padding(y), rows)
            return images, {"boxes": boxes, "classes": classes}
        frames, all_boxes, all_classes = [], [], []
        for position, example in enumerate(examples):
            rng = np.random.default_rng((*seed, position))
            frame, boxes, classes = self._view(model, source, example, rng)
            frames.append(frame)
            all_boxes.append(boxes)
            all_classes.append(classes)
        boxes, classes = padded(all_boxes, all_classes, 4 * rows if self.augment == "strong" else rows)
        augmentation = self._layers(model, source)
        images, y = augmentation(np.stack(frames), boxes={"boxes": boxes, "classes": classes}, seed=seed)
        return model.normalize(images), y

    def _view(self, model, source, example, rng):
        """Returns a frame of the network's size with its boxes and classes: of one image, or a mosaic."""
        size, fill = model.input_shape[1:3], float(np.mean(model.preprocessing["mean"]))
        scale = scaled(self.scale, self.augment)
        if self.augment == "strong" and rng.random() < _MOSAICS:
            split = source.split("train")
            others = [split[int(place)] for place in rng.integers(len(split), size=3)]
            views = [self._turned(model, one, rng) for one in (example, *others)]
            return mosaic(views, size=size, fill=fill, rng=rng)
        image, boxes, classes = self._turned(model, example, rng)
        frame, boxes, kept = random_view(image, boxes, size=size, scale=scale, fill=fill, rng=rng)
        return frame, boxes, classes[kept]

    def _turned(self, model, example, rng):
        """Returns the image, boxes, and classes of an example, at random upright or on a side."""
        image, (boxes, classes) = _with_channels(example["image"], model), _targets(example)
        if self.turns:
            image, boxes = turned(image, boxes, int(rng.integers(4)))
        return image, boxes, classes

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
    def answers(self, model, items, *, batch_size=None, score_threshold=None, flip=False, tiles=None):
        """Returns a dict of `boxes` (n, 4), `scores` (n,), and `classes` (n,) for each image.

        Args:
            model: a model of this task.
            items: list of images.
            batch_size: images per step, or None for the task's.
            score_threshold: lowest score of an answer, and of the boxes in pictures; None for the model's own
                in answers, and `SHOWN` in pictures. A lower one than the model's own changes nothing. With
                `tiles`, boxes below it are left out before those of the tiles are merged.
            flip: whether to fuse the boxes with those of the mirrored images; with `turns`, also of images
                upside down.
            tiles: (height, width) of overlapping tiles that are searched too, or None.
        """
        check_options(tiles=tiles, score_threshold=score_threshold)

        def answer(images, size=None):
            return super(Detection, self).answers(model, images, batch_size=size)

        def seen(images, size=None):
            if flip:
                found = mirrored_boxes(lambda part: answer(part, size), images, upside_down=self.turns)
            else:
                found = answer(images, size)
            return [_from_score(one, score_threshold) for one in found]

        if tiles is None:
            return seen(items, batch_size)
        size = model.input_shape[1:3]
        found = [tiled_boxes(seen, image, tiles, self.batch_size, size) for image in items]
        return [_from_score(one, score_threshold) for one in found]

    def _decode(self, model, outputs, items):
        return model.decode(outputs, sizes=[image.shape[:2] for image in items])

    def measure(self, source, pairs):
        summary = _metric(pairs).summary()
        return {"map": summary["map"], "map50": summary["map50"]}

    def tally(self, source):
        return ObjectTally(source.class_names, SHOWN)

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
        objects. The boxes of a class are at most as many as the metric counts per image.
        """
        train = "train" if len(source.splits["train"]) else split
        # The metric counts no more of them.
        limit = MeanAveragePrecision().max_detections
        answer = usual_boxes(looked_at(source.split(train)), len(source.class_names), limit=limit)

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
        shown = [one for one in objects if one["score"] >= answer.get("shown", SHOWN)]
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
            shown = answer["scores"] >= answer.get("shown", SHOWN)
            answer = {key: answer[key][shown] for key in ("boxes", "scores", "classes")}
            rows.append((example["image"], example["boxes"], answer))
        return box_drawing.sheet(rows, source.class_names)


def _layers(level):
    """Returns the Keras layers of a level, which flip images and change their colors."""
    factor = LEVELS[level]
    if not factor:
        return ()
    color = {"value_range": (0, 255), "data_format": "channels_last"}
    return (
        keras.layers.RandomFlip("horizontal", bounding_box_format="xyxy", data_format="channels_last"),
        keras.layers.RandomBrightness(0.15 * factor, **color),
        keras.layers.RandomContrast(0.3 * factor, **color),
        keras.layers.RandomHue(0.03 * factor, **color),
    )


def _metric(pairs):
    """Returns a `MeanAveragePrecision` over pairs (example, answer)."""
    metric = MeanAveragePrecision()
    for example, answer in pairs:
        metric.update_state(batch_of_one(example), batch_of_one(answer))
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


def _from_score(answer, score):
    """Returns the boxes of an answer with at least this score, or all for None; pictures show the same."""
    if score is None:
        return answer
    kept = answer["scores"] >= score
    return {**{key: answer[key][kept] for key in ("boxes", "scores", "classes")}, "shown": score}


def _without_padding(y):
    """Returns the boxes and the classes of each image of a batch, as two lists."""
    kept = [classes >= 0 for classes in y["classes"]]
    return tuple([row[own] for row, own in zip(y[key], kept, strict=True)] for key in ("boxes", "classes"))


def _with_channels(image, model):
    """Returns uint8 pixels with as many channels as the network takes."""
    channels = model.input_shape[-1]
    if image.shape[-1] == channels:
        return image
    return np.rint(model.with_channels(image, channels)).astype("uint8")
