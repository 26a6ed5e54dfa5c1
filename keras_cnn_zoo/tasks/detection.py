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
from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.utils.errors import InputError

# The longer side of the network's picture where nobody says otherwise, and what both sides are multiples of.
_LONGEST, _MULTIPLE = 320, 32
# Answers with a lower score are left out of pictures, not of JSON and metrics.
SHOWN = 0.5


class Detection(Task):
    """Pictures to boxes with classes and scores; metrics `map` and `map50`, as COCO counts them.

    `map50` takes a box as right from an intersection over union of 0.5 on; `map`, by which the best epoch is
    chosen, is the mean over 0.50, 0.55 .. 0.95. Training sees pictures at random scales and places, mirrored
    where the data allow it, with random brightness, contrast and hue; measuring sees whole pictures, and
    compares boxes in their own pixels.

    Args:
        scale: range of the random magnification in training; at 1 a picture just fits the network.
        turns: whether training pictures are also turned by quarters, for data without an up, such as cells or
            pictures from the air.
        augmentation: Keras image layers applied to training pictures and boxes, or None for the task's own; a
            `RandomFlip` is left out for data whose pictures must not be mirrored.
    """

    name = "detection"
    models = {"faster_rcnn": models.FasterRCNN, "retinanet": models.RetinaNet}
    default_model = "faster_rcnn"
    # Over few pictures `map50` jumps more from epoch to epoch than the mean over ten thresholds.
    metric = "map"
    recipe = Recipe(
        epochs=40, batch_size=4, learning_rate=5e-4, fine_tune_learning_rate=2e-4, weight_decay=1e-2
    )

    def __init__(self, scale=(0.6, 1.6), turns=False, augmentation=None):
        self.scale = scale
        self.turns = turns
        if augmentation is None:
            augmentation = (
                keras.layers.RandomFlip(
                    "horizontal", bounding_box_format="xyxy", data_format="channels_last"
                ),
                keras.layers.RandomBrightness(0.15, value_range=(0, 255), data_format="channels_last"),
                keras.layers.RandomContrast(0.3, value_range=(0, 255), data_format="channels_last"),
                keras.layers.RandomHue(0.03, value_range=(0, 255), data_format="channels_last"),
            )
        self.augmentation = Augmentation(augmentation)

    # --- data ---------------------------------------------------------------------------------------------
    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False, image_size=None):
        batches = super().batches(model, source, split, batch_size=batch_size, seed=seed, training=training)
        if image_size is not None and tuple(image_size) != tuple(model.input_shape[1:3]):
            height, width = model.input_shape[1:3]
            raise InputError(
                f"--image-size: the network takes {height}x{width}. "
                f"Received: {'x'.join(map(str, image_size))}"
            )
        if training:
            count = _rows(max((len(one["classes"]) for one in looked_at(source.split(split))), default=1))
            layers = self._layers(model, source)
            batches.prepare = lambda examples, batch_seed: self._augmented(
                model, examples, batch_seed, count, layers
            )
        return batches

    def prepare(self, model, source, examples, seed=None):
        wanted = [_wanted(example) for example in examples]
        count = _rows(max(len(classes) for _, classes in wanted))
        if seed is not None:
            return self._augmented(model, examples, seed, count, self._layers(model, source))
        boxes = [
            model.preprocess_boxes(own, example["image"].shape[:2])
            for (own, _), example in zip(wanted, examples, strict=True)
        ]
        boxes, classes = padded(boxes, [classes for _, classes in wanted], count)
        images = model.preprocess([example["image"] for example in examples])
        return images, {"boxes": boxes, "classes": classes}

    def _layers(self, model, source):
        layers = self.augmentation.layers
        if not source.mirror:
            layers = [layer for layer in layers if not isinstance(layer, keras.layers.RandomFlip)]
        if model.input_shape[-1] == 1:
            layers = [layer for layer in layers if not isinstance(layer, keras.layers.RandomHue)]
        return Augmentation(layers)

    def _augmented(self, model, examples, seed, count, augmentation):
        """A training batch, every draw a function of `seed`."""
        frames, all_boxes, all_classes = [], [], []
        for position, example in enumerate(examples):
            rng = np.random.default_rng((*seed, position))
            image, (boxes, classes) = _with_channels(example["image"], model), _wanted(example)
            if self.turns:
                image, boxes = turned(image, boxes, int(rng.integers(4)))
            fill = float(np.mean(model.preprocessing["mean"]))
            frame, boxes, kept = random_view(
                image, boxes, size=model.input_shape[1:3], scale=self.scale, fill=fill, rng=rng
            )
            frames.append(frame)
            all_boxes.append(boxes)
            all_classes.append(classes[kept])
        boxes, classes = padded(all_boxes, all_classes, count)
        images, y = augmentation(np.stack(frames), boxes={"boxes": boxes, "classes": classes}, seed=seed)
        return model.normalize(images), y

    # --- model --------------------------------------------------------------------------------------------
    def input_shape(self, source, image_size=None):
        """(height, width, channels): as given, else the usual shape of the data up to a side of 320."""
        if image_size is None:
            sizes = [example["image"].shape[:2] for example in sheets.sample(source.split("train"), 50)]
            height, width = np.median(np.array(sizes, dtype="float64"), axis=0)
            scale = min(1.0, _LONGEST / max(height, width))
            image_size = [
                max(1, int(np.ceil(edge * scale / _MULTIPLE - 1e-6))) * _MULTIPLE for edge in (height, width)
            ]
        return (int(image_size[0]), int(image_size[1]), source.channels)

    def build(self, source, *, model=None, image_size=None, backbone=None, **overrides):
        name = model or self.default_model
        if name == "faster_rcnn" and not {"min_level", "anchor_sizes"} & overrides.keys():
            shape = overrides.get("input_shape") or self.input_shape(source, image_size)
            overrides.update(anchors_for(source.split("train"), shape))
        return super().build(source, model=model, image_size=image_size, backbone=backbone, **overrides)

    def loss(self):
        return None

    # --- measuring and showing ----------------------------------------------------------------------------
    def find(self, model, images, batch_size=4):
        """What a model finds in pictures of any sizes: a dict of `boxes`, `scores`, `classes` for each.

        Boxes are left, top, right, bottom in each picture's own pixels.
        """
        found = []
        for start in range(0, len(images), batch_size):
            part = list(images[start : start + batch_size])
            inputs = model.preprocess(part)
            # Every batch has one shape, so that the network is compiled once.
            inputs = np.concatenate([inputs, np.repeat(inputs[-1:], batch_size - len(part), axis=0)])
            outputs = {
                key: keras.ops.convert_to_numpy(value)[: len(part)]
                for key, value in model.predict_on_batch(inputs).items()
            }
            found.extend(model.decode(outputs, sizes=[image.shape[:2] for image in part]))
        return found

    def evaluate(self, model, source, split="test", *, batch_size=None):
        summary = self._measured(model, source, split, batch_size).summary()
        return {"map": summary["map"], "map50": summary["map50"]}

    def class_average_precision(self, model, source, split="test"):
        """`map` and `map50` of each class that the split shows, as a dict from class name."""
        classes = self._measured(model, source, split).summary()["classes"]
        return {
            source.class_names[class_id]: {"map": figures["map"], "map50": figures["map50"]}
            for class_id, figures in classes.items()
        }

    def _measured(self, model, source, split, batch_size=None):
        metric, examples = MeanAveragePrecision(), source.split(split)
        batch_size = batch_size or self.recipe.batch_size
        # A few batches at a time: pictures of a whole split need not fit in memory.
        chunk = 8 * batch_size
        for start in range(0, len(examples), chunk):
            part = [examples[position] for position in range(start, min(start + chunk, len(examples)))]
            found = self.find(model, [example["image"] for example in part], batch_size)
            for example, answer in zip(part, found, strict=True):
                metric.update_state(_batch_of_one(example), _batch_of_one(answer))
        return metric

    def baseline(self, source, split="test"):
        """The same boxes for every picture: each class's mean box, tiled from edge to edge.

        Mean width and height are shares of the picture; a class's score is its share of the training objects.
        """
        train = "train" if len(source.splits["train"]) else split
        answer = usual_boxes(looked_at(source.split(train)), len(source.class_names))
        metric = MeanAveragePrecision()
        for example in looked_at(source.split(split)):
            height, width = example["size"]
            scaled = answer["boxes"] * np.array([width, height, width, height])
            metric.update_state(_batch_of_one(example), _batch_of_one({**answer, "boxes": scaled}))
        summary = metric.summary()
        return {"map": summary["map"], "map50": summary["map50"]}

    def describe(self, model, image):
        (found,) = self.find(model, [image], batch_size=1)
        names = model.class_names or tuple(str(index) for index in range(model.num_classes))
        objects = [
            {
                "class_id": int(class_id),
                "class_name": names[int(class_id)],
                "score": float(score),
                "box": [round(float(edge), 2) for edge in box],
            }
            for box, score, class_id in zip(found["boxes"], found["scores"], found["classes"], strict=True)
        ]
        answer = {"objects": objects, "height": int(image.shape[0]), "width": int(image.shape[1])}
        shown = [one for one in objects if one["score"] >= SHOWN]
        picture = box_drawing.boxed(
            image,
            [one["box"] for one in shown],
            [f"{one['class_name']} {one['score']:.2f}" for one in shown],
            [one["class_id"] for one in shown],
        )
        return answer, {".png": picture}

    def draw(self, model, source, split="test", count=9):
        examples = sheets.sample(source.split(split), count)
        found = self.find(model, [example["image"] for example in examples])
        rows = []
        for example, answer in zip(examples, found, strict=True):
            shown = answer["scores"] >= SHOWN
            answer = {key: answer[key][shown] for key in ("boxes", "scores", "classes")}
            rows.append((example["image"], example["boxes"], answer))
        return box_drawing.sheet(rows, source.class_names)


