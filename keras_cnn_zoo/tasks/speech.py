"""Speech: one word per recording."""

import collections
import math

import keras
import numpy as np

from keras_cnn_zoo import models
from keras_cnn_zoo.data.augmentation import sounds as sound_augmentation
from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.models.decoding import decode_classes
from keras_cnn_zoo.tasks.base import Recipe, Task
from keras_cnn_zoo.utils.errors import InputError

# Speech needs no more; a network made for more would only be slower.
HIGHEST_RATE = 16_000
SECONDS = (0.5, 5.0)
# Recordings looked at to choose the sample rate and the length of a new network's clips.
LOOKED_AT = 500


class Speech(Task):
    """Recordings to words; metric `accuracy`, the share of right answers.

    Training recordings are played a little faster or slower, moved in time and mixed with noise; the network
    masks stretches of time and frequency by itself. A new network takes clips that hold 99 % of the training
    recordings whole, at their own sample rate, 16,000 samples a second at most.

    Args:
        speed: largest change of speed, as a share, in [0, 1).
        shift: largest move in time, in seconds.
        noise_db: range of the noise, in decibels from the peak of the recording, or None for none.
    """

    name = "speech"
    models = {"keyword_cnn": models.KeywordCNN}
    default_model = "keyword_cnn"
    metric = "accuracy"
    recipe = Recipe(epochs=40, batch_size=32, learning_rate=3e-3, fine_tune_learning_rate=1e-3)

    def __init__(self, speed=0.15, shift=0.1, noise_db=(-60.0, -20.0)):
        self.speed = speed
        self.shift = shift
        self.noise_db = noise_db

    def model_arguments(self, source, image_size=None):
        if image_size is not None:
            raise InputError("--image-size is for pictures: speech has none")
        split = source.split("train")
        positions = np.unique(np.linspace(0, len(split) - 1, min(LOOKED_AT, len(split))).astype(int))
        rates, seconds = collections.Counter(), []
        for position in positions:
            example = split[int(position)]
            rates[example["sample_rate"]] += 1
            seconds.append(len(example["audio"]) / example["sample_rate"])
        rate = min(rates.most_common(1)[0][0], HIGHEST_RATE)
        quarters = math.ceil(4 * np.quantile(seconds, 0.99))
        return {
            "num_classes": len(source.class_names),
            "input_shape": (int(np.clip(quarters / 4, *SECONDS) * rate),),
            "sample_rate": rate,
            "class_names": source.class_names,
        }

    def prepare(self, model, source, examples, seed=None):
        clips = [(example["audio"], example["sample_rate"]) for example in examples]
        labels = np.array([int(example["label"]) for example in examples], dtype="int32")
        if seed is None:
            return model.preprocess(clips), labels
        rngs = [np.random.default_rng((*seed, position)) for position in range(len(clips))]
        factors = [1 + rng.uniform(-self.speed, self.speed) for rng in rngs]
        clips = [
            (sound_augmentation.change_speed(audio, factor), rate)
            for (audio, rate), factor in zip(clips, factors, strict=True)
        ]
        batch = model.preprocess(clips)
        reach = self.shift * model.sample_rate
        for position, rng in enumerate(rngs):
            moved = sound_augmentation.shift(batch[position], round(rng.uniform(-reach, reach)))
            if self.noise_db is not None:
                moved = sound_augmentation.add_noise(moved, rng.uniform(*self.noise_db), rng)
            batch[position] = moved
        return batch, labels

    def loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def evaluate(self, model, source, split="test", *, batch_size=None):
        metric = keras.metrics.SparseCategoricalAccuracy()
        for clips, labels in self.batches(model, source, split, batch_size=batch_size or 256):
            metric.update_state(labels, model.predict_on_batch(clips))
        return {"accuracy": float(metric.result())}

    def baseline(self, source, split="test"):
        """Always answering the word that is most frequent in training."""
        train = source.splits["train"] if len(source.splits["train"]) else source.split(split)
        answer = np.bincount(train.labels, minlength=len(source.class_names)).argmax()
        return {"accuracy": float(np.mean(source.split(split).labels == answer))}

    def read_input(self, path, model):
        """A recording: (float32 samples, samples a second)."""
        return sounds.decode(path)

    def describe(self, model, item):
        answer, picture = self._answer(model, item)
        title = f"{answer['class_name']}  {answer['probability']:.0%}"
        return answer, {".png": sheets.captioned(picture, title)}

    def draw(self, model, source, split="test", count=12):
        shown, titles = [], []
        for example in sheets.sample(source.split(split), count):
            answer, picture = self._answer(model, (example["audio"], example["sample_rate"]))
            truth = source.class_names[int(example["label"])]
            right = answer["class_name"] == truth
            titles.append((f"{answer['class_name']} ({answer['probability']:.0%}), true: {truth}", right))
            shown.append(picture)
        return sheets.grid(shown, titles)

    @staticmethod
    def _answer(model, clip):
        """The decoded answer to one recording, and its spectrogram as a picture."""
        batch = model.preprocess([clip])
        answer = decode_classes(model.predict_on_batch(batch), model.class_names)[0]
        return answer, _coloured(model.spectrogram(batch)[0])


def _coloured(spectrogram):
    """A spectrogram (frames, bands) of -1 to 1 as a uint8 picture: time to the right, treble above."""
    from matplotlib import colormaps

    # Twice as high, for eyes: there are more frames than bands.
    shown = np.repeat(spectrogram.T[::-1], 2, axis=0)
    return colormaps["magma"]((shown + 1) / 2, bytes=True)[..., :3]
