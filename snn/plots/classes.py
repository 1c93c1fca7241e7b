"""Figures of how classes are told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from snn.plots.style import panels, styled, text_width

BAR = 0.95  # inches for the bar of shares
MOST_NUMBERS = 20  # classes up to which each cell shows its count


@styled()
def confusion(matrix: ArrayLike, class_names: Sequence[str], title: str = "") -> Figure:
    """Confusion matrix: rows are true classes, columns what they were taken for.

    The colour is the share of the row, so that rare classes are as visible as frequent ones. Up to
    20 classes have numbers, more a bar that says what the colours mean.

    Args:
        matrix: numbers of samples, integers ``[true class, predicted class]``.
        class_names: one for each class.
        title: above it.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    numbered = len(counts) <= MOST_NUMBERS
    side = max(2.2, 0.42 * len(counts)) if numbered else 6.0
    margin = 0.45 + max(map(text_width, class_names))
    right = 0.15 if numbered else BAR
    figure, grid = panels(1, 1, (side, side), left=margin, bottom=margin, right=right)
    ax = grid[0, 0]
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.grid(False)
    if numbered:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                shade = "white" if shares[row, column] > 0.55 else "black"
                look = {"ha": "center", "va": "center", "fontsize": 7, "color": shade}
                ax.text(column, row, count, **look)
    else:
        bar = ax.inset_axes((1.025, 0.1, 0.025, 0.8))
        figure.colorbar(image, cax=bar, label="share of the true class")
    places = range(len(class_names))
    ax.set_xticks(places, class_names, rotation=90 if max(map(len, class_names)) > 2 else 0)
    ax.set_yticks(places, class_names)
    ax.set_xlabel("taken for")
    ax.set_ylabel("true class")
    ax.set_title(title)
    return figure