def looked_at(split):
    """Boxes, classes, crowds and (height, width) of every picture of a split; the pixels are let go."""

    def look(position):
        example = split[position]
        return {
            "size": example["image"].shape[:2],
            **{key: example[key] for key in ("boxes", "classes", "crowd")},
        }

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(look, range(len(split))))


def anchors_for(split, input_shape):
    """`min_level` and `anchor_sizes` of a `FasterRCNN` for the sizes of a split's objects.

    Two anchors to an octave, 4 and 5.7 cells wide. Level 2 costs more than all others together and is left
    out where nineteen of twenty objects measure at least 20 pixels (geometric mean) in the network's picture.
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
    """What to answer without looking: a dict of `boxes` in shares of the picture, `scores` and `classes`."""
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


def _rows(count):
    """Room for `count` objects, in steps of eight."""
    return max(8, (count + 7) // 8 * 8)


def _wanted(example):
    """Boxes and classes that are to be learnt: crowds are not."""
    alone = ~np.asarray(example["crowd"], dtype=bool)
    return np.asarray(example["boxes"])[alone], np.asarray(example["classes"])[alone]


def _with_channels(image, model):
    """uint8 pixels with as many channels as the network takes."""
    channels = model.input_shape[-1]
    if image.shape[-1] == channels:
        return image
    return np.rint(model.with_channels(image, channels)).astype("uint8")


def _batch_of_one(example):
    keys = [key for key in ("boxes", "classes", "crowd", "scores") if key in example]
    return {key: np.asarray(example[key])[None] for key in keys}
