"""Pooling, activation, normalization, and regularization layers, with their siblings."""

import math

import keras
import numpy as np

from benchmarks.layers.parts import EVERY, MAPS, SEQUENCES, VECTORS, VOLUMES, Part, conv, dense
from keras_cnn_zoo import layers

POWERS = (1.0, 2.0, 3.0, math.inf)


def both_poolings(rank):
    """Returns a function that applies max and average pooling to the same input."""
    parts = [getattr(keras.layers, f"{kind}Pooling{rank}D")(2) for kind in ("Max", "Average")]
    return lambda inputs: [part(inputs) for part in parts]


def dropped_dense():
    return keras.Sequential([dense(activation="relu"), keras.layers.Dropout(0.5, seed=0)])


def added(part):
    """Returns a function that adds its first input and `part` of its second."""
    return lambda inputs, training=True: inputs[0] + part(inputs[1], training=training)


def orderless():
    part = layers.MultiScaleOrderlessPooling2D(16, window_sizes=(4, 2), strides=(2, 1))
    part.adapt(np.random.default_rng(0).standard_normal((8, 14, 14, 64)).astype("float32"))
    return part


def unpooled():
    """Returns a function that puts maxima back to the first positions of their windows."""
    part = layers.MaxUnpooling2D(2)
    return lambda inputs: part(inputs, keras.ops.zeros(keras.ops.shape(inputs), "int32"))


POOLING = {
    **{
        f"LpPooling2D, p={p:g}": Part(
            lambda p=p: layers.LpPooling2D(2, p=p),
            lambda: keras.layers.AveragePooling2D(2),
            "AveragePooling2D",
            peer=f"LPPool2d, p={p:g}",
            limit=3.0 if p == 2 else None,
            peer_limit=1.0,
            grows=EVERY if p == 2 else (),
        )
        for p in POWERS
    },
    "LpPooling1D, p=2": Part(
        lambda: layers.LpPooling1D(2), lambda: keras.layers.AveragePooling1D(2), "AveragePooling1D", SEQUENCES
    ),
    "LpPooling3D, p=2": Part(
        lambda: layers.LpPooling3D(2), lambda: keras.layers.AveragePooling3D(2), "AveragePooling3D", VOLUMES
    ),
    **{
        f"MixedPooling{rank}D": Part(
            lambda rank=rank: getattr(layers, f"MixedPooling{rank}D")(2, seed=0),
            lambda rank=rank: both_poolings(rank),
            "max and average pooling together",
            shape,
            limit=1.3,
            grows=EVERY if rank == 2 else (),
        )
        for rank, shape in ((1, SEQUENCES), (2, MAPS), (3, VOLUMES))
    },
    **{
        f"StochasticPooling{rank}D": Part(
            lambda rank=rank: getattr(layers, f"StochasticPooling{rank}D")(2, seed=0),
            lambda rank=rank: getattr(keras.layers, f"MaxPooling{rank}D")(2),
            f"MaxPooling{rank}D",
            shape,
            limit=4.0 if rank == 2 else None,
            grows=EVERY if rank == 2 else (),
        )
        for rank, shape in ((1, SEQUENCES), (2, MAPS), (3, VOLUMES))
    },
    "SpectralPooling2D": Part(
        lambda: layers.SpectralPooling2D(pool_size=2),
        lambda: keras.layers.AveragePooling2D(2),
        "AveragePooling2D",
        peer="rfft2, crop, irfft2",
        peer_limit=0.5,
        grows=EVERY,
    ),
    "SpatialPyramidPooling2D": Part(
        layers.SpatialPyramidPooling2D,
        lambda: keras.layers.GlobalMaxPooling2D(),
        "GlobalMaxPooling2D",
        grows=EVERY,
    ),
    "GeneralizedMeanPooling2D": Part(
        layers.GeneralizedMeanPooling2D,
        lambda: keras.layers.GlobalAveragePooling2D(),
        "GlobalAveragePooling2D",
        grows=EVERY,
    ),
    "VLAD": Part(
        lambda: layers.VLAD(32),
        lambda: conv(32, 1),
        "Conv2D, 1 x 1, to as many clusters",
        (16, 14, 14, 64),
        grows=EVERY,
    ),
    "MultiScaleOrderlessPooling2D": Part(
        orderless, lambda: conv(16, 1), "Conv2D, 1 x 1, to as many clusters", (8, 14, 14, 64)
    ),
    "MaxPoolingWithArgmax2D": Part(
        layers.MaxPoolingWithArgmax2D, lambda: keras.layers.MaxPooling2D(2), "MaxPooling2D"
    ),
    "MaxUnpooling2D": Part(
        lambda: unpooled(), lambda: keras.layers.UpSampling2D(2), "UpSampling2D", (16, 28, 28, 64)
    ),
}

