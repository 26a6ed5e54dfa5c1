"""Searches components, width, loss, augmentation, and learning rate of a LeNet-5."""

from keras import layers

from keras_cnn_zoo.layers import LpPooling2D, Maxout, RReLU, SpectralPooling2D, StochasticPooling2D
from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Classification

LAST = {"data_format": "channels_last"}

SPACE = SearchSpace(
    task=Classification(),
    model="lenet5",
    choices={
        "pooling": {
            "max": lambda: layers.MaxPooling2D(2, **LAST),
            "average": lambda: layers.AveragePooling2D(2, **LAST),
            "lp2": lambda: LpPooling2D(2, p=2.0, **LAST),
            "lp4": lambda: LpPooling2D(2, p=4.0, **LAST),
            "stochastic": lambda: StochasticPooling2D(2, **LAST),
            "spectral": lambda: SpectralPooling2D(pool_size=2, **LAST),
        },
        "convolution_activation": {
            # The variant's default: pooling directly after the convolution.
            "linear": lambda: None,
            "relu": lambda: layers.ReLU(),
            "elu": lambda: layers.ELU(),
            "rrelu": lambda: RReLU(),
            "maxout": lambda: Maxout(2),
        },
        # Multiples of 0.2 give both convolutions an even number of channels, which Maxout(2) needs.
        "width": (0.2, 0.4, 0.8, 1.6),
    },
    task_choices={
        "loss": ("cross_entropy", "hinge"),
        "augmentation": {"moved": lambda: None, "none": lambda: ()},
    },
    recipe_choices={"weight_decay": (0.0, 0.01, 0.05), "warmup": (0.0, 0.1)},
    learning_rate=(3e-4, 1e-2),
    epochs=12,
    max_trials=20,
)
