"""All parts that are timed, by family."""

from benchmarks.layers.convolutions import CONVOLUTION
from benchmarks.layers.maps import ACTIVATION, NORMALIZATION, POOLING, REGULARIZATION
from benchmarks.layers.objectives import HEADS, LOSSES

FAMILIES = {
    "convolution": CONVOLUTION,
    "pooling": POOLING,
    "activation": ACTIVATION,
    "normalization": NORMALIZATION,
    "regularization": REGULARIZATION,
    "heads": HEADS,
    "losses": LOSSES,
}
