"""Searches width, normalization, and activation of a SiamFC."""

from keras import layers

from keras_cnn_zoo.data.augmentation.pairs import Strengths
from keras_cnn_zoo.layers import RReLU
from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Tracking

SPACE = SearchSpace(
    task=Tracking(pairs=1000),
    model="siamfc",
    choices={
        "normalization": {
            "batch": lambda: "batch",
            # Every width below gives each stage a multiple of four channels.
            "group": lambda: layers.GroupNormalization(4, axis=-1),
            "none": lambda: None,
        },
        "activation": {
            "relu": lambda: layers.ReLU(),
            "elu": lambda: layers.ELU(),
            "rrelu": lambda: RReLU(),
        },
        "width": (0.25, 0.5, 1.0),
    },
    task_arguments={"pairs": 1000},
    task_choices={
        "embedded_share": (0.0, 0.25, 0.5),
        "strengths": {"default": lambda: None, "gentle": lambda: Strengths(turn=4.0, color=0.1, blur=0.1)},
    },
    recipe_choices={"weight_decay": (0.0, 0.01, 0.05), "warmup": (0.0, 0.1)},
    learning_rate=(3e-4, 3e-3),
    epochs=5,
    max_trials=12,
)
