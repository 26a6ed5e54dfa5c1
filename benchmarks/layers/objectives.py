"""Losses and their layers, with their siblings."""

import keras

from benchmarks.layers.parts import PAIRS, SCORES, VECTORS, Part, dense
from keras_cnn_zoo import layers, losses


def squared_error():
    """Returns the mean squared error as a lower bound for the cost of a loss."""
    loss = keras.losses.MeanSquaredError()
    return lambda inputs: loss(0.0, inputs)


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def logits_of(head, loss):
    """Returns a head and its loss as one function of embeddings and class ids."""
    return lambda inputs, labels: loss(labels, head(inputs))


def labeled_head():
    """Returns L-Softmax and its loss. This head also needs the class ids."""
    head, loss = layers.LargeMarginSoftmax(64), crossentropy()
    return lambda inputs, labels: loss(labels, head(inputs, labels, training=True))


PLAIN = {"against": squared_error, "words": "mean squared error"}


HEADS = {
    "LargeMarginSoftmax": Part(
        labeled_head,
        lambda: logits_of(dense(64, use_bias=False), crossentropy()),
        "Dense and cross-entropy",
        SCORES,
        "classes",
        peer="LargeMarginSoftmaxLoss",
    ),
    "CosineDense and ArcFace": Part(
        lambda: logits_of(layers.CosineDense(64), losses.ArcFace()),
        lambda: logits_of(dense(64, use_bias=False), crossentropy()),
        "Dense and cross-entropy",
        SCORES,
        "classes",
        peer="ArcFaceLoss",
    ),
    "CosineDense and CosFace": Part(
        lambda: logits_of(layers.CosineDense(64), losses.CosFace()),
        lambda: logits_of(dense(64, use_bias=False), crossentropy()),
        "Dense and cross-entropy",
        SCORES,
        "classes",
        peer="CosFaceLoss",
    ),
    "GaussianSampling": Part(
        lambda: layers.GaussianSampling(seed=0),
        lambda: keras.layers.GaussianNoise(1.0, seed=0),
        "GaussianNoise",
        VECTORS,
    ),
}


def loss(
    make, labels, shape=SCORES, *, against=crossentropy, words="cross-entropy of the same numbers", **options
):
    return Part(make, against, words, shape, labels, **options)


LOSSES = {
    **{
        f"MulticlassHinge, {formulation}": loss(
            lambda formulation=formulation: losses.MulticlassHinge(formulation=formulation),
            "classes",
            peer="MultiMarginLoss" if formulation == "weston_watkins" else None,
            grows=("batch", "channels") if formulation == "weston_watkins" else (),
        )
        for formulation in ("one_vs_rest", "weston_watkins", "crammer_singer")
    },
    "Contrastive": loss(losses.Contrastive, "pairs", PAIRS, **PLAIN),
    "DoubleMarginContrastive": loss(
        lambda: losses.DoubleMarginContrastive(0.5, 1.5), "pairs", PAIRS, **PLAIN
    ),
    **{
        f"Triplet, {mining}": loss(
            lambda mining=mining: losses.Triplet(0.2, mining=mining),
            "classes",
            peer="TripletMarginLoss" if mining == "all" else None,
            peer_limit=1.5 if mining == "all" else None,
            grows=("batch", "channels"),
        )
        for mining in ("all", "semi_hard", "hard")
    },
    "CoupledClusters": loss(losses.CoupledClusters, "sets", (64, 16, 128), **PLAIN),
    "Histogram": loss(losses.Histogram, "classes", peer="HistogramLoss", grows=("batch", "channels")),
    "LDA": loss(losses.LDA, "classes", grows=("batch", "channels")),
    "JensenShannon": loss(
        losses.JensenShannon, "distribution", against=keras.losses.KLDivergence, words="KLDivergence"
    ),
    "GaussianKLDivergence": loss(losses.GaussianKLDivergence, "zeros", **PLAIN),
    **{
        f"GANLoss, {kind}": loss(
            lambda kind=kind: losses.GANLoss(kind),
            "ones",
            (1024, 1),
            against=lambda: keras.losses.BinaryCrossentropy(from_logits=True),
            words="BinaryCrossentropy",
        )
        for kind in ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")
    },
}
