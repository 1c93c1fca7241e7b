"""All points: against their costs, and along all axes at once."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes as Panel
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from snn.analysis.axes import Axis
from snn.analysis.figures.scales import fractions, is_continuous, is_logarithmic
from snn.analysis.figures.style import (
    BOX,
    GREY,
    SCALE,
    colour,
    log_ticks,
    lowest_shown,
    new_figure,
    shortened,
)
from snn.analysis.statistics import pareto_front
from snn.analysis.study import Study
from snn.analysis.values import number_label

MOST_NAMED = 8  # ticks of one parallel axis


def costs(study: Study) -> Figure:
    """The metric against training time and against spikes, with the Pareto fronts."""
    figure = new_figure(9.5, 3.8)
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"seconds": "training time (s)", "spikes": "hidden spikes per sample"}
    for panel, (cost, title) in zip(panels, titles.items(), strict=True):
        _front(panel, study, cost)
        panel.set_xlabel(title)
    panels[0].set_ylabel(f"{study.metric.title}{study.metric.unit}")
    handles, labels = panels[0].get_legend_handles_labels()
    if not handles:
        handles, labels = panels[1].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure


def _front(panel: Panel, study: Study, cost: str) -> None:
    points = study.points.dropna(subset=["metric", cost])
    if points.empty:
        panel.text(0.5, 0.5, "not recorded", ha="center", transform=panel.transAxes)
        return
    x, y = points[cost].to_numpy(), study.metric.factor * points["value"].to_numpy()
    front = pareto_front(x, points["metric"].to_numpy())
    panel.plot(x, y, "o", color=GREY, alpha=0.45, markersize=4, label="points", zorder=1)
    panel.plot(
        x[front],
        y[front],
        color=colour(0),
        marker="o",
        markersize=5,
        drawstyle="steps-post",
        label="Pareto front",
        zorder=2,
    )
    low, high = lowest_shown(y), y.max()
    below = int((y < low).sum())
    panel.set_ylim(low - 0.05 * (high - low or 1), high + 0.08 * (high - low or 1))
    if below:
        text = f"{below} points lie below"
        panel.text(0.98, 0.02, text, ha="right", transform=panel.transAxes, fontsize=8, bbox=BOX)
    best = front[-1]
    panel.plot(
        x[best], y[best], "*", color=colour(5), markersize=12, label="best at least cost", zorder=3
    )
    positive = x.min() > 0
    if positive and x.max() / x.min() > 8:
        log_ticks(panel)


def parallel_coordinates(study: Study) -> Figure:
    """A line per point through its values, coloured by the metric, the best five on top."""
    points = study.points.dropna(subset="metric").iloc[::-1]  # the best are drawn last
    axes, count = study.axes.axes, len(study.axes.axes)
    figure = new_figure(max(6.0, 1.7 * (count + 1)), 4.2)
    ax = figure.subplots()
    values = study.metric.factor * points["value"].to_numpy()
    low, high = lowest_shown(values), float(values.max())
    clipped = np.maximum(values, low)
    span = (high - low) or 1.0
    lines = np.empty((len(points), count + 1))
    # Lines that share a value are fanned out by their rank, so that they can be told apart.
    fan = np.linspace(-0.5, 0.5, len(points)) if len(points) > 1 else np.zeros(1)
    for i, axis in enumerate(axes):
        along = fractions(axis)
        gap = np.diff(np.sort(along)).min() if len(along) > 1 else 1.0
        lines[:, i] = along[points[axis.key]] + fan * min(0.10, 0.3 * gap)
    lines[:, count] = (clipped - low) / span if high > low else 0.5
    scale, norm = colormaps[SCALE], Normalize(low, high if high > low else low + 1)
    best = np.arange(len(points)) >= len(points) - 5
    ax.add_collection(
        LineCollection(
            [np.column_stack([np.arange(count + 1), line]) for line in lines],
            colors=scale(norm(values)),
            linewidths=np.where(best, 2.4, 0.8),
            alpha=np.where(best, 1.0, 0.3 if len(points) > 300 else 0.6),
        )
    )
    ax.set_xlim(-0.15, count + 0.15)
    ax.set_ylim(-0.1, 1.1)
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_visible(False)
    titles = [axis.title for axis in axes] + [f"{study.metric.title}\n{study.metric.unit.strip()}"]
    ax.set_xticks(range(count + 1), [_wrapped(title) for title in titles])
    ax.tick_params(axis="x", length=0)
    for i, axis in enumerate(axes):
        ax.axvline(i, color="black", linewidth=0.8, zorder=3)
        if axis.is_search and is_continuous(axis):
            for share, text in _ticks(axis):
                _name(ax, i, share, text)
            continue
        chosen = np.unique(np.linspace(0, len(axis.levels) - 1, MOST_NAMED).round().astype(int))
        for code in chosen:
            _name(ax, i, fractions(axis)[code], shortened(axis.shown[code], 16))
    ax.axvline(count, color="black", linewidth=0.8, zorder=3)
    digits = 1 if study.metric.is_accuracy else 3
    for share in np.linspace(0, 1, 5) if high > low else [0.5]:
        floor = "≤ " if share == 0 and values.min() < low else ""
        _name(ax, count, share, f"{floor}{low + share * span * (high > low):.{digits}f}")
    extend = "min" if values.min() < low else "neither"
    bar = figure.colorbar(ScalarMappable(norm, scale), ax=ax, pad=0.01, aspect=30, extend=extend)
    bar.set_label(f"{study.metric.title}{study.metric.unit}")
    return figure


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    """Places from 0 to 1 along an axis of drawn numbers, and the numbers there."""
    shares = np.linspace(0, 1, 5)
    low, high = min(axis.numbers), max(axis.numbers)
    scale = np.geomspace if is_logarithmic(axis) else np.linspace
    return [
        (share, number_label(float(f"{value:.2g}")))
        for share, value in zip(shares, scale(low, high, len(shares)), strict=True)
    ]


def _name(ax: Panel, x: float, y: float, text: str) -> None:
    ax.annotate(
        text,
        (x, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        zorder=4,
        bbox=BOX,
    )


def _wrapped(title: str) -> str:
    return title if len(title) < 14 else title.replace(" ", "\n", 1)