ACTIVATION = {
    "RReLU": Part(
        lambda: layers.RReLU(seed=0),
        lambda: keras.layers.LeakyReLU(0.2),
        "LeakyReLU",
        peer="RReLU",
        grows=EVERY,
    ),
    "RReLU, one slope per channel": Part(
        lambda: layers.RReLU(per="channel", seed=0), lambda: keras.layers.LeakyReLU(0.2), "LeakyReLU"
    ),
    "Maxout": Part(
        lambda: layers.Maxout(2),
        lambda: keras.layers.ReLU(),
        "ReLU of the same output",
        sibling_shape=(16, 56, 56, 32),
        limit=2.0,
        grows=EVERY,
    ),
    "MaxoutDense": Part(lambda: layers.MaxoutDense(512, 2), dense, "Dense of as many units", VECTORS),
    "Probout": Part(lambda: layers.Probout(2, seed=0), lambda: layers.Maxout(2), "Maxout", grows=EVERY),
}

NORMALIZATION = {
    "LocalResponseNormalization": Part(
        layers.LocalResponseNormalization,
        lambda: keras.layers.LayerNormalization(),
        "LayerNormalization",
        peer="LocalResponseNorm",
        peer_limit=1.0,
        grows=EVERY,
    ),
    "InstanceNormalization": Part(
        layers.InstanceNormalization,
        lambda: keras.layers.GroupNormalization(groups=-1),
        "GroupNormalization, one group per channel",
        peer="InstanceNorm2d",
        grows=EVERY,
    ),
    "WeightNormalization": Part(lambda: layers.WeightNormalization(conv()), conv, "Conv2D"),
}

REGULARIZATION = {
    "DropConnect, one mask per batch": Part(
        lambda: layers.DropConnect(dense(), 0.5, seed=0),
        dense,
        "Dense",
        VECTORS,
        limit=2.8,
        grows=("batch", "channels"),
    ),
    "DropConnect, one mask per example": Part(
        lambda: layers.DropConnect(dense(256), 0.5, per_example=True, seed=0),
        lambda: dense(256),
        "Dense",
        (32, 256),
    ),
    "Standout": Part(
        lambda: layers.Standout(1024, activation="relu", seed=0), dropped_dense, "Dense and Dropout", VECTORS
    ),
    "FastDropoutDense": Part(
        lambda: layers.FastDropoutDense(1024, 0.5, activation="relu", seed=0),
        dropped_dense,
        "Dense and Dropout",
        VECTORS,
    ),
    "DropBlock2D": Part(
        lambda: layers.DropBlock2D(7, 0.1, seed=0),
        lambda: keras.layers.Dropout(0.1, seed=0),
        "Dropout",
        grows=EVERY,
    ),
    "StochasticDepth": Part(
        lambda: added(layers.StochasticDepth(0.5, seed=0)),
        lambda: added(keras.layers.Dropout(0.5, seed=0)),
        "a sum with Dropout",
        inputs=2,
    ),
    "Swapout": Part(
        lambda: layers.Swapout(seed=0),
        lambda: added(keras.layers.Dropout(0.5, seed=0)),
        "a sum with Dropout",
        inputs=2,
    ),
    "NoiseInvariance": Part(
        lambda: layers.NoiseInvariance(conv(), 0.1, 0.1, seed=0), conv, "Conv2D, which it calls twice"
    ),
}
