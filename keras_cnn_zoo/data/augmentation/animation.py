"""Turns a still image into a short sequence, to measure a tracker without videos."""

import numpy as np

from keras_cnn_zoo.data.augmentation.pairs import View, as_image, has_target, random_box

LONGEST = 256


def animate(example, background, *, frames, rng):
    """Animates an object of a still image: it moves, scales, stretches, rotates, and changes brightness.

    Args:
        example: a tracking example. Its first frame and box are used; a random box if it has none.
        background: uint8 image over which the object moves.
        frames: number of frames.
        rng: `numpy.random.Generator`, the only source of randomness.

    Returns:
        A tracking example with `frames` images of at most 256 pixels.
    """
    picture, box = as_image(example["frames"][0]), np.asarray(example["boxes"], "float64")[0]
    if not has_target(box) or np.sqrt(box[2] * box[3]) > 0.5 * min(picture.size):
        box = random_box(picture, rng)
    ground = as_image(background)
    factor = LONGEST / max(ground.size)
    ground = ground.resize([max(1, round(edge * factor)) for edge in ground.size])
    size = max(ground.size)
    # The object's edge becomes a fifth to a third of a square frame's.
    view = View(picture, box, size, size * rng.uniform(0.5, 0.8), 1.0)
    room = np.maximum(np.array(ground.size) / 2 - 0.6 * view.box_size, 0)
    ways = np.stack([np.clip(_wave(rng, frames) + rng.uniform(-0.3, 0.3), -1, 1) * edge for edge in room], 1)
    scales = np.exp(0.4 * (_wave(rng, frames) - 0.2))
    turns, lights = 30 * _wave(rng, frames), 1 + 0.35 * _wave(rng, frames)
    stretches = np.exp(0.3 * _wave(rng, frames))
    pictures, boxes = [], []
    corner = (np.array(ground.size) - size) / 2
    for way, scale, stretch, turn, light in zip(ways, scales, stretches, turns, lights, strict=True):
        change = {"shift": way, "scale": scale, "stretch": stretch, "turn": turn}
        thing = view.cut(picture, **change).point(
            [min(255, round(value * light)) for value in range(256)] * 3
        )
        frame = ground.copy()
        place = tuple(int(-edge) for edge in corner)
        crop = (*place, place[0] + ground.size[0], place[1] + ground.size[1])
        frame.paste(thing.crop(crop), (0, 0), view.cut_mask(**change).crop(crop))
        middle = size / 2 + way - place
        edges = view.box_size * scale * [np.sqrt(stretch), 1 / np.sqrt(stretch)]
        pictures.append(np.asarray(frame))
        boxes.append([*(middle - edges / 2), *edges])
    return {"frames": pictures, "boxes": np.array(boxes, "float32"), "name": example["name"]}


def _wave(rng, count):
    """Returns a smooth curve of `count` values within [-1, 1]."""
    time = np.arange(count)
    share = rng.uniform(0.3, 0.7)
    sines = [np.sin(2 * np.pi * (time / rng.uniform(25, 70) + rng.uniform())) for _ in range(2)]
    return share * sines[0] + (1 - share) * sines[1]
