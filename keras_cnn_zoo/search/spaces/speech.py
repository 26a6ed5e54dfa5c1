"""Searches width, depth, and masking of a keyword network."""

from keras import layers

from keras_cnn_zoo.layers import RReLU
from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Speech

SPACE = SearchSpace(
    task=Speech(),
    model="keyword_cnn",
    choices={
        "variant": ("small", "large"),
        "width": (0.5, 1.0, 1.5),
        "num_mel_bins": (24, 40, 64),
        "time_mask": (0.0, 0.1, 0.2),
        "frequency_mask": (0.0, 0.1, 0.2),
        "activation": {
            "relu": lambda: layers.ReLU(),
            "elu": lambda: layers.ELU(),
            "rrelu": lambda: RReLU(),
        },
        "dropout": (0.0, 0.3, 0.5),
    },
    task_choices={"speed": (0.0, 0.15), "shift": (0.0, 0.1, 0.2)},
    recipe_choices={"weight_decay": (0.0, 0.01, 0.05), "warmup": (0.0, 0.1)},
    learning_rate=(5e-4, 2e-2),
    epochs=10,
    max_trials=16,
)
