"""A small run of every task on a few embedded examples, for tests that go through all of them."""

import dataclasses
import os
import pathlib

import keras
import numpy as np

from keras_cnn_zoo import tasks
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.training.validation import Keeper
from keras_cnn_zoo.utils.characters import ALPHABET

COUNTS = {"train": 8, "val": 3, "test": 3}
FRAMES = 6
# What makes each task, its network and its steps small.
TASK_ARGUMENTS = {
    "detection": {"turns": True},
    "tracking": {"pairs": 8, "val_sequences": 2, "val_frames": 3},
}
OPTIONS = {
    "classification": {"width": 0.2},
    "detection": {"width": 0.125, "image_size": (64, 64)},
    "language": {"width": 0.05},
    "segmentation": {"width": 0.05, "image_size": (32, 32)},
    "speech": {"width": 0.2},
    # Four of five words are drawn: two real ones per step.
    "text": {"width": 0.1, "batch_size": 8},
    "tracking": {"width": 0.1},
}


def task(name):
    """Returns the task of that name, which sees `COUNTS` examples of its data."""

    class Small(tasks.TASKS[name]):
        def load(self, spec=None, **options):
            source = super().load(spec, **options)
            splits = {split: examples[: COUNTS[split]] for split, examples in source.splits.items()}
            if name == "tracking":
                splits = {split: _shortened(sequences) for split, sequences in splits.items()}
            # In the alphabet of digits alone no words are drawn.
            names = ALPHABET if name == "text" else source.class_names
            return dataclasses.replace(source, splits=splits, class_names=names)

    return Small(**TASK_ARGUMENTS.get(name, {}))


def _shortened(sequences):
    def read(position):
        example = sequences[position]
        return {**example, "frames": example["frames"][:FRAMES], "boxes": example["boxes"][:FRAMES]}

    return Split(sequences.names, read)


def options(name, out, **changed):
    """`FitOptions` of a run of two steps, in `out`."""
    values = {"epochs": 1, "batch_size": 4, "seed": 5, "out": str(out), **OPTIONS[name], **changed}
    return tasks.FitOptions(**values)


def write_input(name, example, folder):
    """Writes what `predict` of a task takes for one example; returns its path."""
    from PIL import Image

    from tests.data.wav_files import write

    os.makedirs(folder)
    if name == "language":
        path = os.path.join(folder, "a.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(example["text"])
    elif name == "speech":
        path = os.path.join(folder, "a.wav")
        write(pathlib.Path(path), example["audio"][:, None], rate=example["sample_rate"])
    elif name == "tracking":
        path = folder
        for index in range(3):
            Image.fromarray(example["frames"][index]).save(os.path.join(folder, f"{index}.png"))
        np.savetxt(os.path.join(folder, "groundtruth_rect.txt"), example["boxes"][:3], delimiter=",")
    else:
        path = os.path.join(folder, "a.png")
        image = example["image"]
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
    return path


def through(name, folder, jit):
    """Fits, evaluates and predicts; returns JSON-able facts to look at."""
    made, out, before = task(name), os.path.join(folder, "run"), []
    # Where training begins; `fit` hands over the weights where it ended.
    Keeper.on_train_begin = lambda self, logs=None: before.extend(self.model.get_weights())
    model, metrics = tasks.fit(made, options(name, out, jit=jit))
    after = model.get_weights()
    source = made.load()
    given = write_input(name, source.split("test")[0], os.path.join(folder, "input"))
    answers = tasks.predict(made, [given], os.path.join(folder, "answers"), run=out)
    return {
        "backend": keras.backend.backend(),
        "compiled": bool(model.jit_compile),
        "steps": int(model.optimizer.iterations),
        "trained": any((one != other).any() for one, other in zip(before, after, strict=True)),
        "finite": all(np.isfinite(value).all() for value in after),
        "metrics": {key: value for key, value in metrics.items() if isinstance(value, float)},
        "evaluated": tasks.evaluate(made, run=out),
        "answers": len(answers),
    }
