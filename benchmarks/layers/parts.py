"""The parts that `benchmarks.layers` times: a component, a similar Keras layer, and its PyTorch peer."""

import dataclasses
from collections.abc import Callable

import keras

MAPS = (16, 56, 56, 64)
SEQUENCES = (16, 1024, 64)
VOLUMES = (4, 16, 28, 28, 32)
VECTORS = (128, 1024)
SCORES = (1024, 128)
PAIRS = (1024, 2, 128)
EVERY = ("batch", "space", "channels")


@dataclasses.dataclass(frozen=True)
class Part:
    """A component, its sibling, and its peer.

    Args:
        own: Creates the component.
        sibling: Creates the Keras layer, or a function of the inputs, that could be used instead.
        against: Name of the sibling in the report.
        shape: Shape of the input, batch first; for a loss, that of `y_pred`.
        labels: Kind of labels for a loss, or for a function with an argument `labels`: "classes", "pairs",
            "sets", "ones", "zeros", or "distribution"; None for no labels.
        inputs: Number of inputs of `shape` that a layer takes as a list.
        peer: Name in `benchmarks.layers.peers`, or None.
        limit: The largest allowed ratio to the sibling, or None.
        peer_limit: The largest allowed ratio to the peer, or None.
        sibling_shape: Shape of the sibling's input. Defaults to `shape`.
        grows: The axes for which growth is plotted, of "batch", "space", and "channels".
    """

    own: Callable
    sibling: Callable
    against: str
    shape: tuple = MAPS
    labels: str | None = None
    inputs: int = 1
    peer: str | None = None
    limit: float | None = None
    peer_limit: float | None = None
    sibling_shape: tuple | None = None
    grows: tuple = ()


def conv(filters=64, kernel_size=3, **options):
    return keras.layers.Conv2D(filters, kernel_size, padding="same", **options)


def dense(units=1024, **options):
    return keras.layers.Dense(units, **options)
