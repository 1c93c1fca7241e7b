"""Where the values of an axis lie: numbers by their size, words side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes as Panel

from snn.analysis.axes import Axis
from snn.analysis.figures.style import level_ticks, log_ticks, shortened

WIDE = 20.0  # a larger factor between the smallest and the largest value asks for logarithms
LETTER = 0.02  # width of a letter of a tick's label, as a share of a narrow panel's width


def is_logarithmic(axis: Axis) -> bool:
    """Whether its values are positive numbers of different orders of magnitude."""
    numbers = axis.numbers
    if numbers is None or min(numbers) <= 0:
        return False
    drawn = axis.dimension is not None and axis.dimension.log
    return drawn or max(numbers) / min(numbers) > WIDE


def is_continuous(axis: Axis) -> bool:
    """Whether its values can be put where their size says.

    Zero beside numbers of several orders of magnitude has no place on either scale.
    """
    numbers = axis.numbers
    if numbers is None or len(numbers) < 2:
        return False
    positive = [abs(number) for number in numbers if number]
    return is_logarithmic(axis) or max(positive) / min(positive) <= WIDE


def places(axis: Axis) -> np.ndarray:
    """The position of each level along an axis of a panel."""
    if is_continuous(axis):
        return np.array(axis.numbers, dtype=float)
    return np.arange(len(axis.levels), dtype=float)


def fractions(axis: Axis) -> np.ndarray:
    """The same from 0 to 1, on the scale that suits it; 0.5 for a single level."""
    place = np.log(places(axis)) if is_logarithmic(axis) else places(axis)
    width = np.ptp(place)
    return (place - place.min()) / width if width > 0 else np.full(len(place), 0.5)


def spread_along(panel: Panel, axis: Axis, room: float = 0.12) -> None:
    """Give a panel's x axis the scale of an axis, a tick at each level, and its title."""
    panel.set_xlabel(axis.title)
    if not is_continuous(axis):
        level_ticks(panel, axis.shown)
        panel.set_xlim(-0.5, len(axis.levels) - 0.5)
        return
    place = places(axis)
    low, high = place.min(), place.max()
    if is_logarithmic(axis):
        panel.set_xscale("log")
        margin = (high / low) ** room
        panel.set_xlim(low / margin, high * margin)
    else:
        panel.set_xlim(low - room * (high - low), high + room * (high - low))
    if axis.is_search:
        if is_logarithmic(axis):
            log_ticks(panel)
        return
    kept = _apart(fractions(axis), axis.shown)
    panel.set_xticks(place[kept], [shortened(axis.shown[i]) for i in kept])
    panel.minorticks_off()


def _apart(fraction: np.ndarray, labels: list[str]) -> list[int]:
    """Levels whose labels do not touch each other; the first and the last are always named."""
    last = len(labels) - 1
    kept = [0]

    def touch(i: int, j: int) -> bool:
        return fraction[j] - fraction[i] < LETTER * (len(labels[i]) + len(labels[j]) + 2)

    for i in range(1, last):
        if not touch(kept[-1], i) and not touch(i, last):
            kept.append(i)
    return [*kept, last]
