"""What all figures share: colours that colour-blind readers can tell apart, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.figure import Figure

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


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]
