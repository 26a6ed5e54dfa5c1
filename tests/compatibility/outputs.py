"""Outputs of presets and `.keras` files on fixed inputs. `record.py` writes them, and tests compare them."""

import json
import os
import sys

import keras
import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")
OUTPUTS = os.path.join(FOLDER, "outputs.npz")
# Bundled presets of version 0.1.0 whose names have new networks now.
REPLACED = os.path.join(FOLDER, "replaced")
# Number of evenly spaced samples of a large output.
SAMPLES = 1000
# Image size for networks that take any size.
SIZE = 64


def fixed_inputs(model):
    """Returns inputs for a model that are the same in every process: a tensor, or a dict of them."""
    rng = np.random.default_rng(7)

    def draw(tensor):
        shape = [2, *(SIZE if edge is None else edge for edge in tensor.shape[1:])]
        if keras.backend.is_int_dtype(tensor.dtype):
            return rng.integers(0, 9, shape).astype("int32")
        if len(shape) == 4:
            return discs(rng, shape)
        return rng.uniform(-1, 1, shape).astype("float32")

    if isinstance(model.input, dict):
        return {name: draw(model.input[name]) for name in sorted(model.input)}
    return draw(model.input)


def discs(rng, shape):
    """Returns images in -1..1 of dark discs on a bright background, for detectors to find."""
    batch, height, width, channels = shape
    images = rng.uniform(0.6, 0.7, shape)
    rows, columns = np.mgrid[:height, :width]
    for image in images:
        for _ in range(12):
            top, left, radius = rng.uniform((0, 0, 4), (height, width, 4 + min(height, width) / 7))
            image[(rows - top) ** 2 + (columns - left) ** 2 < radius**2] -= rng.uniform(0.2, 0.9, channels)
    return np.clip(images, -1, 1).astype("float32")


def sampled(outputs):
    """Returns a dict from the path in the output's structure to at most `SAMPLES` of its numbers."""
    found = {}
    for path, tensor in keras.tree.flatten_with_path(outputs):
        numbers = keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")).ravel()
        positions = np.linspace(0, len(numbers) - 1, min(SAMPLES, len(numbers))).astype(int)
        found["/".join(map(str, path))] = numbers[positions]
    return found


def of_model(model):
    """Returns the outputs of a model for its fixed inputs."""
    inputs = fixed_inputs(model)
    # Without a compiled step, JAX would compile every operation separately.
    compiled = keras.backend.backend() == "jax"
    return sampled(model.predict_on_batch(inputs) if compiled else model(inputs, training=False))


def without_random_values():
    """Replaces initial values by zeros, because files have all weights and JAX compiles a draw per shape."""

    def zeros(self, shape, dtype=None, **options):
        return keras.ops.zeros(shape, dtype=dtype)

    for name in ("VarianceScaling", "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal"):
        getattr(keras.initializers, name).__call__ = zeros


def everything():
    """Returns the outputs of all recorded presets and `.keras` files, by `NAME|path in the output`."""
    from keras_cnn_zoo import models

    with open(os.path.join(FOLDER, "names.json"), encoding="utf-8") as file:
        names = json.load(file)
    replaced = os.listdir(REPLACED)
    presets = {name: os.path.join(REPLACED, name) if name in replaced else name for name in names["presets"]}
    loaders = {name: lambda place=place: models.from_preset(place) for name, place in presets.items()}
    loaders |= {
        name: lambda name=name: keras.saving.load_model(os.path.join(FOLDER, name), compile=False)
        for name in names["files"]
    }
    loaders |= {
        name: lambda name=name: models.from_preset(os.path.join(FOLDER, name)) for name in names["folders"]
    }
    return {
        f"{name}|{place}": numbers
        for name, load in loaders.items()
        for place, numbers in of_model(load()).items()
    }


if __name__ == "__main__":
    without_random_values()
    np.savez_compressed(sys.argv[1], **everything())
