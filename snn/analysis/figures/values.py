"""Grouped bars: accuracies and run time of each value of a parameter, collapsed runs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes as Panel
from matplotlib.figure import Figure

from snn.analysis.axes import Axis
from snn.analysis.collapse import Collapse
from snn.analysis.figures.style import BOX, GREY, colour, level_ticks, log_ticks, new_figure
from snn.analysis.recommend import marginal_means
from snn.analysis.study import Study

SPLITS = {"train": "training", "val": "validation", "test": "test"}
MOST_LABELLED = 6  # values; with more, numbers in the bars would touch
MOST_LEVEL = 9  # bars; with more, numbers are turned


def value_bars(study: Study, axis: Axis) -> Figure:
    """Mean accuracies and run time of each value, over all other parameters, with spread."""
    width = 8.0 if len(axis.levels) <= MOST_LABELLED else 10.0
    figure = new_figure(width, 3.3)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    if axis.is_search:
        _scatter(left, right, study, axis)
        return figure
    means = marginal_means(study, axis.key).reindex(range(len(axis.levels)))
    shown = [split for split in SPLITS if means[split].notna().any()]
    bar = 0.8 / max(1, len(shown))
    tallest = 0.0
    for i, split in enumerate(shown):
        place = np.arange(len(means)) + (i - (len(shown) - 1) / 2) * bar
        heights, spread = 100 * means[split], 100 * means[f"{split}_sd"].fillna(0)
        tallest = max(tallest, (heights + spread).max())
        left.bar(place, heights, 0.94 * bar, color=colour(i), label=SPLITS[split])
        _error_bars(left, place, heights, spread, top=100.0)
        if len(means) <= MOST_LABELLED:
            _numbers(left, place, heights, upright=len(means) * len(shown) > MOST_LEVEL)
    left.set_ylim(0, min(105.0, max(5.0, 1.15 * tallest)))
    left.set_ylabel("mean accuracy (%)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    time, spread = means["seconds"], means["seconds_sd"].fillna(0)
    right.bar(range(len(means)), time, 0.6, color=GREY)
    _error_bars(right, np.arange(len(means)), time, spread)
    right.set_ylabel("mean training time (s)")
    right.set_ylim(bottom=0)
    for panel in (left, right):
        panel.grid(axis="x", visible=False)
        panel.set_xlabel(axis.title)
        level_ticks(panel, axis.shown)
    return figure


def _numbers(panel: Panel, place, heights, upright: bool) -> None:
    """The height of each bar at its foot, where no spread covers it."""
    for x, height in zip(place, heights, strict=True):
        if height == height:
            panel.text(
                *(x, 0.02, f"{height:.1f}"),
                transform=panel.get_xaxis_transform(),
                ha="center",
                fontsize=7.5,
                rotation=90 if upright else 0,
                zorder=5,
                bbox=BOX,
            )


def _error_bars(panel: Panel, place, heights, spread, top: float = np.inf) -> None:
    """One standard deviation up and down, but not past what is possible."""
    down, up = np.minimum(spread, heights), np.minimum(spread, top - heights).clip(lower=0)
    panel.errorbar(
        place, heights, [down, up], fmt="none", ecolor="black", elinewidth=1, capsize=2.5
    )


def _scatter(left: Panel, right: Panel, study: Study, axis: Axis) -> None:
    """A point per run, for an axis with too many values for bars."""
    numbers, codes = axis.numbers, study.frame[axis.key]
    x = codes if numbers is None else np.array([numbers[code] for code in codes])
    for i, (split, name) in enumerate(SPLITS.items()):
        if study.frame[split].notna().any():
            left.plot(x, 100 * study.frame[split], ".", color=colour(i), label=name, alpha=0.6)
    left.set_ylabel("accuracy (%)")
    left.legend()
    right.plot(x, study.frame["seconds"], ".", color=GREY, alpha=0.6)
    right.set_ylabel("training time (s)")
    for panel in (left, right):
        panel.set_xlabel(axis.title if numbers is not None else f"{axis.title} (number of value)")
        if numbers is not None and min(numbers) > 0 and max(numbers) / min(numbers) > 20:
            log_ticks(panel)


def collapsed_bars(study: Study, collapse: Collapse) -> Figure:
    """Share of collapsed runs at each value of each axis."""
    axes = [axis for axis in study.axes.axes if not axis.is_search][:8] or study.axes.axes[:1]
    columns = min(4, len(axes))
    rows = -(-len(axes) // columns)
    figure = new_figure(max(4.0, 2.4 * columns), 2.6 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, axis in zip(panels.flat, axes, strict=False):
        shares = 100 * collapse.mask.groupby(study.frame[axis.key]).mean()
        panel.bar(shares.index, shares, 0.6, color=colour(5))
        panel.set_xlabel(axis.title)
        panel.grid(axis="x", visible=False)
        level_ticks(panel, axis.shown)
        panel.set_ylim(0, 105)
    for panel in panels.flat[len(axes) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("collapsed runs (%)")
    return figure
