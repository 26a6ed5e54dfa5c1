"""Searches width, depth, anchors, and losses of a RetinaNet."""

from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Detection

SPACE = SearchSpace(
    task=Detection(),
    model="retinanet",
    choices={
        "width": (0.125, 0.25, 0.5),
        "variant": ("18", "34"),
        "tower_depth": (1, 2, 4),
        "anchor_sizes": {
            # In pixels of the network's image, for strides of 8 to 128.
            "three": lambda: None,
            "two": lambda: [[4 * 2**level, 5.66 * 2**level] for level in range(3, 8)],
            "small": lambda: [[2 * 2**level, 2.83 * 2**level] for level in range(3, 8)],
        },
        "box_loss": ("smooth_l1", "giou"),
        "gamma": (1.0, 1.5, 2.0),
    },
    task_choices={
        "turns": (False, True),
        "scale": {"wide": lambda: (0.6, 1.6), "narrow": lambda: (0.9, 1.2)},
    },
    recipe_choices={"weight_decay": (0.0, 0.01, 0.05), "warmup": (0.0, 0.1)},
    learning_rate=(1e-4, 2e-3),
    epochs=10,
    max_trials=12,
)
