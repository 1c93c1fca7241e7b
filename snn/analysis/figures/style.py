"""What all figures share: colours that colour-blind readers can tell apart, sizes, files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from snn.files import write_whole

# Okabe & Ito (2008), without its yellow, which is too light on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SCALE = "cividis_r"  # even in lightness, also to colour-blind eyes; the largest is darkest
GREY = "#777777"
# Behind a number, so that colours and lines leave it legible.
BOX = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0}
DOTS_PER_INCH = 140

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


def save(figure: Figure, stem: Path) -> str:
    """Write ``<stem>.png`` and ``<stem>.svg``; the text of the second."""
    image, text = io.BytesIO(), io.StringIO()
    figure.savefig(image, format="png", dpi=DOTS_PER_INCH)
    figure.savefig(text, format="svg", metadata={"Date": None})
    write_whole(stem.with_suffix(".png"), image.getvalue())
    write_whole(stem.with_suffix(".svg"), text.getvalue())
    return text.getvalue()


def lowest_shown(values: Sequence[float]) -> float:
    """Where a scale should begin, so that collapsed runs do not press all others together.

    The lowest value that is not far below the median: not more than four times as far as the best
    tenth lies above it. Few values are all shown.
    """
    numbers = np.asarray(values, dtype=float)
    median, high = np.quantile(numbers, [0.5, 0.9])
    if len(numbers) < 10 or high <= median:
        return float(numbers.min())
    return float(numbers[numbers >= median - 4 * (high - median)].min())


def log_ticks(ax: Axes) -> None:
    """A logarithmic x axis, of few powers of ten with plain numbers at 1, 2 and 5."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    if high > 100 * low:
        return  # powers of ten are enough
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def level_ticks(ax: Axes, levels: Sequence[str]) -> None:
    """One tick per level, turned where the labels would touch."""
    crowded = sum(map(len, levels)) > 34 or max(map(len, levels)) > 12
    ax.set_xticks(range(len(levels)), [shortened(level) for level in levels])
    if crowded:
        ax.tick_params(axis="x", rotation=35)
        for tick in ax.get_xticklabels():
            tick.set_ha("right")
            tick.set_rotation_mode("anchor")


def shortened(text: str, most: int = 24) -> str:
    """A long label, cut in the middle."""
    half = most // 2 - 1
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"
