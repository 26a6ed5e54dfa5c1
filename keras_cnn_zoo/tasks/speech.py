"""Speech: one word per recording."""

import collections
import math

import numpy as np

from keras_cnn_zoo import models
from keras_cnn_zoo.data.augmentation import sounds as sound_augmentation
from keras_cnn_zoo.data.augmentation.levels import LEVELS
from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.tasks.argument import AUGMENT, CLASS_BALANCE, EXPLAIN, checked_level, checked_range
from keras_cnn_zoo.tasks.recipe import Recipe
from keras_cnn_zoo.tasks.single_label import SingleLabel, described, explained, labels_of, verdict
from keras_cnn_zoo.utils import validation

# Speech has little above 8 kHz: a network for a higher rate would only be slower.
HIGHEST_RATE = 16_000
SECONDS = (0.5, 5.0)
# Number of recordings that decide the sample rate and the length of a new network's clips.
LOOKED_AT = 500
# Largest change of speed of strong augmentation, unless more is asked for.
_MOST_SPEED = 0.9


class Speech(SingleLabel):
    """Recordings to words; metric `accuracy`, the fraction of right answers.

    Training recordings are played a little faster or slower, shifted in time, and mixed with noise. The
    network itself masks intervals of time and frequency. A new network takes clips long enough for 99 % of
    the training recordings, at their sample rate, at most 16,000 Hz.

    Args:
        speed: largest change of speed, as a fraction in [0, 1).
        shift: largest shift in time, in seconds.
        noise_db: range of the noise, in decibels from the peak of the recording, or None for no noise.
        augment: "none", "light", "standard", or "strong". "light" halves `speed`, `shift`, and the amplitude
            of the noise; "strong" raises them by half. The masks of the network stay at every level.
        class_balance: exponent of the class weights: a recording of a class with frequency f has a weight
            proportional to f^-class_balance in the loss. 0 gives all recordings the same weight.
    """

    name = "speech"
    summary = "one class per recording"
    models = {"keyword_cnn": models.KeywordCNN}
    default_model = "keyword_cnn"
    recipe = Recipe(
        epochs=40,
        batch_size=32,
        learning_rate=3e-3,
        fine_tune_learning_rate=1e-3,
        least_steps=200,
        patience=15,
    )

    fit_arguments = (AUGMENT, CLASS_BALANCE)
    predict_arguments = (EXPLAIN,)

    def __init__(
        self, speed=0.15, shift=0.1, noise_db=(-60.0, -20.0), *, augment="standard", class_balance=0.0
    ):
        self.augment = checked_level(augment)
        self.class_balance = validation.finite_number("class_balance", class_balance, minimum=0)
        self.speed = validation.probability("speed", speed, allow_one=False)
        self.shift = validation.finite_number("shift", shift, minimum=0)
        self.noise_db = None if noise_db is None else checked_range("noise_db", noise_db)

    def model_arguments(self, source):
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

    def measuring_batch(self, model, source, examples):
        return model.preprocess([self.item(example) for example in examples]), labels_of(examples)

    def training_batch(self, model, source, examples, seed):
        if self.augment == "none":
            return self.weighted(source, *self.measuring_batch(model, source, examples))
        factor = LEVELS[self.augment]
        speed, decibels = min(factor * self.speed, max(self.speed, _MOST_SPEED)), 20 * math.log10(factor)
        clips = [self.item(example) for example in examples]
        rngs = [np.random.default_rng((*seed, position)) for position in range(len(clips))]
        factors = [1 + rng.uniform(-speed, speed) for rng in rngs]
        clips = [
            (sound_augmentation.change_speed(audio, factor), rate)
            for (audio, rate), factor in zip(clips, factors, strict=True)
        ]
        batch = model.preprocess(clips)
        reach = factor * self.shift * model.sample_rate
        for position, rng in enumerate(rngs):
            moved = sound_augmentation.shift(batch[position], round(rng.uniform(-reach, reach)))
            if self.noise_db is not None:
                moved = sound_augmentation.add_noise(moved, rng.uniform(*self.noise_db) + decibels, rng)
            batch[position] = moved
        return self.weighted(source, batch, labels_of(examples))

    def item(self, example):
        return example["audio"], example["sample_rate"]

    def check_input(self, path, **options):
        return sounds.inspect(path)

    def read_input(self, path, model):
        """Returns a recording: (float32 samples, sample rate in Hz)."""
        return sounds.decode(path)

    def answers(self, model, items, *, batch_size=None, explain=False):
        """Returns a dict for each recording, as `SingleLabel` says.

        Args:
            model: a model of this task.
            items: list of recordings.
            batch_size: recordings per step, or None for the task's.
            explain: whether each answer also has `heat`, the `grad_cam` of its class over frames and bands.
        """
        found = super().answers(model, items, batch_size=batch_size)
        return explained(model, items, found, batch_size or self.batch_size) if explain else found

    def describe(self, model, item, answer):
        picture = colored(model.spectrogram(model.preprocess([item]))[0])
        return described(answer, picture, upward=True)

    def draw_truth(self, source, split="train", count=12):
        examples = sheets.sample(source.split(split), count)
        titles = [source.class_names[int(example["label"])] for example in examples]
        return sheets.waveforms([self.item(example) for example in examples], titles)

    def draw(self, model, source, split="test", count=12):
        examples = sheets.sample(source.split(split), count)
        items = [self.item(example) for example in examples]
        spectrograms = model.spectrogram(model.preprocess(items))
        titles = [
            verdict(answer, source.class_names[int(example["label"])])
            for example, answer in zip(examples, self.answers(model, items), strict=True)
        ]
        return sheets.grid([colored(spectrogram) for spectrogram in spectrograms], titles)


def colored(spectrogram):
    """Returns a spectrogram (frames, bands) in -1..1 as a uint8 image: time to the right, treble on top."""
    from matplotlib import colormaps

    # Twice as high: there are more frames than bands.
    shown = np.repeat(spectrogram.T[::-1], 2, axis=0)
    return colormaps["magma"]((shown + 1) / 2, bytes=True)[..., :3]
