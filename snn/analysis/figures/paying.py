"""Less is more: accuracy against spikes, hidden neurons and steps, and where more stops paying."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes as Panel
from matplotlib.figure import Figure

from snn.analysis.figures.style import (
    BOX,
    GREY,
    colour,
    lowest_shown,
    marker,
    new_figure,
)
from snn.analysis.paying import SIZES, SPIKES, Curve, of_panel
from snn.analysis.study import Study

TITLES = {SPIKES: "hidden spikes per sample", **SIZES}
ROOM = 0.12  # of the panel's width on either side


def paying_figure(study: Study, found: Sequence[Curve]) -> Figure:
    """Three panels with one scale of accuracy; grey are the points of the grid."""
    figure = new_figure(10.0, 3.6)
    panels = figure.subplots(1, 3, sharey=True)
    for panel, (size, title) in zip(panels, TITLES.items(), strict=True):
        _draw(panel, study, size, of_panel(found, size))
        panel.set_xlabel(title)
    panels[0].set_ylabel(f"{study.metric.title} (%)")
    _scale(panels[0], study, found)
    handles, labels = panels[0].get_legend_handles_labels()
    for panel in panels[1:]:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles, labels = [*handles, handle], [*labels, label]
    figure.legend(handles, labels, loc="outside upper left", ncols=6)
    return figure


def _draw(panel: Panel, study: Study, size: str, found: Sequence[Curve]) -> None:
    if not found:
        panel.text(0.5, 0.5, "not varied", ha="center", transform=panel.transAxes, color=GREY)
        panel.set_xticks([])
        return
    _points(panel, study, size)
    for i, curve in enumerate(found):
        # each parameter of the spikes has a look of its own; a size has the first
        place = curve.sizes if np.isfinite(curve.sizes).all() else np.arange(len(curve.values))
        look = {"color": colour(i), "marker": marker(i), "markersize": 5, "capsize": 2.5}
        panel.errorbar(
            place,
            100 * curve.accuracy,
            yerr=_bars(100 * curve.accuracy_sd),
            xerr=_bars(curve.sizes_sd) if size == SPIKES else None,
            label=f"mean by {curve.axis.title}" if size == SPIKES and len(found) > 1 else "mean",
            **look,
        )
        _knee(panel, curve, place, i)
        if size != SPIKES:
            panel.set_xticks(place, curve.values)
            panel.margins(x=ROOM)
    if size == SPIKES:
        panel.set_xlim(left=0)


def _bars(spread: np.ndarray) -> np.ndarray | None:
    return spread if np.isfinite(spread).all() else None


def _points(panel: Panel, study: Study, size: str) -> None:
    """Every point of the grid, averaged over replicates."""
    if size == SPIKES:
        place = study.points[SPIKES]
    else:
        numbers = study.axis(size).numbers
        codes = study.points[size]
        place = codes if numbers is None else codes.map(dict(enumerate(numbers)))
    look = {"color": GREY, "alpha": 0.35, "markersize": 3, "zorder": 1}
    panel.plot(place, 100 * study.points["value"], "o", label="points of the grid", **look)


def _knee(panel: Panel, curve: Curve, place: np.ndarray, number: int) -> None:
    """A ring, and a line down to the size."""
    x, y = place[curve.knee], 100 * curve.accuracy[curve.knee]
    panel.axvline(x, color=colour(number), linestyle=":", linewidth=1.2, zorder=1)
    look = {"markerfacecolor": "none", "markeredgecolor": "black", "markersize": 11, "zorder": 4}
    panel.plot([x], [y], "o", label="more stops paying", **look)
    side = 1 if x <= np.mean(place) else -1
    value = curve.values[curve.knee]
    named = f"{curve.axis.short}={value}" if curve.panel == SPIKES else value
    panel.annotate(
        f"{named} or more" if curve.pays_on and curve.panel != SPIKES else named,
        *((x, y), (9 * side, -20)),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        fontsize=8,
        bbox=BOX,
        zorder=5,
    )


def _scale(panel: Panel, study: Study, found: Sequence[Curve]) -> None:
    """From what is not collapsed up to the best, so that differences can be seen."""
    values = 100 * study.points["value"].dropna().to_numpy()
    drawn = np.concatenate([100 * curve.accuracy for curve in found])
    spread = np.concatenate([100 * np.nan_to_num(curve.accuracy_sd) for curve in found])
    low = min(lowest_shown(values), float((drawn - spread).min()))
    high = max(float(values.max()), float((drawn + spread).max()))
    room = 0.06 * max(high - low, 1e-3)
    panel.set_ylim(low - 2 * room, min(high + room, 100 + room))
