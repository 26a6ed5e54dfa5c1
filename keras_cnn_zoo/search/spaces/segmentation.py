"""Searches width, depth, and normalization of a U-Net."""

from keras import layers

from keras_cnn_zoo.layers import RReLU
from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Segmentation

SPACE = SearchSpace(
    task=Segmentation(),
    model="unet",
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
        "width": (0.125, 0.25, 0.5),
        "depth": (2, 3, 4),
    },
    task_choices={
        "loss": ("cross_entropy", "lovasz"),
        "class_balance": (0.0, 0.4),
        "crop_scale": {"wide": lambda: (0.7, 1.7), "narrow": lambda: (0.9, 1.2)},
    },
    recipe_choices={"weight_decay": (0.0, 0.01, 0.05), "warmup": (0.0, 0.1)},
    learning_rate=(3e-4, 1e-2),
    epochs=5,
    max_trials=12,
)
