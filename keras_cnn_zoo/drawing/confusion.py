"""Confusion matrices as matplotlib figures."""

import numpy as np

from keras_cnn_zoo.drawing import sheets

# With more classes the names of rows and columns, or the numbers in the cells, cannot be read.
_NAMED, _NUMBERED = 60, 20


def matrix(confusion, names):
    """Returns a figure of a confusion matrix, in percent of each true class.

    Args:
        confusion: array (true class, answered class) of counts. A row of zeros stays white.
        names: names of the rows and columns.
    """
    confusion = np.asarray(confusion, dtype="float64")
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    count = len(names)
    edge = 2.4 + 0.32 * min(max(count, 6), _NAMED)
    figure, ((axis,),) = sheets.figure_of(1, 1, (edge, edge))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set_xlabel("answered class")
    axis.set_ylabel("true class")
    axis.set_title("percent of each true class", fontsize=9)
    if count > _NAMED:
        return figure
    # A dollar sign in a name does not start a formula.
    axis.set_xticks(range(count), names, rotation=90, fontsize=8, parse_math=False)
    axis.set_yticks(range(count), names, fontsize=8, parse_math=False)
    if count <= _NUMBERED:
        for row, column in np.argwhere(share > 0):
            value = share[row, column]
            axis.text(
                column,
                row,
                "<1" if value < 0.01 else f"{100 * value:.0f}",
                horizontalalignment="center",
                verticalalignment="center",
                fontsize=7,
                color="white" if value > 0.5 else "black",
            )
    return figure
