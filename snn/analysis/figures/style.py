"""What all figures share: colours that colour-blind readers can tell apart, sizes, files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe & Ito (2008), without its yellow, which is too light on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SCALE = "cividis"  # even in lightness, and to colour-blind eyes
GREY = "#777777"
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
    return Figure(figsize=(width, height), layout="constrained")


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]


def save(figure: Figure, stem: Path) -> bytes:
    """Write ``<stem>.png`` and ``<stem>.svg``; the bytes of the first."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    stem.with_suffix(".png").write_bytes(buffer.getvalue())
    figure.savefig(stem.with_suffix(".svg"), format="svg", metadata={"Date": None})
    return buffer.getvalue()


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
