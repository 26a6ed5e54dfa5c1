"""Tracking: one object, marked in the first frame, followed through a sequence."""

import itertools
import os

import keras
import numpy as np

from keras_cnn_zoo import data, models
from keras_cnn_zoo.data.augmentation.animation import animate
from keras_cnn_zoo.data.augmentation.pairs import PairMaker, Strengths, has_target
from keras_cnn_zoo.data.batches import Batches
from keras_cnn_zoo.data.readers.otb import first_box, read_frames
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.drawing import sequences, sheets
from keras_cnn_zoo.metrics import SuccessAUC, TrackingPrecision
from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError

# Places of the response at most this far from the object count as hits: 16 pixels of the paper's 8 a place.
RADIUS = 2
# Of still pictures a test takes this many, each a sequence; more would tell nothing new for their time.
STILLS = 40


class Tracking(Task):
    """Sequences to a box per frame; metrics `auc` of the success curve and `precision20`, as OTB has them.

    Every sequence is followed once from its first box, without help later. Training sees pairs of crops: of
    two frames of a sequence, or of one still picture that is moved, scaled, turned, blurred and recoloured. A
    share of the pairs always comes from the embedded moving digits, so that stills alone are never all. Still
    pictures are measured as short sequences in which one of them moves before another. Validation looks at a
    few short sequences, because it happens often; test looks at all of everything.

    Args:
        embedded_share: share of the training pairs from the embedded train sequences, below 1.
        pairs: least number of pairs of an epoch; small data are seen several times.
        val_sequences: number of sequences that a validation looks at, half of them embedded ones where the
            data are others.
        val_frames: number of frames of each.
        strengths: a `keras_cnn_zoo.data.augmentation.pairs.Strengths` for training, or None for its defaults.
        tracker: dict of arguments of `models.tracking.Tracker`, or None for the paper's.
    """

    name = "tracking"
    models = {"siamfc": models.SiamFC}
    default_model = "siamfc"
    metric = "auc"
    recipe = Recipe(
        epochs=60, batch_size=32, learning_rate=1e-3, fine_tune_learning_rate=3e-4, weight_decay=1e-2
    )
    predict_options = ("box",)

    def __init__(
        self,
        embedded_share=0.25,
        pairs=4000,
        val_sequences=10,
        val_frames=24,
        strengths=None,
        tracker=None,
    ):
        self.embedded_share = validation.probability("embedded_share", embedded_share, allow_one=False)
        self.pairs = pairs
        self.val_sequences = val_sequences
        self.val_frames = val_frames
        self.strengths = Strengths() if strengths is None else strengths
        self.tracker = dict(tracker or {})

    # --- data ---------------------------------------------------------------------------------------------
    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False, image_size=None):
        examples = source.split(split)
        if training:
            examples = self._mixed(source, examples)

        def prepare(batch, batch_seed):
            return self.prepare(model, source, batch, batch_seed)

        return Batches(
            examples, prepare, batch_size=batch_size or self.recipe.batch_size, seed=seed, training=training
        )

    def _mixed(self, source, examples):
        """The split, repeated to an epoch, with embedded sequences in between."""
        share = 0.0 if _is_embedded(source) else self.embedded_share
        count = max(self.pairs, int(np.ceil(len(examples) / (1 - share))))
        embedded = data.load(task=self.name).splits["train"]
        # Every position belongs to one set for good, so that an epoch is a permutation and nothing else.
        borrowed = np.floor(np.arange(1, count + 1) * share) > np.floor(np.arange(count) * share)
        place = np.where(borrowed, np.cumsum(borrowed) - 1, np.cumsum(~borrowed) - 1)

        def read(position):
            chosen = embedded if borrowed[position] else examples
            return chosen[int(place[position]) % len(chosen)]

        return Split([str(position) for position in range(count)], read)

    def prepare(self, model, source, examples, seed=None):
        """One pair of each example: inputs of the network, labels and weights of the places."""
        maker = PairMaker(
            model.exemplar_size,
            model.search_shape[0],
            context=self.tracker.get("context", 1.0),
            strengths=self.strengths,
        )
        others = [example["frames"][0] for example in examples if len(example["frames"]) == 1]
        exemplars, searches, shifts = [], [], []
        for position, example in enumerate(examples):
            rng = np.random.default_rng((*(seed or (0,)), position))
            other = others[rng.integers(len(others))] if others else None
            exemplar, search, shift = maker(example, rng, other)
            exemplars.append(exemplar)
            searches.append(search)
            shifts.append(shift)
        # Crops have colors; a network of a user may take gray ones.
        channels = model.search_shape[-1]
        inputs = {
            name: model.normalize(np.stack([model.with_channels(crop, channels) for crop in crops]))
            for name, crops in (("exemplar", exemplars), ("search", searches))
        }
        return inputs, *labels(np.stack(shifts), model.response_size, model.stride)

    # --- model --------------------------------------------------------------------------------------------
    def model_arguments(self, source, image_size=None):
        arguments = {"variant": "small"}
        if image_size is not None:
            arguments["input_shape"] = (*image_size, 3)
        return arguments

    def adapt(self, preset, source):
        # A tracker knows no classes: every preset fits all data.
        return models.from_preset(preset)

    def loss(self):
        """The paper's logistic loss; the weights of the places make both classes count alike."""
        return keras.losses.BinaryCrossentropy(from_logits=True)

    # --- measuring and showing ----------------------------------------------------------------------------
    def follow(self, model, frames, box):
        """Follows the object in `box` of the first frame: boxes (frames, 4) and how sure it was of each."""
        tracker = model.tracker(**self.tracker)
        tracker.start(frames[0], box)
        boxes, sure = [np.asarray(box, "float64")], [1.0]
        for position in range(1, len(frames)):
            boxes.append(tracker.update(frames[position]))
            sure.append(tracker.probability)
        return np.stack(boxes), np.array(sure)

    def sequences(self, source, split):
        """The sequences that a split is measured on, as tracking examples, one after the other."""
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
        """One example from the first frame that shows its target; a still one animated."""
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

    def evaluate(self, model, source, split="test", *, batch_size=None):
        return self._measured(
            source, split, lambda sequence: self.follow(model, sequence["frames"], sequence["boxes"][0])[0]
        )

    def baseline(self, source, split="test"):
        """The box stays where it started."""
        return self._measured(
            source, split, lambda sequence: np.repeat(sequence["boxes"][:1], len(sequence["frames"]), axis=0)
        )

    def _measured(self, source, split, answer):
        auc, precision = SuccessAUC(), TrackingPrecision(20)
        for sequence in self.sequences(source, split):
            boxes = answer(sequence)
            auc.update_state(sequence["boxes"], boxes)
            precision.update_state(sequence["boxes"], boxes)
        return {"auc": float(auc.result()), "precision20": float(precision.result())}

    def expand_inputs(self, inputs):
        """Folders of frames as given: a sequence is one folder, with `img/` in it or of pictures."""
        for item in map(str, inputs):
            if not os.path.isdir(item):
                raise InputError(f"tracking takes folders of frames. Received: {item}")
        return [str(item).rstrip("/" + os.sep) or str(item) for item in inputs]

    def read_input(self, path, model):
        """Frames, and the first box where a `groundtruth_rect.txt` tells it."""
        return {"frames": read_frames(path), "box": first_box(path), "path": path}

    def describe(self, model, item, *, box=None):
        box = item["box"] if box is None else box
        if box is None:
            raise InputError(f"--box X,Y,W,H is needed: {item['path']} has no groundtruth_rect.txt")
        try:
            boxes, sure = self.follow(model, item["frames"], box)
        except ValueError as error:
            raise InputError(f"{item['path']}: {error}") from error
        answer = {
            "boxes": [[round(float(value), 2) for value in row] for row in boxes],
            "probabilities": [round(float(value), 4) for value in sure],
        }
        chosen = _spread(len(boxes), 12)
        shown = [sequences.boxed(item["frames"][i], {"red": boxes[i]}) for i in chosen]
        return answer, {".png": sequences.strip(shown, [f"frame {i + 1}" for i in chosen])}

    def draw(self, model, source, split="test", count=4):
        shown, titles = [], []
        for sequence in itertools.islice(self.sequences(source, split), count):
            boxes, _ = self.follow(model, sequence["frames"], sequence["boxes"][0])
            for i in _spread(len(boxes), 5):
                frame_boxes = {"white": sequence["boxes"][i], "red": boxes[i]}
                shown.append(sequences.boxed(sequence["frames"][i], frame_boxes))
                titles.append((f"{sequence['name']}, frame {i + 1} (white: true)", True))
        return sheets.grid([np.asarray(picture) for picture in shown], titles, columns=5)


def labels(shifts, places, stride):
    """Labels and balanced weights of the places of a response.

    Args:
        shifts: array (batch, 2) of (right, down), where the object lies from the middle, in search pixels.
        places: places along an edge of the response.
        stride: pixels from one place to the next.

    Returns:
        Two float32 arrays: labels (batch, places, places, 1), 1 within `RADIUS` places of the object, and
        weights (batch, places, places), half of their sum on each class, with a mean of 1.
    """
    axis = np.arange(places) - (places - 1) / 2
    right = axis[None, None, :] - shifts[:, 0, None, None] / stride
    down = axis[None, :, None] - shifts[:, 1, None, None] / stride
    hits = right**2 + down**2 <= RADIUS**2
    counts = hits.sum(axis=(1, 2), keepdims=True)
    total = places * places
    weights = np.where(hits, total / (2 * np.maximum(counts, 1)), total / (2 * np.maximum(total - counts, 1)))
    return hits[..., None].astype("float32"), weights.astype("float32")


def _is_embedded(source):
    return ":" not in source.name


def _spread(total, count):
    """At most `count` positions spread evenly over `total`."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)).tolist()
