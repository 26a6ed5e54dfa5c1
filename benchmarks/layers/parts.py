"""What `benchmarks.layers` times: a component, the plain sibling it stands in for, its peer elsewhere."""

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
    """A component, its sibling and its peer.

    Args:
        own: Makes the component.
        sibling: Makes the part of Keras that one would take instead: a layer, or a function of the inputs.
        against: What the sibling is, in words.
        shape: Shape of the input, batch first; for a loss that of `y_pred`.
        labels: What a loss, or a function with an argument `labels`, is given beside the input: "classes",
            "pairs", "sets", "ones", "zeros" or "distribution"; None for nothing.
        inputs: How many inputs of `shape` a layer takes, as a list.
        peer: Name in `benchmarks.layers.peers`, or None.
        limit: The ratio to the sibling that is allowed, or None.
        peer_limit: The ratio to the peer that is allowed, or None.
        sibling_shape: Shape of the sibling's input where it is another one.
        grows: Along which of "batch", "space" and "channels" its growth is plotted.
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
