"""Searches width, rates, decoder, and normalization of a DeepLab."""

from keras import layers

from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Segmentation

SPACE = SearchSpace(
    task=Segmentation(),
    model="deeplab",
    choices={
        "width": (0.125, 0.25, 0.5),
        "rates": {
            # The papers' rates, scaled to the crops, or fixed rates.
            "crops": lambda: None,
            "near": lambda: (1, 2, 3),
            "far": lambda: (4, 8, 12),
        },
        "decoder_filters": (64, 128, 256),
        "output_stride": (8, 16),
        "normalization": {
            "batch": lambda: "batch",
            # Every width above gives each stage a multiple of two channels.
            "group": lambda: layers.GroupNormalization(2, axis=-1),
        },
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
    program="deeplab",
)
