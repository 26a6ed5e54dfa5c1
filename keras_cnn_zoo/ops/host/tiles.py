"""Overlapping tiles that cover an image.

length, tile -> starts of the tiles -> for each tile what it covers, and the part of that which it owns: every
position is owned by the tile in which it is farthest from an edge.
"""

import dataclasses

import numpy as np

# Neighboring tiles share at least this fraction of their length.
_OVERLAP = 0.25


@dataclasses.dataclass(frozen=True)
class Span:
    """A tile along one axis.

    Args:
        start: first position that it covers.
        stop: end of what it covers.
        first: first position that it owns.
        last: end of what it owns.
    """

    start: int
    stop: int
    first: int
    last: int


def spans(length, tile):
    """Returns the `Span` of each tile along an axis; a short axis is one tile.

    Args:
        length: positive integer.
        tile: length of a tile, at least 2.
    """
    if length <= tile:
        return [Span(0, length, 0, length)]
    step = max(1, tile - int(np.ceil(_OVERLAP * tile)))
    count = int(np.ceil((length - tile) / step)) + 1
    starts = np.linspace(0, length - tile, count).round().astype(int)
    # Neighbors share the positions from the start of one to the end of the other, and divide them evenly.
    middles = (starts[1:] + starts[:-1] + tile) // 2
    edges = [0, *middles.tolist(), length]
    return [
        Span(int(start), int(start) + tile, edges[place], edges[place + 1])
        for place, start in enumerate(starts)
    ]
