"""Figures of how classes are told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from snn.plots.style import new_figure, styled

MOST_NUMBERS = 20  # classes up to which each cell shows its count


@styled()
def confusion(matrix: ArrayLike, class_names: Sequence[str], title: str = "") -> Figure:
    """Confusion matrix: rows are true classes, columns what they were taken for.

    The colour is the share of the row, so that rare classes are as visible as frequent ones.

    Args:
        matrix: numbers of samples, integers ``[true class, predicted class]``.
        class_names: one for each class.
        title: above it.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(3.6, 0.42 * len(class_names) + 1.6) if len(counts) <= MOST_NUMBERS else 7.5
    figure = new_figure(side + 0.9, side)
    ax = figure.subplots()
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.grid(False)
    if len(counts) <= MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                shade = "white" if shares[row, column] > 0.55 else "black"
                look = {"ha": "center", "va": "center", "fontsize": 7, "color": shade}
                ax.text(column, row, count, **look).set_in_layout(False)  # inside of the axes
    places = range(len(class_names))
    ax.set_xticks(places, class_names, rotation=90 if max(map(len, class_names)) > 2 else 0)
    ax.set_yticks(places, class_names)
    ax.set_xlabel("taken for")
    ax.set_ylabel("true class")
    ax.set_title(title)
    figure.colorbar(image, ax=ax, label="share of the true class", shrink=0.8)
    return figure
