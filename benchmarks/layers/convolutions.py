"""Convolutions and their siblings."""

import keras

from benchmarks.layers.parts import EVERY, SEQUENCES, Part, conv
from keras_cnn_zoo import layers


def stack(*kernels, filters=64):
    """Returns a stack of convolutions with ReLU."""
    return keras.Sequential([conv(filters, size, activation="relu") for size in kernels])


# Channels and map sizes from the tables of the papers.
INCEPTION = {
    name: (shape, filters)
    for name, shape, filters in (
        ("InceptionV3A", (2, 35, 35, 192), 256),
        ("InceptionV3B", (2, 35, 35, 288), 768),
        ("InceptionV3C", (2, 17, 17, 768), 768),
        ("InceptionV3D", (2, 17, 17, 768), 1280),
        ("InceptionV3E", (2, 8, 8, 1280), 2048),
        ("InceptionV4A", (2, 35, 35, 384), 384),
        ("InceptionV4B", (2, 17, 17, 1024), 1024),
        ("InceptionV4C", (2, 8, 8, 1536), 1536),
        ("InceptionResNetA", (2, 35, 35, 320), 320),
        ("InceptionResNetB", (2, 17, 17, 1088), 1088),
        ("InceptionResNetC", (2, 8, 8, 2080), 2080),
    )
}

CONVOLUTION = {
    "TiledConv1D, tile 2": Part(
        lambda: layers.TiledConv1D(64, 3, padding="same", tile_size=2),
        lambda: keras.layers.Conv1D(64, 3, padding="same"),
        "Conv1D",
        SEQUENCES,
    ),
    "TiledConv2D, tile 2": Part(
        lambda: layers.TiledConv2D(64, 3, padding="same", tile_size=2),
        conv,
        "Conv2D",
        limit=2.1,
        grows=EVERY,
    ),
    "LocallyConnected1D": Part(
        lambda: layers.LocallyConnected1D(64, 3), lambda: keras.layers.Conv1D(64, 3), "Conv1D", (32, 128, 64)
    ),
    "LocallyConnected2D": Part(
        lambda: layers.LocallyConnected2D(32, 3),
        lambda: keras.layers.Conv2D(32, 3),
        "Conv2D",
        (32, 28, 28, 32),
        grows=EVERY,
    ),
    "MLPConv1D": Part(
        lambda: layers.MLPConv1D((64, 64), 3, padding="same"),
        lambda: keras.Sequential(
            [keras.layers.Conv1D(64, size, padding="same", activation="relu") for size in (3, 1)]
        ),
        "the same convolutions",
        SEQUENCES,
    ),
    "MLPConv2D": Part(
        lambda: layers.MLPConv2D((64, 64, 64), 3, padding="same"),
        lambda: stack(3, 1, 1),
        "the same convolutions",
        grows=EVERY,
    ),
    "ContextModule2D": Part(
        lambda: layers.ContextModule2D(32),
        lambda: stack(3, 3, 3, 3, 3, 3, 3, 1, filters=32),
        "the same convolutions, undilated",
        (4, 56, 56, 32),
        grows=("batch", "space"),
    ),
    "DeformableConv2D": Part(
        lambda: layers.DeformableConv2D(64, 3, padding="same"), conv, "Conv2D", (4, 56, 56, 64), grows=EVERY
    ),
    "GatedConv1D": Part(
        lambda: layers.GatedConv1D(64, 3),
        lambda: keras.layers.Conv1D(128, 3, padding="causal"),
        "Conv1D of as many filters",
        SEQUENCES,
        grows=EVERY,
    ),
    "WaveNetBlock1D": Part(
        lambda: layers.WaveNetBlock1D(64, 2, dilation_rate=4),
        lambda: keras.layers.Conv1D(128, 2, padding="causal", dilation_rate=4),
        "Conv1D of as many filters",
        SEQUENCES,
        grows=("batch", "space"),
    ),
    "InceptionV1Block": Part(
        lambda: layers.InceptionV1Block((64, 96, 128, 16, 32, 32)),
        lambda: conv(256),
        "Conv2D of as many filters",
        (8, 28, 28, 192),
    ),
    **{
        name: Part(
            lambda name=name: getattr(layers, name)(),
            lambda filters=filters: conv(filters),
            "Conv2D of as many filters",
            shape,
        )
        for name, (shape, filters) in INCEPTION.items()
    },
}
