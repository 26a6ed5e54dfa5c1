"""Errors that the embedding losses share, each raised through one of them."""

import numpy as np
import pytest

from keras_cnn_zoo.losses import LDA, DoubleMarginContrastive, Histogram, Triplet


@pytest.mark.parametrize("loss", [Triplet(), Histogram(), LDA()], ids=lambda loss: loss.name)
@pytest.mark.parametrize(
    "labels, embeddings, message",
    [
        ((4,), (4, 3, 5), r"`y_pred` must have the shape \(batch, dim\). Received: y_pred.shape=\(4, 3, 5\)"),
        ((4,), (4,), r"`y_pred` must have the shape \(batch, dim\). Received: y_pred.shape=\(4,\)"),
        ((4, 2), (4, 5), r"`y_true` must have the shape \(batch,\) or .* Received: y_true.shape=\(4, 2\)"),
        ((1,), (4, 5), r"the same batch size. Received: y_true.shape=\(1,\), y_pred.shape=\(4, 5\)"),
    ],
)
def test_labeled_embeddings_of_other_shapes_raise(loss, labels, embeddings, message):
    with pytest.raises(ValueError, match=message):
        loss(np.zeros(labels), np.zeros(embeddings))


@pytest.mark.parametrize(
    "labels, pairs, message",
    [
        ((4,), (4, 3, 5), r"`y_pred` must have the shape \(batch, 2, dim\). Received: .*\(4, 3, 5\)"),
        ((4, 2), (4, 2, 5), r"`y_true` must have the shape .* Received: y_true.shape=\(4, 2\)"),
        ((3,), (4, 2, 5), r"the same batch size. Received: y_true.shape=\(3,\), y_pred.shape=\(4, 2, 5\)"),
    ],
)
def test_labeled_pairs_of_other_shapes_raise(labels, pairs, message):
    with pytest.raises(ValueError, match=message):
        DoubleMarginContrastive(0.5, 1.0)(np.zeros(labels), np.zeros(pairs))
