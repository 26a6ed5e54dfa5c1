"""Searches variant, n-grams, width, and dropout of a TextCNN."""

from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.tasks import Language

SPACE = SearchSpace(
    task=Language(),
    model="textcnn",
    choices={
        # Without pretrained vectors, "non-static" equals "rand", and "static" measures random vectors.
        "variant": ("rand", "static", "multichannel"),
        "windows": {
            "1-2": lambda: (1, 2),
            "1-2-3": lambda: (1, 2, 3),
            "3-4-5": lambda: (3, 4, 5),
        },
        "width": (0.25, 0.5, 1.0, 2.0),
        "embedding_size": (32, 64, 128, 300),
        "dropout": (0.3, 0.5, 0.7),
        "word_dropout": (0.0, 0.2, 0.4),
    },
    task_choices={"min_count": (1, 2)},
    recipe_choices={"weight_decay": (0.0, 0.01, 0.1), "warmup": (0.0, 0.1)},
    learning_rate=(5e-4, 1e-2),
    epochs=8,
    max_trials=16,
)
