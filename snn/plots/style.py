"""What all figures share: colours that colour-blind readers can tell apart, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

# Okabe & Ito (2008), without its yellow, which is too light on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SCALE = "cividis_r"  # even in lightness, also to colour-blind eyes; the largest is darkest
GREY = "#777777"
# Behind a number, so that colours and lines leave it legible.
BOX = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0}

SETTINGS = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "snn",  # the same figure gives the same file
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save inside this."""
    with matplotlib.rc_context(SETTINGS):
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches whose parts keep out of each other's way."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    return figure


def panels(
    rows: int,
    columns: int,
    size: tuple[float, float],
    *,
    left: float = 0.75,
    right: float = 0.15,
    bottom: float = 0.5,
    top: float = 0.35,
    gaps: tuple[float, float] = (0.15, 0.15),
    **shared: bool | str,
) -> tuple[Figure, np.ndarray]:
    """Axes ``[row, column]`` with margins that are given, of a figure that a run draws.

    Finding the margins, as :func:`new_figure` does, takes longer than drawing what is between them.

    Args:
        rows: of axes.
        columns: likewise.
        size: width and height of each, inches.
        left: for labels and titles around all of them, inches; so the next three.
        right: likewise.
        bottom: likewise.
        top: likewise.
        gaps: between neighbours, across and down, inches.
        **shared: ``sharex`` and ``sharey``, as :meth:`matplotlib.figure.Figure.subplots` has them.
    """
    across, down = gaps
    width = left + columns * size[0] + (columns - 1) * across + right
    height = bottom + rows * size[1] + (rows - 1) * down + top
    figure = Figure(figsize=(width, height))
    places = {
        "left": left / width,
        "right": 1 - right / width,
        "bottom": bottom / height,
        "top": 1 - top / height,
        "wspace": across / size[0],
        "hspace": down / size[1],
    }
    return figure, figure.subplots(rows, columns, squeeze=False, gridspec_kw=places, **shared)


def text_width(text: str) -> float:
    """How wide a line is, inches, in the size of ticks' labels."""
    font = FontProperties(size=SETTINGS["font.size"])
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]
