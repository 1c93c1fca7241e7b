"""What all figures of a study share: files, scales, labels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from snn.files import write_whole
from snn.plots.style import BOX, COLOURS, GREY, SCALE, colour, marker, new_figure, styled

__all__ = [
    "BOX",
    "COLOURS",
    "GREY",
    "SCALE",
    "colour",
    "level_ticks",
    "log_ticks",
    "lowest_shown",
    "marker",
    "new_figure",
    "save",
    "shortened",
    "styled",
]

DOTS_PER_INCH = 140


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
