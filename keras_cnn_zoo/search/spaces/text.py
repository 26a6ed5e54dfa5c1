"""Searches sequence layer, width, and regularization of a CRNN."""

from keras import layers

from keras_cnn_zoo.layers import RReLU
from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Text

SPACE = SearchSpace(
    task=Text(),
    model="crnn",
    choices={
        "sequence": ("convolution", "lstm", "gru", "none"),
        "activation": {
            "relu": lambda: layers.ReLU(),
            "elu": lambda: layers.ELU(),
            "rrelu": lambda: RReLU(),
        },
        "variant": ("small", "original"),
        "width": (0.125, 0.25, 0.5),
        "dropout": (0.0, 0.2),
    },
    task_choices={"synthetic": (0.0, 0.5, 0.8)},
    recipe_choices={"weight_decay": (0.0, 0.01, 0.05), "warmup": (0.0, 0.1)},
    learning_rate=(3e-4, 1e-2),
    epochs=10,
    max_trials=12,
)
