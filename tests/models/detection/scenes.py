"""Images that a tiny detector can memorize: bright rectangles whose color is their class."""

import keras
import numpy as np

SIZE = (64, 96)
OBJECTS = (
    ((8, 12, 40, 44, 0), (52, 20, 90, 56, 1)),
    ((20, 6, 70, 40, 1), (4, 38, 30, 60, 0)),
)


def scene():
    """Returns normalized images (2, 64, 96, 3) and padded targets."""
    rng = np.random.default_rng(0)
    pictures = 0.1 * rng.normal(size=(len(OBJECTS), *SIZE, 3))
    boxes, classes = np.zeros((len(OBJECTS), 3, 4)), -np.ones((len(OBJECTS), 3))
    for place, objects in enumerate(OBJECTS):
        for number, (left, top, right, bottom, name) in enumerate(objects):
            pictures[place, top:bottom, left:right, name] += 1.5
            boxes[place, number], classes[place, number] = (left, top, right, bottom), name
    return pictures.astype("float32"), {
        "boxes": boxes.astype("float32"),
        "classes": classes.astype("int32"),
    }


def tiny_backbone(channels=8):
    """Returns a backbone with stages P2 to P5 and few weights, in plain Keras, without `strides`."""
    inputs = keras.Input((*SIZE, 3))
    x, stages = inputs, {}
    for level in range(1, 6):
        x = keras.layers.Conv2D(
            channels, 3, strides=2, padding="same", activation="relu", name=f"stage_{level}"
        )(x)
        if level >= 2:
            stages[f"P{level}"] = x
    return keras.Model(inputs, stages, name="tiny")


def overlap(one, other):
    """Returns the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def assert_found(decoded, least=0.5):
    """Checks that every object of the scene is detected with its class and a score of at least `least`."""
    for found, objects in zip(decoded, OBJECTS, strict=True):
        for *box, name in objects:
            matches = [
                overlap(own, box)
                for own, kind, score in zip(found["boxes"], found["classes"], found["scores"], strict=True)
                if kind == name and score > 0.3
            ]
            assert max(matches, default=0) > least, (box, name, found)


def train(model, steps, jit_compile=False, learning_rate=3e-3):
    """Trains on the scene for a few steps and returns the losses."""
    pictures, targets = scene()
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), jit_compile=jit_compile)
    return [float(model.train_on_batch(pictures, targets, return_dict=True)["loss"]) for _ in range(steps)]


def detect(model):
    """Returns the detections in the scene as NumPy arrays. Eager, because each test calls it once."""
    found = model(scene()[0], training=False)
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}
