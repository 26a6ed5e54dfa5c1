"""Tracking: one object, marked in the first frame, followed through a sequence."""

import inspect
import itertools
import os

import keras
import numpy as np

from keras_cnn_zoo import data, models
from keras_cnn_zoo.data.augmentation.animation import animate
from keras_cnn_zoo.data.augmentation.levels import LEVELS
from keras_cnn_zoo.data.augmentation.pairs import PairMaker, Strengths, has_target
from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.readers.otb import first_box, read_frames
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.drawing import sequences, sheets
from keras_cnn_zoo.metrics import SuccessAUC, TrackingPrecision
from keras_cnn_zoo.tasks.argument import AUGMENT, BOX, IMAGE_SIZE, Argument, checked_level, checked_size
from keras_cnn_zoo.tasks.base import Task
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError

# Positions of the response map up to this distance from the object are positive: 16 pixels at a stride of 8.
RADIUS = 2
# A test on still images uses at most this many. Each becomes a sequence, which is slow to track.
STILLS = 40


class Tracking(Task):
    """Sequences to one box per frame; metrics `auc` of the success curve and `precision20`, as in OTB.

    Every sequence is tracked once from its first box, without corrections. Training uses pairs of crops from
    two frames of a sequence, or from one still image that is shifted, scaled, rotated, blurred, and
    recolored. A fraction of the pairs comes from the embedded moving digits, so that training never uses only
    still images. For evaluation, a patch of a still image moves in front of another image. Validation runs
    often, so it uses a few short sequences. The test uses all sequences, or at most 40 still images.

    Args:
        embedded_share: fraction of the training pairs from the embedded train sequences, below 1.
        pairs: minimum number of pairs per epoch; small data are repeated.
        val_sequences: number of sequences in a validation. Half of them are embedded ones if the data are
            not embedded.
        val_frames: number of frames of each sequence in a validation.
        strengths: a `keras_cnn_zoo.data.augmentation.pairs.Strengths` for training, or None for its defaults.
        tracker: dict of arguments of `models.tracking.Tracker`, or None for the paper's.
        image_size: (height, width) of a new network's search region, or None for the model's default.
        augment: "none", "light", "standard", or "strong": factors 0, 0.5, 1, and 1.5 of the strengths, except
            the shift and the distance of two frames, which are what a tracker learns to follow.
    """

    name = "tracking"
    summary = "one target through a video"
    models = {"siamfc": models.SiamFC}
    default_model = "siamfc"
    metric = "auc"
    recipe = Recipe(
        epochs=60,
        batch_size=32,
        learning_rate=1e-3,
        fine_tune_learning_rate=3e-4,
        weight_decay=1e-2,
        patience=15,
    )
    batch_size = 1
    fit_arguments = (IMAGE_SIZE, AUGMENT)
    predict_arguments = (Argument("box", BOX, None, "X,Y,W,H of the target in the first frame"),)

    def __init__(
        self,
        embedded_share=0.25,
        pairs=4000,
        val_sequences=10,
        val_frames=24,
        strengths=None,
        tracker=None,
        *,
        image_size=None,
        augment="standard",
    ):
        self.augment = checked_level(augment)
        self.image_size = checked_size(image_size)
        self.embedded_share = validation.probability("embedded_share", embedded_share, allow_one=False)
        self.pairs = validation.positive_integer("pairs", pairs)
        self.val_sequences = validation.positive_integer("val_sequences", val_sequences)
        self.val_frames = validation.positive_integer("val_frames", val_frames)
        strengths = Strengths() if strengths is None else strengths
        self.strengths = validation.instance("strengths", strengths, Strengths, "a `Strengths` or None")
        self.tracker = _checked_tracker({} if tracker is None else tracker)

    # --- data ---------------------------------------------------------------------------------------------
    def training_examples(self, model, source):
        """Returns the training split, repeated to the length of an epoch, mixed with embedded sequences."""
        examples = source.split("train")
        share = 0.0 if _is_embedded(source) else self.embedded_share
        count = max(self.pairs, int(np.ceil(len(examples) / (1 - share))))
        embedded = data.load(task=self.name).splits["train"]
        # Every position always refers to the same example, so an epoch is a permutation of the positions.
        borrowed = np.floor(np.arange(1, count + 1) * share) > np.floor(np.arange(count) * share)
        place = np.where(borrowed, np.cumsum(borrowed) - 1, np.cumsum(~borrowed) - 1)

        def read(position):
            chosen = embedded if borrowed[position] else examples
            return chosen[int(place[position]) % len(chosen)]

        return Split([str(position) for position in range(count)], read)

    def measuring_batch(self, model, source, examples):
        return self.training_batch(model, source, examples, (0,))

    def training_batch(self, model, source, examples, seed):
        """Returns the network's inputs, one pair per example, and labels and weights of the positions."""
        maker = PairMaker(
            model.exemplar_size,
            model.search_shape[0],
            context=self.tracker.get("context", 1.0),
            strengths=self.strengths.scaled(LEVELS[self.augment]),
        )
        others = [example["frames"][0] for example in examples if len(example["frames"]) == 1]
        exemplars, searches, shifts = [], [], []
        for position, example in enumerate(examples):
            rng = np.random.default_rng((*seed, position))
            other = others[rng.integers(len(others))] if others else None
            exemplar, search, shift = maker(example, rng, other)
            exemplars.append(exemplar)
            searches.append(search)
            shifts.append(shift)
        # The crops are RGB, but a user's network may take gray images.
        channels = model.search_shape[-1]
        inputs = {
            name: model.normalize(np.stack([model.with_channels(crop, channels) for crop in crops]))
            for name, crops in (("exemplar", exemplars), ("search", searches))
        }
        return inputs, *labels(np.stack(shifts), model.response_size, model.stride)

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False):
        if training:
            try:
                # A bad argument of the tracker is found here, not when validation needs it.
                model.tracker(**self.tracker)
            except (TypeError, ValueError) as error:
                raise InputError(f"`tracker`: {error}") from error
        return super().batches(model, source, split, batch_size=batch_size, seed=seed, training=training)

    # --- model --------------------------------------------------------------------------------------------
    def model_arguments(self, source):
        arguments = {"variant": "small"}
        if self.image_size is not None:
            arguments["input_shape"] = (*self.image_size, 3)
        return arguments

    def adapt(self, preset, source, *, weights=None):
        # A tracker has no classes, so every preset fits all data.
        return models.from_preset(preset, weights=weights)

    def loss(self):
        """Returns the paper's logistic loss; the sample weights balance the two classes."""
        return keras.losses.BinaryCrossentropy(from_logits=True)

    # --- measuring and showing ----------------------------------------------------------------------------
    def follow(self, model, frames, box):
        """Follows the object in `box` of the first frame; returns boxes (frames, 4) and probabilities."""
        tracker = model.tracker(**self.tracker)
        tracker.start(frames[0], box)
        boxes, sure = [np.asarray(box, "float64")], [1.0]
        for position in range(1, len(frames)):
            boxes.append(tracker.update(frames[position]))
            sure.append(tracker.probability)
        return np.stack(boxes), np.array(sure)

    def examples(self, source, split):
        """Yields the sequences that a split is measured on, as tracking examples."""
        examples = source.split(split)
        if split != "val":
            still = len(examples[0]["frames"]) == 1
            for position in _spread(len(examples), STILLS) if still else range(len(examples)):
                yield self._sequence(examples, position, None)
            return
        count = self.val_sequences
        if not _is_embedded(source):
            embedded = data.load(task=self.name).splits["val"]
            for position in _spread(len(embedded), self.val_sequences // 2):
                yield self._sequence(embedded, position, self.val_frames)
            count -= self.val_sequences // 2
        for position in _spread(len(examples), count):
            yield self._sequence(examples, position, self.val_frames)

    def _sequence(self, examples, position, frames):
        """Returns an example that starts with its target in view; a still image becomes a sequence."""
        example = examples[position]
        if len(example["frames"]) == 1:
            background = examples[(position + 1) % len(examples)]["frames"][0]
            rng = np.random.default_rng((len(examples), position))
            return animate(example, background, frames=frames or self.val_frames, rng=rng)
        present = has_target(example["boxes"])
        if not present.any():
            raise InputError(f"the sequence {example['name']} shows its target in no frame")
        kept = slice(int(present.argmax()), None if frames is None else int(present.argmax()) + frames)
        return {**example, "frames": example["frames"][kept], "boxes": example["boxes"][kept]}

    def item(self, example):
        return {"frames": example["frames"], "box": example["boxes"][0], "path": example.get("name")}

    def answers(self, model, items, *, batch_size=None, box=None):
        """Returns a dict of `boxes` (frames, 4) and `probabilities` (frames,) for each sequence.

        Args:
            model: a model of this task.
            items: list of sequences.
            batch_size: not used, because each frame depends on the one before.
            box: (left, top, width, height) of the target in the first frame; None for that of the sequence.
        """
        found = []
        for item in items:
            try:
                boxes, sure = self.follow(model, item["frames"], item["box"] if box is None else box)
            except ValueError as error:
                raise InputError(f"{item['path']}: {error}") from error
            found.append({"boxes": boxes, "probabilities": sure})
        return found

    def measure(self, source, pairs):
        auc, precision = SuccessAUC(), TrackingPrecision(20)
        for sequence, answer in pairs:
            auc.update_state(sequence["boxes"], answer["boxes"])
            precision.update_state(sequence["boxes"], answer["boxes"])
        return {"auc": float(auc.result()), "precision20": float(precision.result())}

    def baseline(self, source, split="test"):
        """Returns the metrics of the first box, repeated in every frame."""
        return self.measure(
            source,
            (
                (sequence, {"boxes": np.repeat(sequence["boxes"][:1], len(sequence["frames"]), axis=0)})
                for sequence in self.examples(source, split)
            ),
        )

    def expand_inputs(self, inputs):
        """Returns the folders as given; each is a sequence, with the frames in it or in its folder `img`."""
        for item in map(str, inputs):
            if not os.path.isdir(item):
                raise InputError(f"tracking takes folders of frames. Received: {item}")
        return [str(item).rstrip("/" + os.sep) or str(item) for item in inputs]

    def check_input(self, path, box=None):
        frames = read_frames(path)
        sizes = [image_files.inspect(file) for file in frames.files]
        given = first_box(path, frames=len(frames)) if box is None else np.asarray(box, "float64")
        if given is None:
            raise InputError(f"`box` is needed: {path} has no groundtruth_rect.txt")
        center = given[:2] + given[2:] / 2
        if (center < 0).any() or (center > (sizes[0].width, sizes[0].height)).any():
            name = "the first box of groundtruth_rect.txt" if box is None else "`box`"
            raise InputError(
                f"{path}: {name} must be with its center inside the frame of {sizes[0].width} x "
                f"{sizes[0].height} pixels. Received: {', '.join(f'{edge:g}' for edge in given)}"
            )
        return 0

    def read_input(self, path, model):
        """Returns the frames, which are decoded on access, and the first box if the data have it."""
        return {"frames": read_frames(path), "box": first_box(path), "path": path}

    def describe(self, model, item, answer):
        boxes, sure = answer["boxes"], answer["probabilities"]
        chosen = _spread(len(boxes), 12)
        shown = [sequences.boxed(item["frames"][i], {"red": boxes[i]}) for i in chosen]
        picture = sequences.strip(shown, [f"frame {i + 1}" for i in chosen])
        return {
            "boxes": [[round(float(value), 2) for value in row] for row in boxes],
            "probabilities": [round(float(value), 4) for value in sure],
        }, {".png": picture}

    def draw_truth(self, source, split="train", count=4):
        shown, titles = [], []
        for sequence in sheets.sample(source.split(split), count):
            for i in _spread(len(sequence["boxes"]), 5):
                shown.append(sequences.boxed(sequence["frames"][i], {"red": sequence["boxes"][i]}))
                titles.append((f"{sequence['name']}, frame {i + 1}", True))
        return sheets.grid([np.asarray(picture) for picture in shown], titles, columns=5)

    def draw(self, model, source, split="test", count=4):
        shown, titles = [], []
        for sequence in itertools.islice(self.examples(source, split), count):
            (answer,) = self.answers(model, [self.item(sequence)])
            for i in _spread(len(answer["boxes"]), 5):
                frame_boxes = {"white": sequence["boxes"][i], "red": answer["boxes"][i]}
                shown.append(sequences.boxed(sequence["frames"][i], frame_boxes))
                titles.append((f"{sequence['name']}, frame {i + 1} (white: true)", True))
        return sheets.grid([np.asarray(picture) for picture in shown], titles, columns=5)


def labels(shifts, places, stride):
    """Returns labels and balanced weights of the positions of a response map.

    Args:
        shifts: array (batch, 2) of (right, down), the object's offset from the center, in search pixels.
        places: number of positions along an edge of the response map.
        stride: pixels between neighboring positions.

    Returns:
        Two float32 arrays. The labels (batch, places, places, 1) are 1 within `RADIUS` positions of the
        object. The weights (batch, places, places) have a mean of 1, and the same sum for both labels.
    """
    axis = np.arange(places) - (places - 1) / 2
    right = axis[None, None, :] - shifts[:, 0, None, None] / stride
    down = axis[None, :, None] - shifts[:, 1, None, None] / stride
    hits = right**2 + down**2 <= RADIUS**2
    counts = hits.sum(axis=(1, 2), keepdims=True)
    total = places * places
    weights = np.where(hits, total / (2 * np.maximum(counts, 1)), total / (2 * np.maximum(total - counts, 1)))
    return hits[..., None].astype("float32"), weights.astype("float32")


def _checked_tracker(arguments):
    """Returns a copy of a dict of arguments of `Tracker`; its values are checked once there is a model."""
    known = set(inspect.signature(models.tracking.Tracker.__init__).parameters) - {"self", "model"}
    if not isinstance(arguments, dict) or set(arguments) - known:
        raise InputError(f"`tracker` must be a dict with {', '.join(sorted(known))}. Received: {arguments!r}")
    return dict(arguments)


def _is_embedded(source):
    return ":" not in source.name


def _spread(total, count):
    """Returns at most `count` positions that are spread evenly over `total`."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)).tolist()
